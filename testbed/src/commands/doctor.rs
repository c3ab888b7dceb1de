//! `testbed doctor`: why a deployment does not, or will not, run as it should.

use super::images::RegistryArgs;
use crate::cluster::NAMESPACE;
use crate::cluster::compose::{ComposeError, CompositionArgs};
use crate::cluster::connect::{ConnectionArgs, connect};
use crate::console::{ProgressLine, complain, say};
use crate::doctor::check::Check;
use crate::doctor::collect::{ClusterSource, ProbeSource, Sources, collect, probe, registry_of, skip};
use crate::doctor::examine;
use crate::doctor::facts::Facts;
use crate::doctor::report::Style;
use crate::interrupts::Interrupts;
use clap::Args;
use node_facts::Target;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const BAKE_FILE: &str = "docker-bake.hcl";

/// Checks that look at what pods on nodes have seen.
const NEED_PROBES: [Check; 6] = [
    Check::NodePulls,
    Check::PageSize,
    Check::InstructionSet,
    Check::Dependencies,
    Check::Kernel,
    Check::PerformanceState,
];

/// Arguments of `testbed doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Starts a pod on each node for some seconds and deletes it again; nothing else is changed in the cluster.\n\
    Exit status: 0 nothing found, 2 errors, 3 warnings alone, 1 it could not be carried out, 64 bad arguments.\n\
    A recording holds no passwords and no Secrets, but names of nodes, images and addresses: look into it before you send it."
)]
pub struct DoctorArgs {
    /// Look at the manifests, images, builder and collector only, at no cluster
    #[arg(long)]
    offline: bool,
    /// Look at facts that --record wrote, and at nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["offline", "record"])]
    from: Option<PathBuf>,
    /// Write the facts into a folder, such as to send it with a question
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Carry out this check alone; may be repeated
    #[arg(long, value_name = "CHECK")]
    only: Vec<Check>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Tell what passed, too, and what was seen
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    composition: CompositionArgs,
    #[command(flatten)]
    building: BuildingArgs,
    #[command(flatten)]
    registry_connection: RegistryArgs,
    #[command(flatten)]
    probing: ProbingArgs,
}

/// What images are built with, and where they are.
#[derive(Debug, Args)]
struct BuildingArgs {
    /// The registry that holds the four services [default: that of the pinned images]
    #[arg(long, value_name = "HOST:PORT", env = "REGISTRY")]
    registry: Option<String>,
    /// The builder of docker buildx
    #[arg(long, value_name = "NAME", env = "TESTBED_BUILDER", default_value = "testbed")]
    builder: String,
    /// The collector's program, to have it validate its configuration [default: otelcol-contrib or otelcol on the PATH]
    #[arg(long, value_name = "FILE")]
    otelcol: Option<PathBuf>,
}

/// The pod that looks at each node.
#[derive(Debug, Args)]
struct ProbingArgs {
    /// The image of the pod on each node, with the simulator's entrypoint [default: the simulator's pinned one]
    #[arg(long, value_name = "IMAGE")]
    probe_image: Option<String>,
    /// Start no pods: what nodes pull, reach and are like is not looked at
    #[arg(long, conflicts_with_all = ["probe_image", "reach"])]
    no_probe: bool,
    /// What the pods are to connect to besides what the manifests name; may be repeated
    #[arg(long, value_name = "NAME=HOST:PORT")]
    reach: Vec<Target>,
}

/// Collects or reads facts, examines them and prints the report.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let facts = match &args.from {
        Some(folder) => Facts::read(folder)?,
        None => collected(args).await?,
    };
    if let Some(folder) = &args.record {
        facts.write(folder)?;
        complain(&format!("wrote the facts to {}", folder.display()));
    }
    let report = examine(&facts, &args.only);
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(&report.to_text(Style::of_terminal(), args.verbose));
    }
    Ok(ExitCode::from(report.exit_code()))
}

async fn collected(args: &DoctorArgs) -> anyhow::Result<Facts> {
    let mut interrupts = Interrupts::listen()?;
    let mut line = ProgressLine::of_stderr();
    let collecting = async {
        let sources = sources(args, &mut |text: &str| line.show(text)).await?;
        let facts = collect(&sources, &mut |text: &str| line.show(text)).await;
        anyhow::Ok((sources, facts))
    };
    let collected = tokio::select! {
        collected = collecting => collected,
        () = interrupts.next() => Err(interrupted()),
    };
    let (sources, mut facts) = collected.inspect_err(|_| line.clear())?;
    if let Some(reason) = reason_for_no_probe(args) {
        skip(&mut facts, reason);
        line.clear();
        return Ok(facts);
    }
    let wanted = ProbeSource { image: args.probing.probe_image.clone(), targets: args.probing.reach.clone() };
    let probed =
        probe(&sources, &wanted, &mut facts, &mut |text: &str| line.show(text), &mut interrupts).await;
    line.clear();
    probed.left.iter().for_each(|left| complain(left));
    if probed.is_interrupted { Err(interrupted()) } else { Ok(facts) }
}

/// A recording is of everything, whatever is told of it here.
fn reason_for_no_probe(args: &DoctorArgs) -> Option<&'static str> {
    if args.probing.no_probe {
        return Some("no probe (--no-probe)");
    }
    let is_needed = args.record.is_some()
        || args.only.is_empty()
        || args.only.iter().any(|check| NEED_PROBES.contains(check));
    (!is_needed).then_some("no probe, as the checks of --only need none")
}

fn interrupted() -> anyhow::Error {
    anyhow::anyhow!("interrupted: there is no report")
}

async fn sources(args: &DoctorArgs, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Sources> {
    let cluster = if args.offline {
        Err("no cluster was asked (--offline)".to_owned())
    } else {
        progress("connecting to the cluster");
        let cluster = connect(&args.connection).await;
        let cluster =
            cluster.map_err(|error| anyhow::anyhow!("{error}; or look at the rest with --offline"))?;
        Ok(ClusterSource { cluster, namespace: NAMESPACE.to_owned() })
    };
    progress("rendering the manifests");
    let manifests = match args.composition.draft().await {
        Err(error) if error.downcast_ref().is_some_and(ComposeError::is_bad_argument) => return Err(error),
        manifests => manifests.map_err(|error| format!("{error:#}")),
    };
    let named = args.building.registry.clone().filter(|registry| !registry.is_empty());
    let pinned = || registry_of(&manifests.as_ref().ok()?.objects);
    let folder = args.composition.folder().unwrap_or_default();
    Ok(Sources {
        bake_file: folder.parent().unwrap_or(Path::new("")).join(BAKE_FILE),
        registry: named.or_else(pinned),
        revision: args.composition.revision.clone(),
        registry_options: args.registry_connection.options(),
        builder: args.building.builder.clone(),
        otelcol: args.building.otelcol.clone(),
        manifests,
        cluster,
    })
}

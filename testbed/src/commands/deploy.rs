//! `testbed deploy`: puts the testbed into a cluster, and waits until it runs.

mod fit;
mod told;

use crate::cluster::apply::{self, How, Plan};
use crate::cluster::compose::CompositionArgs;
use crate::cluster::connect::{Cluster, ConnectionArgs, connect};
use crate::cluster::inventory::{self, Inventory};
use crate::cluster::kinds::Kinds;
use crate::cluster::objects::{Object, ObjectKey};
use crate::cluster::rights::{self, Right};
use crate::cluster::{NAMESPACE, confirm, prune, watch};
use crate::console::{complain, say};
use crate::interrupts::Interrupts;
use clap::Args;
use fit::Unready;
use service::config::{ConfigError, EXIT_USAGE};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;
use watch::Outcome;

/// Exit code of a testbed that the cluster cannot take, or that does not come up.
const EXIT_REFUSED: u8 = 2;

/// Arguments of `testbed deploy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows what would change, applies it, and waits until all pods are ready. What it has not created is never changed.\n\
    Exit status: 0 all runs, 2 the cluster cannot take it or it does not come up, 1 it could not be carried out, 64 bad arguments."
)]
pub struct DeployArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    composition: CompositionArgs,
    /// Take fields over that somebody else has changed
    #[arg(long)]
    overwrite: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until it runs
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until it runs
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout_s: u64,
    /// Do not ask whether this is the cluster that is meant
    #[arg(long)]
    yes: bool,
}

impl DeployArgs {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }
}

/// Deploys.
///
/// # Errors
/// What prevented it; nothing is applied where it can be known before.
pub async fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    deploy(args).await.or_else(|error| {
        let error = error.downcast::<ConfigError>()?;
        complain(&error.to_string());
        Ok(ExitCode::from(EXIT_USAGE))
    })
}

async fn deploy(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let composed = args.composition.deployable().await?;
    let (revision, objects) = (composed.revision(), composed.objects);
    let cluster = connect(&args.connection).await?;
    let keys: Vec<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
    let mut kinds = Kinds::require(&cluster, &keys).await?;
    rights::require(&cluster, needed(&kinds, &keys)).await?;
    kinds.require_in_namespace(&keys)?;
    let nodes = fit::nodes(&cluster).await?;
    let earlier = inventory::read(&cluster).await?;
    let unready = if args.no_wait || args.dry_run { Unready::Accept } else { Unready::Wait(args.timeout()) };
    if !fit::fits(&cluster, &objects, nodes.clone(), unready).await? {
        return Ok(ExitCode::from(EXIT_REFUSED));
    }
    let how = How { is_overwriting: args.overwrite };
    let plan = apply::plan(&cluster, &kinds, objects, earlier.as_ref(), how).await?;
    if !plan.pruned.is_empty() {
        let all: Vec<&ObjectKey> = keys_of(&plan).chain(&plan.pruned).collect();
        (kinds, _) = Kinds::discover(&cluster, &all).await?;
    }
    let deleted: Vec<&ObjectKey> = plan.deleted().collect();
    rights::require(&cluster, rights::on_objects(&kinds, &deleted, &["get", "delete"])).await?;
    say(&told::plan(&plan));
    if args.dry_run {
        say(&told::checked(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    if earlier.is_none() {
        say(&format!("\n{}\n", confirm::described(&cluster, &nodes)));
        if !confirm::ask("the testbed has never been on this cluster: deploy it there?", args.yes)? {
            return Ok(ExitCode::from(EXIT_REFUSED));
        }
    }
    apply::apply(&cluster, &kinds, &plan, earlier.as_ref(), &revision, how).await?;
    let code = if args.no_wait { ExitCode::SUCCESS } else { wait(args, &cluster, &kinds, &plan).await? };
    if code == ExitCode::SUCCESS {
        finish(&cluster, &kinds, &plan, earlier.as_ref(), &revision, args.no_wait).await?;
    }
    Ok(code)
}

fn keys_of(plan: &Plan) -> impl Iterator<Item = &ObjectKey> {
    plan.changes.iter().map(|(object, _)| &object.key)
}

fn needed(kinds: &Kinds, keys: &[&ObjectKey]) -> BTreeSet<Right> {
    let mut needed = rights::on_objects(kinds, keys, &["get", "create", "patch"]);
    for verb in ["get", "create", "patch"] {
        needed.insert(Right::new(verb, "", "configmaps", Some(NAMESPACE)));
    }
    needed.extend(rights::to_watch(NAMESPACE));
    needed
}

async fn wait(args: &DeployArgs, cluster: &Cluster, kinds: &Kinds, plan: &Plan) -> anyhow::Result<ExitCode> {
    let is_workload = |object: &Object| object.pod_template().is_some() && object.key.kind != "CronJob";
    let workloads = plan.changes.iter().filter(|(object, _)| is_workload(object));
    let workloads: Vec<ObjectKey> = workloads.map(|(object, _)| object.key.clone()).collect();
    let mut interrupts = Interrupts::listen()?;
    let outcome = watch::wait(cluster, kinds, &workloads, args.timeout(), &mut interrupts).await?;
    Ok(match outcome {
        Outcome::Ready => {
            say("\neverything runs; `testbed forward` makes it reachable from here");
            ExitCode::SUCCESS
        }
        Outcome::Failed(faults) => {
            complain(&format!("it does not come up:\n{}", told::faults(&faults)));
            ExitCode::from(EXIT_REFUSED)
        }
        Outcome::TimedOut { waiting, faults } => {
            let text = told::waiting(&waiting, &faults);
            complain(&format!("not everything runs after {} s (--timeout-s):\n{text}", args.timeout_s));
            ExitCode::from(EXIT_REFUSED)
        }
        Outcome::Interrupted => {
            complain("interrupted: it was applied, and comes up by itself; run it again to wait");
            ExitCode::from(EXIT_REFUSED)
        }
    })
}

/// Deletes what is no longer wanted, and writes down what is left. Settings that pods of the version before may still read wait
/// for a deployment that saw them go.
async fn finish(
    cluster: &Cluster,
    kinds: &Kinds,
    plan: &Plan,
    earlier: Option<&Inventory>,
    revision: &str,
    is_read: bool,
) -> anyhow::Result<()> {
    let is_kept = |key: &&ObjectKey| is_read && matches!(key.kind.as_str(), "ConfigMap" | "Secret");
    let (kept, pruned): (Vec<&ObjectKey>, Vec<&ObjectKey>) = plan.pruned.iter().partition(is_kept);
    let pruned: Vec<ObjectKey> = pruned.into_iter().cloned().collect();
    prune::delete(cluster, kinds, &pruned, prune::Stuck::Tell).await?;
    let mut inventory = plan.inventory(earlier, revision);
    inventory.objects.extend(kept.into_iter().cloned());
    if earlier != Some(&inventory) {
        inventory::write(cluster, &inventory).await?;
    }
    Ok(())
}

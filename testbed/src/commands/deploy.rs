//! `testbed deploy`: puts the testbed into a cluster, and waits until it runs.

mod fit;
mod told;

use crate::cluster::apply::How;
use crate::cluster::compose::CompositionArgs;
use crate::cluster::connect::{Cluster, ConnectionArgs, connect};
use crate::cluster::deployment::{self, Deployment};
use crate::cluster::{confirm, watch};
use crate::console::{complain, say};
use crate::interrupts::Interrupts;
use clap::Args;
use fit::Unready;
use service::config::{ConfigError, EXIT_USAGE};
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
    let kinds = deployment::require(&cluster, &objects).await?;
    let nodes = fit::nodes(&cluster).await?;
    let unready = if args.no_wait || args.dry_run { Unready::Accept } else { Unready::Wait(args.timeout()) };
    if !fit::fits(&cluster, &objects, nodes.clone(), unready).await? {
        return Ok(ExitCode::from(EXIT_REFUSED));
    }
    let how = How { is_overwriting: args.overwrite };
    let deployment = Deployment::plan(&cluster, kinds, objects, how).await?;
    say(&told::plan(&deployment.plan));
    if args.dry_run {
        say(&told::checked(&deployment.plan));
        return Ok(ExitCode::SUCCESS);
    }
    if deployment.earlier.is_none() {
        say(&format!("\n{}\n", confirm::described(&cluster, &nodes)));
        if !confirm::ask("the testbed has never been on this cluster: deploy it there?", args.yes)? {
            return Ok(ExitCode::from(EXIT_REFUSED));
        }
    }
    deployment.apply(&cluster, &revision).await?;
    let code = if args.no_wait { ExitCode::SUCCESS } else { wait(args, &cluster, &deployment).await? };
    if code == ExitCode::SUCCESS {
        deployment.finish(&cluster, &revision, args.no_wait).await?;
    }
    Ok(code)
}

async fn wait(args: &DeployArgs, cluster: &Cluster, deployment: &Deployment) -> anyhow::Result<ExitCode> {
    let workloads = deployment.workloads();
    let mut interrupts = Interrupts::listen()?;
    let outcome =
        watch::wait(cluster, &deployment.kinds, &workloads, args.timeout(), &mut interrupts).await?;
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

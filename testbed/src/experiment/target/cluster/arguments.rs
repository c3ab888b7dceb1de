//! Arguments of runs on a cluster.

use super::{ClusterOptions, ClusterTarget};
use crate::cluster::compose::Pin;
use crate::cluster::connect::{ConnectionArgs, connect};
use crate::stack::programs::locate;
use anyhow::{Context, ensure};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Fewer leave no results in Redis, from where they are fetched.
const SHARDS_MIN: u32 = 2;

/// Which cluster, and what of a testbed no plan says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Runs on a cluster")]
pub struct ClusterArgs {
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What is deployed beside the services and their Redis, such as network-policy; a collector only for runs with telemetry
    #[arg(long = "component", value_name = "NAME")]
    pub components: Vec<String>,
    /// The images: a folder that `testbed images pin` wrote [default: images/current, or the only one]
    #[arg(long, value_name = "TAG")]
    pub revision: Option<String>,
    /// The folder with the manifests [default: kubernetes in the working directory, else in the checkout of this program]
    #[arg(long, value_name = "DIR")]
    pub kubernetes: Option<PathBuf>,
    /// The node of redis or simulator in all runs, such as simulator=NODE; may be repeated
    #[arg(long = "node", value_name = "WORKLOAD=NODE")]
    pub nodes: Vec<Pin>,
    /// Simulators that send each load together
    #[arg(long, value_name = "NUMBER", default_value_t = SHARDS_MIN)]
    pub shards: u32,
    /// The simulator's program here, which fetches results [default: beside testbed]
    #[arg(long, value_name = "PATH")]
    pub simulator: Option<PathBuf>,
    /// Leave the namespace at the end, and after an interruption all that is in it
    #[arg(long)]
    pub keep: bool,
    /// Seconds that all pods have to become ready; nodes may have to pull images first
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub timeout_s: u64,
}

impl ClusterArgs {
    /// Those that somebody has said, by their names; an own default does not count, nor the environment.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--context", self.connection.context.is_some()),
            ("--component", !self.components.is_empty()),
            ("--revision", self.revision.is_some()),
            ("--kubernetes", self.kubernetes.is_some()),
            ("--node", !self.nodes.is_empty()),
            ("--shards", self.shards != SHARDS_MIN),
            ("--simulator", self.simulator.is_some()),
            ("--keep", self.keep),
        ];
        all.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
    }

    /// The cluster, which has answered.
    ///
    /// # Errors
    /// As [`Self::options`], and a cluster that does not answer.
    pub async fn target(&self) -> anyhow::Result<ClusterTarget> {
        let options = self.options()?;
        Ok(ClusterTarget::new(connect(&self.connection).await?, options))
    }

    /// What is needed for runs on a cluster, found.
    ///
    /// # Errors
    /// What cannot be had, and what to do.
    pub fn options(&self) -> anyhow::Result<ClusterOptions> {
        ensure!(
            self.shards >= SHARDS_MIN,
            "--shards is at least {SHARDS_MIN}: a simulator that sends alone leaves its results in its pod, where nobody can \
             fetch them"
        );
        let testbed = std::env::current_exe().context("cannot see where testbed itself is")?;
        let beside = testbed.parent().context("testbed is in no directory")?;
        let found = || locate("simulator", beside, None);
        let simulator = self.simulator.clone().or_else(found).with_context(|| {
            format!(
                "there is no simulator in {}: build it with `cargo build --release -p simulator`, or say --simulator",
                beside.display()
            )
        })?;
        Ok(ClusterOptions {
            components: self.components.clone(),
            revision: self.revision.clone(),
            kubernetes: self.kubernetes.clone(),
            nodes: self.nodes.clone(),
            shards: self.shards,
            simulator,
            timeout: Duration::from_secs(self.timeout_s),
        })
    }
}

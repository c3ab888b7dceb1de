//! Where runs are carried out.

use super::watch::{Watcher, watch};
use crate::cluster::NAMESPACE;
use crate::console::{complain, say};
use crate::experiment::campaign::Runner;
use crate::experiment::on_target::{Noise, OnTarget};
use crate::experiment::run::RunRequest;
use crate::experiment::target::Target;
use crate::experiment::target::cluster::{ClusterArgs, ClusterTarget, Remains};
use crate::experiment::target::local::LocalTarget;
use crate::experiment::target::local::arguments::LocalArgs;
use crate::interrupts::Interrupts;
use crate::processors::ProcessorSet;
use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use experiment::bundle::TargetKind;
use experiment::cell::Cell;
use experiment::record::RunRecord;
use std::time::Duration;

/// Where, and with what.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// Processes on this machine, or pods in a cluster
    #[arg(long, value_enum, default_value_t = PlaceName::Local)]
    pub(super) target: PlaceName,
    /// Most seconds that a load waits for others on the machine to be quiet
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    quiet_wait: u64,
    /// Use runs that the gates for noise refuse, with a mark: for trials on a machine that others use as well; loads then do not
    /// wait for quiet
    #[arg(long)]
    accept_noise: bool,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlaceName {
    Local,
    Cluster,
}

impl From<TargetKind> for PlaceName {
    fn from(kind: TargetKind) -> Self {
        match kind {
            TargetKind::Local => Self::Local,
            TargetKind::Cluster => Self::Cluster,
        }
    }
}

/// A place that is ready for runs.
pub(super) enum Place {
    Local(Box<OnTarget<LocalTarget, Watcher>>),
    /// With what its runs leave, where it is not to be kept.
    Cluster(Box<OnTarget<ClusterTarget, Watcher>>, Option<Remains>),
}

impl PlaceArgs {
    fn noise(&self) -> Noise {
        if self.accept_noise { Noise::Accepted } else { Noise::Awaited(Duration::from_secs(self.quiet_wait)) }
    }

    /// The place, after a look whether each cell can be had there.
    ///
    /// # Errors
    /// What is missing, or the first cell that cannot be had.
    pub(super) async fn prepare(&self, cells: &[Cell]) -> anyhow::Result<Place> {
        self.refuse_options_of_others()?;
        match self.target {
            PlaceName::Local => {
                let allowed = ProcessorSet::allowed().context("cannot see which processors may be used")?;
                let mut target = LocalTarget::keeping_aside(self.local.options()?, &allowed)?;
                target.check(cells).await?;
                Ok(Place::Local(Box::new(OnTarget::new(target, self.noise(), watch()))))
            }
            PlaceName::Cluster => {
                let mut target = self.cluster.target().await?;
                target.check(cells).await?;
                let remains = (!self.cluster.keep).then(|| target.remains());
                let runner = OnTarget::new(target, self.noise(), watch());
                Ok(Place::Cluster(Box::new(runner), remains))
            }
        }
    }
}

impl PlaceArgs {
    /// An option that nothing comes of would be believed to have been heeded.
    fn refuse_options_of_others(&self) -> anyhow::Result<()> {
        let (here, others) = match self.target {
            PlaceName::Local => ("local", self.cluster.given()),
            PlaceName::Cluster => ("cluster", self.local.given()),
        };
        ensure!(
            others.is_empty(),
            "{} {} nothing with --target {here}: leave {} out, or choose the other target",
            others.join(", "),
            if others.len() == 1 { "does" } else { "do" },
            if others.len() == 1 { "it" } else { "them" },
        );
        Ok(())
    }
}

impl Place {
    pub(super) fn kind(&self) -> TargetKind {
        match self {
            Self::Local(_) => TargetKind::Local,
            Self::Cluster(..) => TargetKind::Cluster,
        }
    }

    /// Takes away what runs have left there, after the last one or an interruption. What cannot be taken away is told: results
    /// are whole without it.
    pub(super) async fn leave(&self, interrupts: &mut Interrupts) {
        let Self::Cluster(_, Some(remains)) = self else { return };
        say(&format!("taking away what is in the namespace {NAMESPACE}"));
        let left = tokio::select! {
            left = remains.take_away() => left,
            () = interrupts.next() => Err(anyhow::anyhow!("interrupted again")),
        };
        match left {
            Ok(Some(what)) => say(&format!("the namespace {NAMESPACE} {what}")),
            Ok(None) => {}
            Err(error) => complain(&format!(
                "what the runs have left in the namespace {NAMESPACE} is not all gone: {error:#}; the next run takes it away, or \
                 `testbed undeploy`"
            )),
        }
    }
}

impl Runner for Place {
    async fn run(&mut self, request: RunRequest<'_>) -> anyhow::Result<RunRecord> {
        match self {
            Self::Local(runner) => runner.run(request).await,
            Self::Cluster(runner, _) => runner.run(request).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        place: PlaceArgs,
    }

    fn refused(arguments: &[&str]) -> Option<String> {
        let place = Arguments::parse_from([&["test"], arguments].concat()).place;
        place.refuse_options_of_others().err().map(|error| error.to_string())
    }

    #[test]
    fn options_of_the_other_target_are_refused_by_their_names() {
        assert_eq!(refused(&["--energy-csv", "watts.csv"]), None);
        assert_eq!(refused(&["--target", "cluster", "--node", "redis=a", "--shards", "3", "--keep"]), None);
        let said = refused(&["--target", "cluster", "--energy-csv", "watts.csv"]).unwrap();
        assert!(said.starts_with("--energy-csv does nothing with --target cluster: leave it out"), "{said}");
        let said = refused(&["--node", "redis=a", "--component", "observability", "--shards", "3"]).unwrap();
        assert!(said.starts_with("--component, --node, --shards do nothing with --target local"), "{said}");
    }
}

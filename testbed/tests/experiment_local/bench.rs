//! A plan, a target and a directory for a run.

use clap::Parser;
use experiment::cell::{Cell, cells};
use experiment::order::order;
use experiment::plan::Plan;
use experiment::record::RunRecord;
use experiment::sample::Sample;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use testbed::experiment::run::{Progress, RunRequest, run};
use testbed::experiment::target::Target;
use testbed::experiment::target::local::arguments::LocalArgs;
use testbed::experiment::target::local::{LocalOptions, LocalTarget};
use testbed::processors::ProcessorSet;

pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) target: LocalTarget,
    directory: TempDir,
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    local: LocalArgs,
}

impl Bench {
    /// For a plan with these settings, each a line of TOML.
    pub(crate) fn new(settings: &str) -> Self {
        Self::with(settings, &[])
    }

    /// And with these arguments of the target.
    pub(crate) fn with(settings: &str, arguments: &[&str]) -> Self {
        Self {
            plan: plan(settings),
            target: LocalTarget::new(options(arguments)).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// With this thread kept off the simulator's processors.
    pub(crate) fn keeping_aside(allowed: &ProcessorSet) -> Self {
        let target = LocalTarget::keeping_aside(options(&[]), allowed).unwrap();
        Self { target, ..Self::new("") }
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.path().join("runs/0001")
    }

    pub(crate) fn cell(&self, id: &str) -> Cell {
        cells(&self.plan).into_iter().find(|cell| cell.id == id).unwrap()
    }

    /// Runs a cell.
    pub(crate) async fn run(
        &mut self,
        cell: &str,
        on_sample: &mut dyn FnMut(&Sample),
    ) -> anyhow::Result<RunRecord> {
        let mut progress = |progress: Progress<'_>| {
            if let Progress::Load(sample) = progress {
                on_sample(sample);
            }
        };
        self.run_patiently(cell, Duration::ZERO, &mut progress).await
    }

    /// Runs a cell, whose load waits for others to be quiet.
    pub(crate) async fn run_patiently(
        &mut self,
        cell: &str,
        patience: Duration,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> anyhow::Result<RunRecord> {
        let (cell, directory) = (self.cell(cell), self.directory());
        let planned = order(&cells(&self.plan), 1, 1).into_iter().find(|run| run.cell == cell.id).unwrap();
        let plan = self.plan.clone();
        let request =
            RunRequest { plan: &plan, planned: &planned, cell: &cell, attempt: 1, directory: &directory };
        run(&mut self.target, request, patience, progress).await
    }

    /// # Panics
    /// Where the plan cannot be had here.
    pub(crate) async fn target_checks(&mut self) {
        self.target.check(&cells(&self.plan)).await.unwrap();
    }

    /// Why the plan cannot be had here.
    pub(crate) async fn refusal(&mut self) -> String {
        format!("{:#}", self.target.check(&cells(&self.plan)).await.unwrap_err())
    }
}

fn plan(settings: &str) -> Plan {
    let text = format!(
        "name = \"tiny\"\nquestion = \"Does it run?\"\n[timing]\nwarm-up = \"1s\"\nmeasure = \"5s\"\ncool-down = \"500ms\"\n\
         [settings]\nrate = 200\n{settings}\n[[factors]]\nname = \"workers\"\nlevels = [1, 2]\n"
    );
    Plan::parse(Path::new("experiment.toml"), text).unwrap()
}

/// For programs of this build.
fn options(arguments: &[&str]) -> LocalOptions {
    let programs = Path::new(env!("CARGO_BIN_EXE_testbed")).parent().unwrap();
    for name in ["ingest-api", "process-worker", "query-api", "simulator"] {
        let message = "build the programs first: cargo build --workspace --bins";
        assert!(programs.join(name).is_file(), "{name} is not in {}: {message}", programs.display());
    }
    let own = ["test", "--programs", programs.to_str().unwrap()];
    let options = Arguments::parse_from(own.iter().chain(arguments)).local.options().unwrap();
    options.guarded_by(Path::new(env!("CARGO_BIN_EXE_testbed")))
}

/// Reasons other than noise, of which a test cannot be sure.
pub(crate) fn faults(record: &RunRecord) -> Vec<(&str, &str)> {
    let noise: Vec<&str> = record.gates.iter().map(|gate| gate.name.as_str()).collect();
    let reasons = record.verdict.reasons.iter();
    reasons
        .filter(|reason| !noise.contains(&reason.check.as_str()) && !reason.check.starts_with("simulator-"))
        .map(|reason| (reason.check.as_str(), reason.message.as_str()))
        .collect()
}

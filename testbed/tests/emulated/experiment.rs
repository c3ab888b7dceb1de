//! Runs of an experiment whose services are emulated.

use crate::command::alone;
use crate::programs::{Programs, SERVICES};
use clap::Parser;
use experiment::cell::cells;
use experiment::order::order;
use experiment::plan::Plan;
use std::path::Path;
use std::time::Duration;
use testbed::experiment::run::{RunRequest, run};
use testbed::experiment::target::Target;
use testbed::experiment::target::local::LocalTarget;
use testbed::experiment::target::local::arguments::LocalArgs;

const PLAN: &str = r#"
name = "emulated"
question = "What is it like on another processor?"
[timing]
warm-up = "1s"
measure = "5s"
[settings]
rate = 100
[[factors]]
name = "placement"
levels = ["emulated-arm64", "emulated-amd64"]
"#;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    local: LocalArgs,
}

#[tokio::test]
async fn runs_of_both_architectures_are_labelled_as_emulated() {
    let _alone = alone().await;
    // They are missing with a message that says what makes them.
    drop((Programs::of("arm64"), Programs::of("amd64")));
    let own = Path::new(env!("CARGO_BIN_EXE_testbed"));
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    let directory = |name: &str| dist.join(name).display().to_string();
    let programs = own.parent().unwrap().display().to_string();
    let [arm64, amd64] = ["arm64", "amd64"].map(directory);
    let arguments = ["test", "--programs", &programs, "--programs-arm64", &arm64, "--programs-amd64", &amd64];
    let options = Arguments::parse_from(arguments).local.options().unwrap().guarded_by(own);
    let mut target = LocalTarget::new(options).unwrap();
    let plan = Plan::parse(Path::new("experiment.toml"), PLAN.into()).unwrap();
    let cells = cells(&plan);
    target.check(&cells).await.unwrap();
    for (cell, architecture) in cells.iter().zip(["arm64", "amd64"]) {
        let planned = order(&cells, 1, 1).into_iter().find(|run| run.cell == cell.id).unwrap();
        let results = tempfile::tempdir().unwrap();
        let request =
            RunRequest { plan: &plan, planned: &planned, cell, attempt: 1, directory: results.path() };
        let record = run(&mut target, request, Duration::ZERO, &mut |_| {}).await.unwrap();
        assert_eq!(record.audit.outcome.as_deref(), Some("pass"), "{:#?}", record.verdict);
        assert!(record.metrics["accepted-to-queryable-p50"].value > 0.0);
        let services = record.services.iter().filter(|facts| facts.name != "redis");
        let labels: Vec<(&str, bool)> =
            services.map(|facts| (facts.architecture.as_str(), facts.is_emulated)).collect();
        assert_eq!(labels, [(architecture, true); SERVICES.len() - 1]);
    }
}

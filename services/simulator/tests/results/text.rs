//! What a person is shown of a run.

use std::path::PathBuf;

use simulator::aggregate::Ending;
use simulator::plan::{Load, Plan};
use simulator::result::{ShardClock, ShardsSummary};
use simulator::verdict::judge;
use simulator::{RunResult, summary};

use crate::fabricate::{ending, open, phase, plan, probes, result, run, shard_plan};

/// The summary of a result whose directory does not depend on the test.
fn shown(mut result: RunResult) -> String {
    result.directory = PathBuf::from("results/run-1");
    let text = summary(&result);
    for line in text.lines() {
        assert!(line.chars().count() <= 100 && line.trim_end() == line, "{line:?}");
    }
    text
}

#[test]
fn summary_of_a_good_run() {
    let results = tempfile::tempdir().unwrap();
    let result = run(results.path(), &plan(), Ending { probes: vec![probes(); 2], ..ending(&plan()) });
    insta::assert_snapshot!(shown(result));
}

#[test]
fn summary_of_a_bad_run_says_why_and_what_to_do() {
    let phases = vec![phase("measure", true, open()), phase("maximum", true, Load::Closed)];
    let plan = Plan { phases, ..shard_plan(1, 3) };
    let clock = ShardClock { shard: 1, offset_us: -350.0, uncertainty_us: 80.0, drift_us: None };
    let shards = ShardsSummary { count: 3, lost: vec![2], clocks: vec![clock], ..ShardsSummary::default() };
    let results = tempfile::tempdir().unwrap();
    let mut result = run(results.path(), &plan, Ending { shards: Some(shards), ..ending(&plan) });
    result.interrupted = true;
    result.totals.repeated_events.planned = 20;
    result.totals.repeated_events.accepted = 20;
    for figures in [&mut result.totals, &mut result.phases[0].figures] {
        figures.requests.unsent = 30;
        figures.late.requests = 60;
        figures.rates.rate_error = Some(-0.1);
        figures.unknowns.insert("protocol-error".to_owned(), 10);
        figures.connect_failures = 1;
    }
    result.verdict = judge(&result);
    insta::assert_snapshot!(shown(result));
}

#[test]
fn summary_of_a_run_in_which_nothing_was_sent() {
    let results = tempfile::tempdir().unwrap();
    let aggregator = crate::fabricate::start(results.path(), &plan());
    let text = shown(aggregator.finish(ending(&plan())).unwrap());
    assert!(text.contains("verdict: INVALID") && text.contains("no request was sent"), "{text}");
}

#[test]
fn valid_run_says_so_in_its_last_line() {
    let mut result = result(&plan());
    result.verdict.reasons.clear();
    assert!(shown(result).ends_with("\n  verdict: VALID\n"));
}

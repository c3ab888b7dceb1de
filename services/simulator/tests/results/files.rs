//! Which files there are, what is in them, and that they appear whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use measurement::{LedgerFile, hlog};
use simulator::aggregate::{Aggregator, Ending, Slice, Update};
use simulator::plan::{Load, Plan};
use simulator::result::ResultDirectory;
use simulator::tally::Tally;
use simulator::{RunError, RunResult};

use crate::fabricate::{
    PHASE_S, REQUESTS, STARTED_UNIX_US, ending, open, phase, plan, probes, run, seed, send, shard_plan,
    start, tally,
};

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

fn rows(directory: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(directory.join("timeseries.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn result_of_a_run_appears_whole_with_all_its_files() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let aggregator = start(results.path(), &plan);
    assert_eq!(names(results.path()), [".run-1.partial"]);
    send(&aggregator, &plan, |lane, second, phase| tally(seed(lane, second, phase), second));
    let result = aggregator.finish(Ending { probes: vec![probes(); 2], ..ending(&plan) }).unwrap();

    assert_eq!(names(results.path()), ["run-1"]);
    let directory = results.path().join("run-1");
    assert_eq!(result.directory, directory);
    let mut files = result.files.clone();
    files.push("result.json".to_owned());
    files.sort_unstable();
    assert_eq!(names(&directory), files);
    let text = fs::read_to_string(directory.join("result.json")).unwrap();
    let read: RunResult = serde_json::from_str(&text).unwrap();
    assert_eq!(RunResult { directory: read.directory.clone(), ..result }, read);
    let text = fs::read_to_string(directory.join("ledger.json")).unwrap();
    let ledger_file: LedgerFile = serde_json::from_str(&text).unwrap();
    assert_eq!((ledger_file.runid.as_str(), ledger_file.ledger.first.accepted.len()), ("run-1", 10));
    assert_eq!(ledger_file.ended_at.as_microsecond() - STARTED_UNIX_US, 6_000_000);
}

#[test]
fn totals_are_those_of_the_measured_phases() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let result = run(results.path(), &plan, ending(&plan));
    assert_eq!(result.phases[0].figures.requests.planned, PHASE_S * REQUESTS);
    assert_eq!(result.totals, result.phases[1].figures);
    assert_eq!((result.phases[0].start_s, result.phases[1].start_s), (0.0, 3.0));
    assert_eq!(result.totals.rates.planned_events_per_s, 500.0);
    assert_eq!(result.totals.rates.rate_error, Some(0.0));
}

#[test]
fn series_and_logs_add_up_to_the_result() {
    let results = tempfile::tempdir().unwrap();
    let plan = Plan { threads: 3, ..plan() };
    let result = run(results.path(), &plan, ending(&plan));
    let rows = rows(&result.directory);
    let seconds: Vec<_> = rows.iter().map(|row| (row["second"].as_str(), row["phase"].as_str())).collect();
    assert_eq!(seconds[..2], [("0", "warm-up"), ("1", "warm-up")]);
    assert_eq!(seconds[3..], [("3", "measure"), ("4", "measure"), ("5", "measure")]);
    let measured = rows.iter().filter(|row| row["phase"] == "measure");
    let accepted: u64 = measured.map(|row| row["accepted"].parse::<u64>().unwrap()).sum();
    assert_eq!(accepted, result.totals.events.accepted);
    for (file, summary) in [
        ("response-time.hlog", result.totals.latency.response_time),
        ("service-time.hlog", Some(result.totals.latency.service_time)),
        ("send-lateness.hlog", result.totals.latency.send_lateness),
        ("pacing-lateness.hlog", result.totals.latency.pacing_lateness),
    ] {
        let log = fs::read(result.directory.join(file)).unwrap();
        assert_eq!(hlog::intervals(&log).count(), 6, "{file}");
        assert_eq!(Some(hlog::merged(&log).unwrap()["measure"].summary()), summary, "{file}");
    }
}

#[test]
fn closed_loop_is_named_and_has_no_response_time() {
    let results = tempfile::tempdir().unwrap();
    let plan = Plan { phases: vec![phase("maximum", true, Load::Closed)], ..plan() };
    let result = run(results.path(), &plan, ending(&plan));
    assert_eq!(result.phases[0].figures.latency.response_time, None);
    assert_eq!(result.totals.latency.response_time, None);
    assert_eq!(result.totals.rates.rate_error, None);
    assert_eq!(result.totals.latency.service_time.count, PHASE_S * REQUESTS);
    let text = fs::read_to_string(result.directory.join("result.json")).unwrap();
    assert!(text.contains(r#""loop": "closed""#) && !text.contains("response_time"), "{text}");
    let rows = rows(&result.directory);
    assert!(rows.iter().all(|row| row["loop"] == "closed" && row["response_time_p99_us"].is_empty()));
    assert!(rows.iter().all(|row| !row["service_time_p99_us"].is_empty()));
}

#[test]
fn mixed_totals_have_the_response_time_of_the_open_loops_only() {
    let results = tempfile::tempdir().unwrap();
    let plan = Plan { phases: vec![phase("a", true, open()), phase("b", true, Load::Closed)], ..plan() };
    let result = run(results.path(), &plan, ending(&plan));
    let response_time = result.totals.latency.response_time.unwrap();
    assert_eq!(response_time.count, PHASE_S * REQUESTS);
    assert_eq!(result.totals.latency.service_time.count, 2 * PHASE_S * REQUESTS);
}

#[test]
fn endless_run_has_totals_and_no_series() {
    let results = tempfile::tempdir().unwrap();
    let plan = Plan { is_endless: true, ..plan() };
    let stopped = Ending { stopped_after: Some(Duration::from_millis(5500)), ..ending(&plan) };
    let result = run(results.path(), &plan, stopped);
    assert!(!result.interrupted && !result.files.contains(&"timeseries.csv".to_owned()), "{result:?}");
    assert_eq!(result.phases[1].figures.duration_s, 2.5);
    let log = fs::read(result.directory.join("service-time.hlog")).unwrap();
    assert_eq!(hlog::intervals(&log).count(), 2);
    assert_eq!(hlog::merged(&log).unwrap()["measure"].summary(), result.totals.latency.service_time);
}

#[test]
fn interrupted_run_is_measured_until_its_stop() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let aggregator = start(results.path(), &plan);
    let slice = Slice { second: 3, phase: 1, tally: tally(1, 3) };
    aggregator.sender().send(Update::Slice(Box::new(slice))).unwrap();
    let stopped = Ending { stopped_after: Some(Duration::from_secs(4)), ..ending(&plan) };
    let result = aggregator.finish(stopped).unwrap();
    assert!(result.interrupted);
    assert_eq!((result.phases[0].figures.duration_s, result.phases[1].figures.duration_s), (3.0, 1.0));
    assert_eq!(result.totals.rates.planned_events_per_s, 500.0);
}

#[test]
fn seconds_are_observed_once_all_threads_have_passed_them() {
    let results = tempfile::tempdir().unwrap();
    let plan = Plan { threads: 2, ..plan() };
    let (observed, observations) = channel();
    let observe = move |second, phase, tally: &Tally| {
        observed.send((second, phase, tally.requests.planned)).unwrap();
    };
    let directory = ResultDirectory::of_run(results.path(), &plan).unwrap();
    let aggregator = Aggregator::start(&plan, directory, STARTED_UNIX_US, observe).unwrap();
    let sender = aggregator.sender();
    for lane in 0..2 {
        let slice = Slice { second: 0, phase: 0, tally: tally(lane, 0) };
        sender.send(Update::Slice(Box::new(slice))).unwrap();
    }
    sender.send(Update::Passed { lane: 0, second: 0 }).unwrap();
    sender.send(Update::Ended { lane: 1 }).unwrap();
    let first = observations.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(first, (0, 0, 2 * REQUESTS));
}

#[test]
fn run_that_is_given_up_leaves_nothing() {
    let results = tempfile::tempdir().unwrap();
    drop(start(results.path(), &plan()));
    assert_eq!(names(results.path()), Vec::<String>::new());
}

#[test]
fn existing_result_is_refused_before_the_run() {
    let results = tempfile::tempdir().unwrap();
    run(results.path(), &plan(), ending(&plan()));
    let error = ResultDirectory::of_run(results.path(), &plan()).err().unwrap();
    assert!(matches!(&error, RunError::ResultsExist { .. }), "{error}");
    assert_eq!(names(results.path()), ["run-1"]);
    let shard = ResultDirectory::of_run(results.path(), &shard_plan(0, 2)).err().unwrap();
    assert!(matches!(&shard, RunError::ResultsExist { .. }), "{shard}");
}

#[test]
fn result_in_the_making_is_left_alone() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let first = start(results.path(), &plan);
    let error = ResultDirectory::of_run(results.path(), &plan).err().unwrap();
    assert!(matches!(&error, RunError::ResultsInUse { .. }), "{error}");
    send(&first, &plan, |_, second, _| tally(1, second));
    first.finish(ending(&plan)).unwrap();
}

#[test]
fn result_of_a_process_that_died_is_replaced() {
    let results = tempfile::tempdir().unwrap();
    let partial = results.path().join(".run-1.partial");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("timeseries.csv"), "half a li").unwrap();
    fs::write(partial.join("of-an-older-version"), "").unwrap();
    let plan = plan();
    let result = run(results.path(), &plan, ending(&plan));
    assert!(!names(&result.directory).contains(&"of-an-older-version".to_owned()));
    assert_eq!(rows(&result.directory).len(), 6);
}

#[test]
fn shards_have_directories_of_their_own() {
    let results = tempfile::tempdir().unwrap();
    for index in 0..2 {
        let plan = shard_plan(index, 2);
        let result = run(results.path(), &plan, ending(&plan));
        assert_eq!(result.shard, Some(plan.shard));
    }
    assert_eq!(names(results.path()), ["run-1"]);
    assert_eq!(names(&results.path().join("run-1")), ["shard-0-of-2", "shard-1-of-2"]);
}

#[test]
fn results_that_cannot_be_kept_are_found_before_the_run() {
    let results = tempfile::NamedTempFile::new().unwrap();
    let error = ResultDirectory::of_run(results.path(), &plan()).err().unwrap();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

#[test]
fn full_disk_ends_the_run_and_leaves_nothing() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let directory = ResultDirectory::of_run(results.path(), &plan).unwrap();
    std::os::unix::fs::symlink("/dev/full", results.path().join(".run-1.partial/service-time.hlog")).unwrap();
    let outcome = Aggregator::start(&plan, directory, STARTED_UNIX_US, |_, _, _| {});
    let aggregator = outcome.unwrap();
    let failed = aggregator.failed();
    let sender = aggregator.sender();
    // More than what is buffered, and on after the failure: no thread is held up.
    for second in 0..100 {
        let slice = Slice { second, phase: 0, tally: tally(second, second) };
        sender.send(Update::Slice(Box::new(slice))).unwrap();
        sender.send(Update::Passed { lane: 0, second }).unwrap();
    }
    drop(sender);
    let error = aggregator.finish(ending(&plan)).unwrap_err();
    assert!(failed.is_cancelled());
    let message = error.to_string();
    assert!(message.contains("service-time.hlog: No space left on device"), "{message}");
    assert_eq!(names(results.path()), Vec::<String>::new());
}

#[test]
fn result_that_cannot_be_finished_leaves_nothing() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let aggregator = start(results.path(), &plan);
    fs::create_dir(results.path().join(".run-1.partial/result.json")).unwrap();
    let error = aggregator.finish(ending(&plan)).unwrap_err();
    assert!(error.to_string().contains("result.json: Is a directory"), "{error}");
    assert_eq!(names(results.path()), Vec::<String>::new());
}

#[test]
fn contradicting_ledgers_are_no_result() {
    let results = tempfile::tempdir().unwrap();
    let plan = plan();
    let mut ending = ending(&plan);
    ending.ledgers[0].first.refused.insert(3);
    let error = start(results.path(), &plan).finish(ending).unwrap_err();
    assert!(matches!(&error, RunError::Ledger(_)), "{error}");
    assert_eq!(names(results.path()), Vec::<String>::new());
}

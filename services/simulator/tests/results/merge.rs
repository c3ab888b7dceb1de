//! Merged shards equal one run that counted everything itself.

use std::fs;
use std::path::{Path, PathBuf};

use measurement::{LedgerFile, hlog};
use simulator::aggregate::{Ending, Slice, Update};
use simulator::plan::{Load, Plan};
use simulator::result::{Figures, ShardClock, ShardsSummary};
use simulator::tally::Tally;
use simulator::verdict::Status;
use simulator::{MergeError, RunError, RunResult, merge};

use crate::fabricate::{
    REQUESTS, ending, open, phase, plan, probes, result, run, seed, send, shard_plan, start, tally,
};

/// Runs the shards of `plan` and gives their directories.
fn shards(results: &Path, indices: impl IntoIterator<Item = u32>, count: u32) -> Vec<PathBuf> {
    let run = |index| {
        let plan = shard_plan(index, count);
        run(results, &plan, Ending { probes: vec![probes(); 2], ..ending(&plan) }).directory
    };
    indices.into_iter().map(run).collect()
}

/// One process that counts what `count` shards do.
fn alone(results: &Path, count: usize) -> RunResult {
    let plan = Plan { threads: count, ..plan() };
    let mut all = probes();
    for _ in 1..count {
        all.add(&probes());
    }
    run(results, &plan, Ending { probes: vec![all; 2], ..ending(&plan) })
}

fn error(dirs: &[PathBuf], out: &Path) -> MergeError {
    merge(dirs, out).expect_err("the results do not belong together")
}

#[test]
fn merged_shards_equal_one_recorder() {
    for count in [1, 2, 5_u32] {
        let results = tempfile::tempdir().unwrap();
        let shards: Vec<_> = if count == 1 {
            vec![result_of_only_shard(results.path())]
        } else {
            shards(results.path(), 0..count, count)
        };
        let merged = merge(&shards, &results.path().join("merged")).unwrap();
        let whole = alone(&results.path().join("alone"), count as usize);
        assert_eq!(merged.phases, whole.phases);
        assert_eq!(merged.totals, whole.totals);
        assert_eq!((&merged.started_at, merged.elapsed_s), (&whole.started_at, whole.elapsed_s));
        for file in whole.files.iter().filter(|file| file.ends_with(".hlog")) {
            let [one, other] = [&merged, &whole].map(|result| fs::read(result.directory.join(file)).unwrap());
            let intervals = |log| hlog::intervals(log).map(Result::unwrap).collect::<Vec<_>>();
            assert!(intervals(&one) == intervals(&other), "{count} shards: {file}");
        }
        for file in ["timeseries.csv", "ledger.json"] {
            let [one, other] =
                [&merged, &whole].map(|result| fs::read_to_string(result.directory.join(file)).unwrap());
            // The one of two says in its ledger that the other is missing.
            assert_eq!(one.replace(r#""missing_shards":["1 of 2"],"#, ""), other, "{count} shards: {file}");
        }
        assert_eq!(merged.files, whole.files);
    }
}

/// A run of which only one shard is there, with nothing missing in what it counted.
fn result_of_only_shard(results: &Path) -> PathBuf {
    shards(results, [0], 2).remove(0)
}

#[test]
fn merged_result_is_one_of_the_whole_run() {
    let results = tempfile::tempdir().unwrap();
    shards(results.path(), 0..3, 3);
    // The directory above them will do.
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    assert_eq!((merged.shard, merged.verdict.status), (None, Status::Valid));
    // That each was a part of a run is true no more.
    assert!(merged.verdict.reasons.iter().all(|reason| reason.shard.is_none()), "{:?}", merged.verdict);
    assert_eq!((merged.generator.threads, merged.generator.lane_cpu_share_max), (3, 0.5));
    let summary = merged.shards.unwrap();
    assert_eq!((summary.count, summary.present, summary.missing), (3, vec![0, 1, 2], vec![]));
    assert_eq!(summary.parts.len(), 3);
    let text = fs::read_to_string(results.path().join("merged/ledger.json")).unwrap();
    let ledger_file: LedgerFile = serde_json::from_str(&text).unwrap();
    assert_eq!(ledger_file.ledger.first.accepted.ranges().collect::<Vec<_>>(), [0..=29]);
}

#[test]
fn missing_shard_is_named_and_makes_the_result_invalid() {
    let results = tempfile::tempdir().unwrap();
    let shards = shards(results.path(), [0, 2], 4);
    let merged = merge(&shards, &results.path().join("merged")).unwrap();
    assert_eq!(merged.shards.as_ref().unwrap().missing, [1, 3]);
    assert_eq!(merged.verdict.status, Status::Invalid);
    let reason = &merged.verdict.reasons[0];
    assert_eq!(reason.message, "the results of shards 1, 3 (from 0) of 4 are missing");
    // What they sent must not be taken for events that nobody sent.
    let text = fs::read_to_string(results.path().join("merged/ledger.json")).unwrap();
    let ledger_file: LedgerFile = serde_json::from_str(&text).unwrap();
    assert_eq!(ledger_file.missing_shards, ["1 of 4", "3 of 4"]);
}

#[test]
fn lost_shard_whose_results_are_there_is_not_missing() {
    let results = tempfile::tempdir().unwrap();
    let clock = |shard| ShardClock { shard, offset_us: 5.0, uncertainty_us: 40.0, drift_us: Some(1.0) };
    let report =
        ShardsSummary { count: 2, lost: vec![1], clocks: vec![clock(0), clock(1)], ..Default::default() };
    for index in 0..2 {
        let plan = shard_plan(index, 2);
        run(results.path(), &plan, Ending { shards: Some(report.clone()), ..ending(&plan) });
    }
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    assert_eq!(merged.verdict.status, Status::Valid, "{:?}", merged.verdict);
    assert_eq!(merged.shards.unwrap().clocks, [clock(0), clock(1)]);
}

#[test]
fn flaw_of_one_shard_does_not_disappear_among_many() {
    let results = tempfile::tempdir().unwrap();
    for index in 0..20 {
        let plan = shard_plan(index, 20);
        let aggregator = start(results.path(), &plan);
        send(&aggregator, &plan, |lane, second, phase| {
            let mut tally = tally(seed(lane, second, phase), second);
            if lane == 7 && second == 4 {
                tally.pacing_lateness.record_many(std::time::Duration::from_millis(3), 2);
            }
            tally
        });
        aggregator.finish(ending(&plan)).unwrap();
    }
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    assert!(merged.totals.latency.pacing_lateness.unwrap().p99_us < 1000.0);
    assert_eq!(merged.verdict.status, Status::Suspect);
    let reason = &merged.verdict.reasons[0];
    assert_eq!((reason.check.as_str(), reason.shard), ("pacing-lateness", Some(7)));
}

#[test]
fn endless_shards_are_merged_without_series() {
    let results = tempfile::tempdir().unwrap();
    for index in 0..2 {
        let plan = Plan { is_endless: true, ..shard_plan(index, 2) };
        run(results.path(), &plan, ending(&plan));
    }
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    assert!(!merged.files.contains(&"timeseries.csv".to_owned()));
    let figures = |plan: &Plan| -> Figures { result(plan).totals };
    let whole = figures(&Plan { is_endless: true, threads: 2, ..plan() });
    assert_eq!(merged.totals, whole);
}

#[test]
fn shards_may_have_ways_of_their_own_to_the_target() {
    let results = tempfile::tempdir().unwrap();
    for (index, target) in [(0, "http://node-a:8080"), (1, "http://node-b:8080")] {
        let plan = Plan { target: target.to_owned(), ..shard_plan(index, 2) };
        run(results.path(), &plan, ending(&plan));
    }
    merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let results = tempfile::tempdir().unwrap();
    let out = results.path().join("merged");
    let shards = shards(results.path(), 0..2, 2);
    let twice = error(&[shards[0].clone(), shards[1].clone(), shards[0].clone()], &out);
    assert!(matches!(&twice, MergeError::SameShard { shard: 0, .. }), "{twice}");
    assert!(twice.to_string().contains("run-1/shard-0-of-2 and "), "{twice}");

    let other = Plan { run_id: "run-2".to_owned(), ..shard_plan(1, 2) };
    let other = run(results.path(), &other, ending(&other)).directory;
    let mixed = error(&[shards[0].clone(), other], &out).to_string();
    assert!(mixed.contains("is of run run-1") && mixed.contains("is of run run-2"), "{mixed}");

    let elsewhere = results.path().join("elsewhere");
    let changed = Plan { seed: 8, ..shard_plan(1, 2) };
    let changed = run(&elsewhere, &changed, ending(&changed)).directory;
    let plans = error(&[shards[0].clone(), changed], &out);
    assert!(matches!(&plans, MergeError::DifferentPlans { .. }), "{plans}");

    let whole = run(&elsewhere.join("whole"), &plan(), ending(&plan())).directory;
    let whole = error(&[whole], &out);
    assert!(matches!(&whole, MergeError::NotAShard { .. }), "{whole}");

    let empty = error(&[results.path().to_owned()], &out);
    assert!(matches!(&empty, MergeError::NoResult { .. }), "{empty}");
    let absent = error(&[results.path().join("absent")], &out);
    assert!(matches!(&absent, MergeError::NoResult { .. }), "{absent}");
    let taken = error(&shards, &results.path().join("run-1"));
    assert!(matches!(&taken, MergeError::Write(RunError::ResultsExist { .. })), "{taken}");
    assert!(!out.exists());
}

#[test]
fn damaged_shards_are_refused_by_file() {
    for (file, damage) in [
        ("result.json", "{"),
        ("ledger.json", "{}"),
        ("timeseries.csv", "second,phase\n0,warm-up\n"),
        ("service-time.hlog", "Tag=warm-up,0.000,1.000,1.0,AAAA\n"),
        ("send-lateness.hlog", ""),
    ] {
        let results = tempfile::tempdir().unwrap();
        let shards = shards(results.path(), 0..2, 2);
        fs::write(shards[1].join(file), damage).unwrap();
        let merged = merge(&shards, &results.path().join("merged"));
        let error = merged.expect_err(file).to_string();
        assert!(error.contains(&format!("shard-1-of-2/{file}")), "{file}: {error}");
        assert!(!results.path().join("merged").exists());
    }
}

#[test]
fn series_without_some_rows_is_refused() {
    let results = tempfile::tempdir().unwrap();
    let shards = shards(results.path(), 0..2, 2);
    let path = shards[1].join("timeseries.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let error = error(&shards, &results.path().join("merged")).to_string();
    assert!(error.contains("its intervals are not those of the rows of timeseries.csv"), "{error}");
}

#[test]
fn phases_that_overlap_stay_apart() {
    let results = tempfile::tempdir().unwrap();
    // Answers to a phase may come in the next one, and not on every shard.
    let counted: [&[usize]; 3] = [&[0, 1], &[1], &[0]];
    for (index, phases) in (0..).zip(counted) {
        let plan = shard_plan(index, 3);
        let aggregator = start(results.path(), &plan);
        // A row without intervals: only a connection was made.
        let slice = Slice { second: 3, phase: 0, tally: Tally { connects: 1, ..Tally::default() } };
        aggregator.sender().send(Update::Slice(Box::new(slice))).unwrap();
        for phase in phases.iter().copied() {
            let slice = Slice { second: 3, phase, tally: tally(u64::from(index), 3) };
            aggregator.sender().send(Update::Slice(Box::new(slice))).unwrap();
        }
        aggregator.finish(ending(&plan)).unwrap();
    }
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    let log = fs::read(merged.directory.join("service-time.hlog")).unwrap();
    let counts: Vec<_> = hlog::intervals(&log)
        .map(|interval| interval.map(|interval| (interval.phase, interval.histogram.count())).unwrap())
        .collect();
    assert_eq!(counts, [("warm-up".to_owned(), 2 * REQUESTS), ("measure".to_owned(), 2 * REQUESTS)]);
}

#[test]
fn contradicting_ledgers_are_refused() {
    let results = tempfile::tempdir().unwrap();
    for index in 0..2 {
        let plan = shard_plan(index, 2);
        let mut ending = ending(&plan);
        if index == 1 {
            ending.ledgers[0].first.refused.insert(5);
        }
        run(results.path(), &plan, ending);
    }
    let error = error(&[results.path().join("run-1")], &results.path().join("merged"));
    assert!(matches!(&error, MergeError::Ledger { .. }), "{error}");
}

#[test]
fn closed_loops_stay_without_response_time() {
    let results = tempfile::tempdir().unwrap();
    for index in 0..2 {
        let phases = vec![phase("a", true, open()), phase("b", true, Load::Closed)];
        let plan = Plan { phases, ..shard_plan(index, 2) };
        run(results.path(), &plan, ending(&plan));
    }
    let merged = merge(&[results.path().join("run-1")], &results.path().join("merged")).unwrap();
    assert_eq!(merged.phases[1].figures.latency.response_time, None);
    assert!(merged.phases[0].figures.latency.response_time.is_some());
}

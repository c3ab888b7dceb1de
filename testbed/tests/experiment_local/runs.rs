//! A run from its start to its record.

use crate::bench::{Bench, faults};
use experiment::environment::Environments;
use experiment::metric;
use experiment::record::{RunRecord, Status};
use experiment::sample::read_csv;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testbed::experiment::run::Progress;
use testbed::processors::ProcessorSet;

/// Of a machine on which other tests may make noise all the time.
const PATIENCE: Duration = Duration::from_secs(20);

fn value(record: &RunRecord, metric: &str) -> f64 {
    record.metrics.get(metric).unwrap_or_else(|| panic!("{metric} is missing: {record:#?}")).value
}

fn environments(directory: &Path) -> Environments {
    serde_json::from_reader(File::open(directory.join("environment.json")).unwrap()).unwrap()
}

/// Process ids of the parts of the run that goes on in this directory.
fn parts(directory: &Path) -> Vec<(String, i32)> {
    let scratch = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let scratch = scratch.into_iter().find(|path| path.join("running.json").is_file()).unwrap();
    let records: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.join("running.json")).unwrap()).unwrap();
    let records = records.as_array().unwrap().iter();
    records
        .map(|part| {
            let pid = i32::try_from(part["pid"].as_i64().unwrap()).unwrap();
            (part["name"].as_str().unwrap().to_owned(), pid)
        })
        .collect()
}

#[tokio::test]
async fn run_leaves_a_record_of_what_it_measured() {
    let mut bench = Bench::new("process-worker.WORK_KIND = \"hash\"\nredis.appendonly = \"no\"");
    bench.target_checks().await;
    let mut seconds = 0;
    let record = bench.run("2", &mut |_| seconds += 1).await.unwrap();
    let too_short = "6 s are too short to tell a steady part: 10 s are needed";
    assert_eq!(faults(&record), [("unsteady", too_short)]);
    assert_eq!(
        (record.audit.outcome.as_deref(), record.audit.sent, record.audit.lost),
        (Some("pass"), 1300, 0)
    );
    assert!(seconds >= 5, "{seconds} samples");
    let names: Vec<&str> = record.services.iter().map(|facts| facts.name.as_str()).collect();
    assert_eq!(names, ["redis", "ingest-api", "process-worker-1", "process-worker-2", "query-api"]);
    assert_eq!(record.services[2].settings["WORK_KIND"], "hash");
    assert_eq!(record.services[0].settings["appendonly"], "no");
    assert!(!record.services[2].is_emulated);
    assert!((20.0..400.0).contains(&value(&record, "throughput")), "{record:#?}");
    for metric in [
        "response-time-p50",
        "service-time-mean",
        "accepted-to-queryable-p50",
        "work-p50",
        "cpu-per-event",
        "cpu-per-event-process-worker",
        "memory-peak-query-api",
        "network-per-event",
    ] {
        assert!(value(&record, metric) > 0.0, "{metric} is {}", value(&record, metric));
    }
    assert_eq!(value(&record, "refused-share"), 0.0);
    let stages = ["stage-send-mean", "stage-accept-mean", "stage-process-mean", "stage-publish-mean"];
    let sum: f64 = stages.iter().map(|stage| value(&record, stage)).sum();
    let whole = value(&record, "intended-to-queryable-mean");
    // Each is as exact as the buckets of a histogram.
    assert!((sum - whole).abs() < 0.002 * whole, "{sum} of {whole}");
    assert!(record.metrics.keys().all(|name| metric::find(name).is_some()), "{:?}", record.metrics.keys());
    let directory = bench.directory();
    let samples = read_csv(File::open(directory.join("samples.csv")).unwrap()).unwrap();
    assert_eq!((samples.len(), samples.last().unwrap().accepted), (seconds, Some(1300)));
    let network = |part: &str| samples.last().unwrap().services[part].network_bytes.unwrap();
    // Bodies come in once, and events go on to Redis.
    assert!(network("ingest-api") > 2 * 1300 * 100 && network("simulator") < network("ingest-api"));
    let mut files: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.retain(|name| !name.ends_with(".hlog"));
    files.sort_unstable();
    let expected = [
        "environment.json",
        "ledger.json",
        "logs",
        "result.json",
        "samples.csv",
        "statistics.json",
        "timeseries.csv",
        "workload.toml",
    ];
    assert_eq!(files, expected);
    assert!(
        fs::read_to_string(directory.join("logs/process-worker-2.log")).unwrap().contains("process-worker")
    );
    let statistics = File::open(directory.join("statistics.json")).unwrap();
    let statistics: BTreeMap<String, Value> = serde_json::from_reader(statistics).unwrap();
    let accepted = &statistics["ingest-api"]["counters"]["ingest.events.accepted"]["total"];
    assert_eq!((statistics.len(), accepted.as_u64()), (4, Some(1300)));
}

#[tokio::test]
async fn parts_keep_to_their_processors_and_know_nothing_of_the_shell() {
    let allowed = ProcessorSet::allowed().unwrap();
    let mut bench = Bench::keeping_aside(&allowed);
    let directory = bench.directory();
    let mut seen = BTreeMap::new();
    let mut look = |_: &experiment::sample::Sample| {
        for (name, pid) in parts(&directory) {
            let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let status = read("status");
            let processors = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            let variables: Vec<String> = read("environ").split('\0').map(str::to_owned).collect();
            if let Some(processors) = processors {
                seen.entry(name).or_insert((processors.trim().to_owned(), variables));
            }
        }
    };
    let record = bench.run("1", &mut look).await.unwrap();
    let is_alone = allowed.numbers().len() == 1;
    for facts in &record.services {
        let (processors, variables) = &seen[&facts.name];
        assert_eq!(facts.processors.is_none(), is_alone, "{}", facts.name);
        assert!(
            facts.processors.as_ref().is_none_or(|wanted| wanted == processors),
            "{facts:?}: {processors}"
        );
        assert!(
            !variables.iter().any(|variable| variable.starts_with("PATH=")),
            "{}: {variables:?}",
            facts.name
        );
    }
    let (simulator, services) = (&seen["simulator"].0, &seen["query-api"].0);
    assert!(is_alone || simulator != services, "the simulator shares {simulator}");
    assert!(is_alone || ProcessorSet::allowed().unwrap() != allowed, "this thread is not kept aside");
    let processors = environments(&directory).before[0].processors as usize;
    assert_eq!(processors, allowed.numbers().len(), "those that the run may use");
}

#[tokio::test]
async fn load_waits_until_others_are_quiet() {
    let mut bench = Bench::new("");
    let is_over = Arc::new(AtomicBool::new(false));
    let others = std::thread::available_parallelism().unwrap().get();
    for _ in 0..others {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {});
    }
    let (mut noise, mut has_load_begun_in_noise) = (Vec::new(), false);
    let mut watch = |progress: Progress<'_>| match progress {
        Progress::Waiting { noise: gates, .. } => {
            noise.extend(gates.iter().map(|gate| gate.name.clone()));
            is_over.store(true, Ordering::Relaxed);
        }
        Progress::Load(_) => has_load_begun_in_noise |= !is_over.load(Ordering::Relaxed),
        _ => {}
    };
    let record = bench.run_patiently("1", PATIENCE, &mut watch).await;
    is_over.store(true, Ordering::Relaxed);
    record.unwrap();
    assert!(noise.iter().any(|gate| gate == "busy-before") && !has_load_begun_in_noise, "{noise:?}");
    let environments = environments(&bench.directory());
    assert!(environments.waited_s > 0.0, "{environments:?}");
}

#[tokio::test]
async fn part_that_does_not_start_ends_a_run_with_its_last_words() {
    let mut bench = Bench::new("redis.save = \"60\"");
    let error = format!("{:#}", bench.run("1", &mut |_| {}).await.unwrap_err());
    assert!(error.starts_with("redis ended while it was starting: "), "{error}");
    let log = bench.directory().join("logs/redis.log");
    assert!(error.contains(log.to_str().unwrap()) && error.contains("Invalid save parameters"), "{error}");
    let left: Vec<_> =
        fs::read_dir(bench.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((left, log.is_file()), (vec!["logs".into()], true));
}

#[tokio::test]
async fn killed_worker_makes_a_run_invalid_and_its_last_words_are_kept() {
    let mut bench = Bench::new("");
    let directory = bench.directory();
    let mut pids = Vec::new();
    let mut kill = |sample: &experiment::sample::Sample| {
        if pids.is_empty() && sample.accepted > Some(0) {
            pids = parts(&directory);
            let (_, worker) = pids.iter().find(|(name, _)| name == "process-worker").unwrap();
            kill_process(Pid::from_raw(*worker).unwrap(), Signal::KILL).unwrap();
        }
    };
    let record = bench.run("1", &mut kill).await.unwrap();
    assert_eq!(record.verdict.status, Status::Invalid);
    let faults = faults(&record);
    let ended = faults.iter().find(|(check, _)| *check == "ended").unwrap().1;
    assert!(ended.starts_with("process-worker ended: signal 9; its log "), "{ended}");
    let log = bench.directory().join("logs/process-worker.log");
    assert!(ended.contains(log.to_str().unwrap()) && log.is_file(), "{ended}");
    assert!(faults.iter().any(|(check, _)| *check == "audit"), "{faults:?}");
    for (name, pid) in pids {
        let alive = testbed::procfs::start_ticks(u32::try_from(pid).unwrap());
        assert_eq!(alive, None, "{name} is still there");
    }
}

#[tokio::test]
async fn simulator_that_fails_ends_a_run_with_its_last_words_where_they_are_kept() {
    let mut bench = Bench::new("");
    let directory = bench.directory();
    let mut is_killed = false;
    let mut kill = |sample: &experiment::sample::Sample| {
        if !is_killed && sample.accepted > Some(0) {
            is_killed = true;
            let parts = parts(&directory);
            let (_, simulator) = parts.iter().find(|(name, _)| name == "simulator").unwrap();
            kill_process(Pid::from_raw(*simulator).unwrap(), Signal::KILL).unwrap();
        }
    };
    let error = format!("{:#}", bench.run("1", &mut kill).await.unwrap_err());
    assert!(error.starts_with("the simulator failed: signal 9; its log "), "{error}");
    let log = bench.directory().join("logs/simulator.log");
    assert!(error.contains(log.to_str().unwrap()) && log.is_file(), "{error}");
    assert!(!error.contains("/.testbed-"), "what is gone after the run is named: {error}");
}

//! Directories of runs, with the files that the simulator and a campaign leave.

use super::synthetic::normal;
use experiment::bundle::{BUNDLE_VERSION, BundleWriter, ENVIRONMENT_FILE, Head, SAMPLES_FILE, TargetKind};
use experiment::environment::{Environments, NodeEnvironment};
use experiment::plan::Plan;
use experiment::record::RunRecord;
use experiment::sample::{Sample, write_csv};
use jiff::Timestamp;
use measurement::Histogram;
use measurement::hlog::IntervalLogWriter;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The distributions that get a log, with the metrics that say how they lie.
const DISTRIBUTIONS: [(&str, &str, &str); 2] = [
    ("response-time", "response-time-p50", "response-time-p99"),
    ("accepted-to-queryable", "accepted-to-queryable-p50", "accepted-to-queryable-p99"),
];
const REQUESTS: usize = 6000;
/// Of the standard normal distribution.
const P99: f64 = 2.326_347_874;

pub(crate) fn head(plan: &Plan) -> Head {
    Head {
        version: BUNDLE_VERSION,
        name: plan.name.clone(),
        created_at: "2026-01-05T08:00:00Z".parse().unwrap(),
        testbed: "0.1.0 (5d1f0c2a9b3e)".to_owned(),
        target: TargetKind::Cluster,
        host: "workbench".to_owned(),
    }
}

/// Writes a whole bundle, where there is nothing yet.
pub(crate) fn write(directory: &Path, source: &str, plan: &Plan, records: &[RunRecord]) {
    let writer = BundleWriter::create(directory, &head(plan), source, plan).unwrap();
    for record in records {
        let staged = writer.stage(record.number, &record.cell, record.attempt).unwrap();
        let run = staged.directory();
        let environments = serde_json::to_vec(&environments(record)).unwrap();
        fs::write(run.join(ENVIRONMENT_FILE), environments).unwrap();
        let seed = u64::from(record.number) << 8 | u64::from(record.attempt);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        for (distribution, p50, p99) in DISTRIBUTIONS {
            let of = |metric: &str| record.metrics[metric].value;
            fs::write(run.join(format!("{distribution}.hlog")), log(of(p50), of(p99), &mut random)).unwrap();
        }
        let (series, samples) = over_time(plan, record, &mut random);
        fs::write(run.join("timeseries.csv"), series).unwrap();
        fs::write(run.join(SAMPLES_FILE), samples).unwrap();
        staged.publish(record).unwrap();
    }
    writer.seal().unwrap();
}

/// Log-normal times with these percentiles, after a warm-up and a second that was not yet steady of ten times as long ones.
fn log(p50_us: f64, p99_us: f64, random: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let scatter = libm::log(p99_us / p50_us) / P99;
    let mut histogram = |size: f64, requests: usize| {
        let mut histogram = Histogram::new();
        for _ in 0..requests {
            let us = size * p50_us * libm::exp(scatter * normal(random));
            histogram.record(Duration::from_nanos((us * 1e3) as u64));
        }
        histogram
    };
    let mut writer = IntervalLogWriter::new(Vec::new(), Timestamp::UNIX_EPOCH).unwrap();
    let mut interval = |phase: &str, start_s, histogram: &Histogram| {
        let (start, length) = (Duration::from_secs(start_s), Duration::from_secs(1));
        writer.write(phase, start, length, histogram).unwrap();
    };
    interval("warm-up", 0, &histogram(10.0, 100));
    interval("measure", 5, &histogram(10.0, 100));
    interval("measure", 6, &histogram(1.0, REQUESTS));
    interval("cool-down", 25, &histogram(10.0, 100));
    writer.into_inner()
}

/// `timeseries.csv` and `samples.csv`, as far as a report reads them.
fn over_time(plan: &Plan, record: &RunRecord, random: &mut Xoshiro256PlusPlus) -> (String, Vec<u8>) {
    let timing = plan.timing;
    let rate: f64 = record.cell.split(['/', '#']).nth(1).and_then(|rate| rate.parse().ok()).unwrap_or(2000.0);
    let mut series = String::from("second,phase,loop,planned,sent,accepted\n");
    let mut samples = Vec::new();
    let mut accepted = 0;
    for second in 0..(timing.warm_up_s + timing.measure_s + timing.cool_down_s) as u64 {
        let at_s = second as f64;
        let phase = match at_s {
            at_s if at_s < timing.warm_up_s => "warm-up",
            at_s if at_s < timing.warm_up_s + timing.measure_s => "measure",
            _ => "cool-down",
        };
        let events = (rate * (1.0 + 0.02 * normal(random))) as u64;
        let backlog = (rate * (0.01 + 0.2 * libm::exp(-at_s)) * libm::exp(0.3 * normal(random))) as u64;
        accepted += events;
        writeln!(series, "{second},{phase},open,{events},{events},{events}").unwrap();
        samples.push(Sample {
            at_s: at_s + 0.5,
            accepted: Some(accepted),
            settled: Some(accepted - backlog.min(accepted)),
            backlog: Some(backlog),
            ..Sample::default()
        });
    }
    let mut table = Vec::new();
    write_csv(&mut table, &samples).unwrap();
    (series, table)
}

fn environments(record: &RunRecord) -> Environments {
    let architecture = record.services[0].architecture.clone();
    let node = NodeEnvironment {
        node: record.services[0].node.clone(),
        processor: (architecture == "arm64").then(|| "Cortex-A76".to_owned()),
        architecture,
        kernel: "6.12.47".to_owned(),
        processors: 4,
        memory_bytes: 8 << 30,
        page_bytes: 4096,
        governors: vec!["performance".to_owned()],
        temperature_celsius: Some(52.5),
        firmware_throttled: Some(0),
        processor_time_s: [].into(),
        pressure_us: [].into(),
        spin_jitter_us: Some(8.0),
        fsync_us: Some(900.0),
        energy_j: [].into(),
        energy_range_j: [].into(),
    };
    Environments { before: vec![node.clone()], after: vec![node], ..Environments::default() }
}

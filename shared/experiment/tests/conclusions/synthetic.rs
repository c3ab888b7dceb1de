//! Runs with a truth that is known, from a seed.

use experiment::cell::{Cell, cells};
use experiment::metric;
use experiment::order::order;
use experiment::plan::Plan;
use experiment::record::{
    AuditFacts, Gate, Measured, RECORD_VERSION, Reason, RunRecord, ServiceFacts, Status, Verdict,
};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::path::Path;

/// Architectures at two rates.
pub(crate) const PLACEMENTS: &str = r#"
name = "architecture"
question = "Is the pipeline slower on arm64 than on amd64?"
seed = 7
blocks = 10
[timing]
warm-up = "5s"
measure = "20s"
cool-down = "2s"
[[factors]]
name = "placement"
levels = ["amd64", "arm64"]
[[factors]]
name = "rate"
levels = [1000, 5000]
[[comparisons]]
factor = "placement"
metrics = ["accepted-to-queryable-p99", "cpu-per-event"]
"#;

/// What is true of the runs.
pub(crate) struct Truth {
    /// How far runs of one cell scatter: the standard deviation of the logarithm.
    pub(crate) noise: f64,
    /// The same of blocks, which hits all cells of a block alike.
    pub(crate) drift: f64,
    /// By what a metric of a cell is larger than that of others.
    pub(crate) effect: fn(&Cell, &str) -> f64,
    /// Effective samples behind each statistic.
    pub(crate) samples: f64,
    pub(crate) clock_error: f64,
}

/// Nothing differs.
pub(crate) const NOTHING: Truth =
    Truth { noise: 0.02, drift: 0.1, effect: |_, _| 1.0, samples: 5000.0, clock_error: 0.0 };

/// The metrics that runs have, and about how large they are.
const METRICS: [(&str, f64); 22] = [
    ("response-time-p50", 900.0),
    ("response-time-p99", 4200.0),
    ("response-time-p999", 9000.0),
    ("accepted-to-queryable-mean", 13_000.0),
    ("accepted-to-queryable-p50", 12_000.0),
    ("accepted-to-queryable-p99", 48_000.0),
    ("intended-to-queryable-mean", 14_100.0),
    ("intended-to-queryable-p99", 50_000.0),
    ("stage-send-mean", 150.0),
    ("stage-accept-mean", 950.0),
    ("stage-process-mean", 8000.0),
    ("stage-publish-mean", 5000.0),
    ("throughput", 4990.0),
    ("cpu-per-event", 61.0),
    ("cpu-per-event-ingest-api", 22.0),
    ("cpu-per-event-process-worker", 25.0),
    ("cpu-per-event-query-api", 14.0),
    ("network-per-event", 910.0),
    ("disk-per-event", 640.0),
    ("energy-per-event", 5200.0),
    ("memory-peak-process-worker", 31_000_000.0),
    ("memory-peak-query-api", 36_000_000.0),
];

const STAGES: [&str; 4] =
    ["stage-send-mean", "stage-accept-mean", "stage-process-mean", "stage-publish-mean"];

/// A plan with its cells, and all its runs, each of them valid.
pub(crate) fn runs(plan: &str, truth: &Truth, seed: u64) -> (Plan, Vec<Cell>, Vec<RunRecord>) {
    let plan = Plan::parse(Path::new("experiment.toml"), plan.to_owned()).unwrap();
    let cells = cells(&plan);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let drifts: Vec<f64> =
        (0..plan.blocks.max).map(|_| libm::exp(truth.drift * normal(&mut random))).collect();
    let runs = order(&cells, plan.blocks.max, plan.seed).into_iter().map(|planned| {
        let cell = cells.iter().find(|cell| cell.id == planned.cell).unwrap();
        let mut run = run(cell, planned.number, planned.block);
        for (name, size) in METRICS {
            let noise = libm::exp(truth.noise * normal(&mut random));
            let value = size * (truth.effect)(cell, name) * drifts[planned.block as usize - 1] * noise;
            let clock_error =
                if metric::find(name).unwrap().title.contains("queried") { truth.clock_error } else { 0.0 };
            let measured = Measured { value, samples: truth.samples, clock_error, negative: 0 };
            run.metrics.insert(name.to_owned(), measured);
        }
        // An event is in one stage after the other.
        let value = STAGES.map(|stage| run.metrics[stage].value).iter().sum();
        run.metrics.get_mut("intended-to-queryable-mean").unwrap().value = value;
        run
    });
    let runs = runs.collect();
    (plan, cells, runs)
}

/// A valid run without metrics.
fn run(cell: &Cell, number: u32, block: u32) -> RunRecord {
    let started_at: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
    let started_at = started_at + SignedDuration::from_secs(35 * i64::from(number));
    let architecture = cell.levels.get("placement").map_or("amd64", String::as_str);
    let service = |name: &str| ServiceFacts {
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        is_emulated: false,
        node: format!("{architecture}-node"),
        version: "0.1.0 (5d1f0c2a9b3e)".to_owned(),
        digest: None,
        processors: Some("1".to_owned()),
        settings: [("LOG".to_owned(), "info".to_owned())].into(),
        restarts: 0,
    };
    let gate = |name: &str, measured, limit, unit: &str| Gate {
        name: name.to_owned(),
        node: format!("{architecture}-node"),
        measured,
        limit,
        unit: unit.to_owned(),
        status: if measured > limit { Status::Suspect } else { Status::Valid },
    };
    RunRecord {
        version: RECORD_VERSION,
        number,
        block,
        cell: cell.id.clone(),
        attempt: 1,
        seed: u64::from(block),
        run_id: format!("architecture-{number:04}"),
        started_at,
        ended_at: started_at + SignedDuration::from_secs(33),
        verdict: Verdict::default(),
        steady_from_s: Some(6.0),
        metrics: [].into(),
        services: ["ingest-api", "process-worker-1", "process-worker-2", "query-api"].map(service).into(),
        audit: AuditFacts {
            outcome: Some("pass".to_owned()),
            sent: 100_000,
            accepted: 100_000,
            queryable: 100_000,
            lost: 0,
            duplicated: 0,
        },
        gates: vec![
            gate("steal", f64::from(number * 7 % 10) / 10.0, 1.0, "%"),
            gate("pressure-cpu", f64::from(number * 3 % 11), 20.0, "%"),
        ],
        clocks: Vec::new(),
    }
}

/// Makes a run one that is not used, or used with a reason against it.
pub(crate) fn doubt(run: &mut RunRecord, status: Status, check: &str, message: &str) {
    run.verdict.status = status;
    run.verdict.reasons.push(Reason { status, check: check.to_owned(), message: message.to_owned() });
}

/// G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958), with functions that are the same everywhere.
pub(crate) fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (one, two): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    libm::sqrt(-2.0 * libm::log(one)) * libm::cos(std::f64::consts::TAU * two)
}

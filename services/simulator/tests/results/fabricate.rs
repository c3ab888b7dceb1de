//! Runs without a load generator: tallies drawn from a seed.

use std::path::Path;
use std::time::Duration;

use measurement::Ledger;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use simulator::RunResult;
use simulator::aggregate::{Aggregator, Ending, Slice, Update};
use simulator::plan::{Batch, ContentType, Load, PhasePlan, Plan, RateShape, Shard, Spacing};
use simulator::probes::ProbeTally;
use simulator::result::{Generator, ResultDirectory, ShardsSummary};
use simulator::tally::{Fate, Tally, add_reason};

pub(crate) const STARTED_UNIX_US: i64 = 1_790_000_000_000_000;
/// Length of each phase of [`plan`].
pub(crate) const PHASE_S: u64 = 3;
/// Events of each request of [`tally`].
const EVENTS: u64 = 10;
/// Requests of each [`tally`].
pub(crate) const REQUESTS: u64 = 50;

/// A phase of 3 s.
pub(crate) fn phase(name: &str, is_measured: bool, load: Load) -> PhasePlan {
    PhasePlan { name: name.to_owned(), duration_s: PHASE_S as f64, is_measured, load }
}

pub(crate) fn open() -> Load {
    Load::Open { rate: RateShape::Constant { rate_per_s: 500.0 }, spacing: Spacing::Even }
}

/// A warm-up and a measured open loop, on one thread.
pub(crate) fn plan() -> Plan {
    Plan {
        run_id: "run-1".to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        seed: 7,
        batch: Batch { min: 10, max: 10 },
        content_type: ContentType::Batch,
        connections: 16,
        queue_requests_max: 100,
        timeout_s: 10.0,
        ..Plan::plain(vec![phase("warm-up", false, open()), phase("measure", true, open())])
    }
}

/// The plan of one of several shards.
pub(crate) fn shard_plan(index: u32, count: u32) -> Plan {
    Plan { shard: Shard { index, count }, ..plan() }
}

/// What a thread counted in a second: everything differs with the seed, and nothing is wrong.
pub(crate) fn tally(seed: u64, second: u64) -> Tally {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut tally = Tally::default();
    for _ in 0..REQUESTS {
        let fate = if random.random_bool(0.995) { Fate::Accepted } else { Fate::Refused };
        if fate == Fate::Refused {
            add_reason(&mut tally.refusals, "429 backlog-full", EVENTS);
        }
        tally.requests.count(fate, 1);
        tally.events.count(fate, EVENTS);
        let pacing = Duration::from_nanos(random.random_range(1_000..50_000));
        let lateness = pacing + Duration::from_nanos(random.random_range(0..100_000));
        let service = Duration::from_nanos(random.random_range(200_000..9_000_000));
        tally.pacing_lateness.record(pacing);
        tally.send_lateness.record(lateness);
        tally.service_time.record(service);
        tally.response_time.record(lateness + service);
    }
    tally.connects = random.random_range(0..3);
    tally.last_sent = Some(Duration::from_secs(second) + Duration::from_millis(random.random_range(0..999)));
    tally
}

/// Generator facts that nothing speaks against.
pub(crate) fn generator(threads: usize) -> Generator {
    Generator {
        threads,
        cpu_s: 1.5,
        cpu_s_per_s: 0.25,
        lane_cpu_share_max: 0.5,
        timer_resolution_us: 0.001,
        wakeup_overshoot_p99_us: 60.0,
        clock_step_us: -3.0,
        involuntary_switches: 4,
    }
}

/// The end of a run that took its course.
pub(crate) fn ending(plan: &Plan) -> Ending {
    Ending {
        instance: "sim-1".to_owned(),
        elapsed: plan.phase_start(plan.phases.len() - 1) + Duration::from_secs(PHASE_S),
        stopped_after: None,
        ledgers: (0..plan.threads).map(|lane| ledger(plan, lane)).collect(),
        generator: generator(plan.threads),
        probes: Vec::new(),
        shards: (plan.shard.count > 1).then(ShardsSummary::default),
    }
}

/// Ten accepted numbers for each lane of the run.
fn ledger(plan: &Plan, lane: usize) -> Ledger {
    let mut ledger = Ledger::default();
    let first = 10 * (u64::from(plan.shard.index) * plan.threads as u64 + lane as u64);
    ledger.first.accepted.insert_range(first..=first + 9);
    ledger
}

pub(crate) fn probes() -> ProbeTally {
    let mut tally = ProbeTally { probes: 2, seen: 2, requests: 5, ..ProbeTally::default() };
    tally.accepted_to_queryable.record_many(Duration::from_millis(40), 2);
    tally.intended_to_queryable.record_many(Duration::from_millis(45), 2);
    tally.uncertainty.record_many(Duration::from_millis(2), 2);
    tally.work.record_many(Duration::from_micros(15), 2);
    for (stage, times_ms) in tally.stages.iter_mut().zip([[1, 1], [4, 6], [30, 40], [10, -2]]) {
        times_ms.iter().for_each(|time_ms| stage.record(time_ms * 1_000_000));
    }
    tally
}

/// The seed of what a lane of the run counts of a phase in a second.
pub(crate) fn seed(lane: u64, second: u64, phase: usize) -> u64 {
    lane << 32 | second << 8 | phase as u64
}

/// Begins a run in `results`.
pub(crate) fn start(results: &Path, plan: &Plan) -> Aggregator {
    let directory = ResultDirectory::of_run(results, plan).unwrap();
    Aggregator::start(plan, directory, STARTED_UNIX_US, |_, _, _| {}).unwrap()
}

/// Sends what the lanes of `plan` count in every second of its phases; `count` says what.
pub(crate) fn send(aggregator: &Aggregator, plan: &Plan, count: impl Fn(u64, u64, usize) -> Tally) {
    let sender = aggregator.sender();
    let first_lane = u64::from(plan.shard.index) * plan.threads as u64;
    for second in 0..PHASE_S * plan.phases.len() as u64 {
        for lane in 0..plan.threads {
            let phase = (second / PHASE_S) as usize;
            let tally = count(first_lane + lane as u64, second, phase);
            sender.send(Update::Slice(Box::new(Slice { second, phase, tally }))).unwrap();
            sender.send(Update::Passed { lane, second }).unwrap();
        }
    }
}

/// A whole run with tallies drawn from seeds.
pub(crate) fn run(results: &Path, plan: &Plan, ending: Ending) -> RunResult {
    let aggregator = start(results, plan);
    send(&aggregator, plan, |lane, second, phase| tally(seed(lane, second, phase), second));
    aggregator.finish(ending).unwrap()
}

/// The same in a directory that is gone afterwards.
pub(crate) fn result(plan: &Plan) -> RunResult {
    let results = tempfile::tempdir().unwrap();
    run(results.path(), plan, ending(plan))
}

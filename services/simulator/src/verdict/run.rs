//! The rules for a run as a whole.

use super::Severity::{Invalid, Note, Suspect};
use super::{Finding, Origin, Rule};
use crate::result::{Pace, ShardsSummary};
use crate::summary::duration;

/// A thread that has no more than this of its processor left cannot be told from one that limits the load.
pub(super) const LANE_CPU_PERCENT: f64 = 90.0;

pub(super) const SHARDS_MISSING: &str = "shards-missing";

pub(super) const RULES: &[Rule] = &[
    Rule {
        check: SHARDS_MISSING,
        unit: "shards",
        limits: &[(Invalid, 0.0)],
        measure: |subject| subject.result.shards.as_ref().map(|shards| missing(shards).len() as f64),
        explain: |subject| {
            let shards = subject.result.shards.as_ref();
            let names: Vec<String> = shards.map_or(Vec::new(), missing).iter().map(u32::to_string).collect();
            let count = shards.map_or(0, |shards| shards.count);
            let plural = if names.len() == 1 { "" } else { "s" };
            let names = names.join(", ");
            Finding {
                origin: Origin::Run,
                message: format!("the results of shard{plural} {names} (from 0) of {count} are missing"),
                remedy: "find out from the logs why they ended, and repeat the run",
            }
        },
    },
    Rule {
        check: "nothing-sent",
        unit: "runs",
        limits: &[(Invalid, 0.0)],
        measure: |subject| Some(f64::from(subject.figures.requests.sent == 0)),
        explain: |_| Finding {
            origin: Origin::Run,
            message: "no request was sent in the measured phases".to_owned(),
            remedy: "plan a higher rate or longer phases, and do not stop the run before them",
        },
    },
    Rule {
        check: "interrupted",
        unit: "runs",
        limits: &[(Suspect, 0.0)],
        measure: |subject| Some(f64::from(subject.result.interrupted)),
        explain: |subject| Finding {
            origin: Origin::Run,
            message: format!("the run was stopped after {:.1} s", subject.result.elapsed_s),
            remedy: "repeat it and let it end by itself",
        },
    },
    Rule {
        check: "lane-cpu",
        unit: "%",
        limits: &[(Suspect, LANE_CPU_PERCENT)],
        measure: |subject| Some(100.0 * subject.result.generator.lane_cpu_share_max),
        explain: |subject| Finding {
            origin: Origin::Generator,
            message: format!(
                "a sending thread was busy for {:.0} % of a second: the generator may be what limits the load",
                100.0 * subject.result.generator.lane_cpu_share_max
            ),
            remedy: "use more --threads (on free processors) or more shards",
        },
    },
    // A tenth of the lateness that makes a phase suspect. Answers set the pace of a closed loop, no timer does.
    Rule {
        check: "timer-resolution",
        unit: "µs",
        limits: &[(Suspect, 100.0)],
        measure: |subject| {
            let has_schedule = subject.result.judged_phases().any(|phase| phase.pace != Pace::Closed);
            has_schedule.then_some(subject.result.generator.timer_resolution_us)
        },
        explain: |subject| Finding {
            origin: Origin::Generator,
            message: format!(
                "the clock of this machine moves in steps of {}",
                duration(subject.result.generator.timer_resolution_us)
            ),
            remedy: "use a machine with a high-resolution clock (see /sys/devices/system/clocksource)",
        },
    },
    // Latencies come from the monotonic clock and are right; the times in events and traces are not.
    Rule {
        check: "clock-step",
        unit: "µs",
        limits: &[(Suspect, 1_000.0)],
        measure: |subject| Some(subject.result.generator.clock_step_us.abs()),
        explain: |subject| Finding {
            origin: Origin::Generator,
            message: format!(
                "the wall clock moved by {} against the monotonic clock: times in events are off by as much",
                duration(subject.result.generator.clock_step_us.abs())
            ),
            remedy: "let time synchronisation settle before the run (chronyc waitsync)",
        },
    },
    // Shards begin as far apart as their clocks are uncertain. 10 ms is 1 % of a row of the time series.
    Rule {
        check: "shard-clocks",
        unit: "µs",
        limits: &[(Suspect, 10_000.0)],
        measure: |subject| subject.result.shards.as_ref().and_then(worst_clock_us),
        explain: |subject| Finding {
            origin: Origin::Run,
            message: format!(
                "the shards' clocks agree only within {}: so far apart their phases may have begun and ended",
                duration(subject.result.shards.as_ref().and_then(worst_clock_us).unwrap_or_default())
            ),
            remedy: "synchronise the machines' clocks, and bring Redis nearer to the shards",
        },
    },
    Rule {
        check: "part-of-a-run",
        unit: "shards",
        limits: &[(Note, 0.0)],
        measure: |subject| Some(f64::from(subject.result.shard.is_some())),
        explain: |subject| {
            let (index, count) = subject.result.shard.map_or((0, 1), |shard| (shard.index, shard.count));
            Finding {
                origin: Origin::Run,
                message: format!("this is shard {index} (from 0) of {count}, not the whole run"),
                remedy: "put the shards together with `simulator merge`",
            }
        },
    },
];

/// Shards whose results are not there or that were seen to die, each once.
fn missing(shards: &ShardsSummary) -> Vec<u32> {
    let mut missing: Vec<u32> = shards.missing.iter().chain(&shards.lost).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// The largest bound of the error of a clock, its drift over the run included.
fn worst_clock_us(shards: &ShardsSummary) -> Option<f64> {
    let errors_us =
        shards.clocks.iter().map(|clock| clock.uncertainty_us + clock.drift_us.unwrap_or(0.0).abs());
    errors_us.max_by(f64::total_cmp)
}

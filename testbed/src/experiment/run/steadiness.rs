//! From when on a run is steady, by its throughput and its median response time in each second. Of an open loop the throughput is
//! taken as the share of what was due: how much is due differs from second to second by the plan, and says nothing of the
//! services.

use super::simulator_result::SimulatorResult;
use super::workload::{MEASURE, WARM_UP};
use measurement::statistics::{Criteria, Steadiness, Unsteady, steady_part};
use measurement::{Histogram, hlog};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Logs with requests of each second. There is no response time in a closed loop.
const LOGS: [&str; 2] = ["response-time.hlog", "service-time.hlog"];
/// Rows of each second.
const SERIES: &str = "timeseries.csv";
/// With fewer nothing can be said.
const SECONDS_MIN: usize = 10;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    /// Seconds since the load began.
    pub(super) from_s: Option<f64>,
    /// Why there is no steady part.
    pub(super) reason: Option<String>,
}

/// Judges the warm-up and the measured phase of a run; half of `measure_s` must be steady, 30 s at most.
pub(super) fn judge(directory: &Path, result: &SimulatorResult, measure_s: f64) -> Judgement {
    let whole = result.measured_s().1.floor() as usize;
    let median = LOGS.iter().map(|log| medians(&directory.join(log))).find(|medians| !medians.is_empty());
    let median: Vec<f64> = median.unwrap_or_default().into_iter().take(whole).collect();
    if median.len() < SECONDS_MIN {
        let length = median.len();
        return unsteady(format!(
            "{length} s are too short to tell a steady part: {SECONDS_MIN} s are needed"
        ));
    }
    let mut throughput = match throughput(&directory.join(SERIES)) {
        Ok(throughput) => throughput,
        Err(error) => return unsteady(format!("{SERIES} cannot be read: {error}")),
    };
    // A last second may have rows and no answers, or answers to what was due before.
    throughput.resize(median.len(), 1.0);
    let default = Criteria::default();
    let steady_min = default.steady_min.min(((measure_s / 2.0) as usize).max(SECONDS_MIN));
    match steady_part(&[&throughput, &median], &Criteria { steady_min, ..default }) {
        Ok(Steadiness::Steady { begin, .. }) => Judgement { from_s: Some(begin as f64), reason: None },
        Ok(Steadiness::Unsteady { series, reason }) => {
            let series = ["throughput", "median response time"][series.min(1)];
            unsteady(match reason {
                Unsteady::Changing { begin } => format!("{series} has changed its level after {begin} s"),
                Unsteady::Drifting { change } => {
                    let direction = if change < 0.0 { "falls" } else { "rises" };
                    let percent = change.abs() * 100.0;
                    format!("{series} {direction} by {percent:.0} % of its median in the time of the run")
                }
            })
        }
        Err(error) => unsteady(error.to_string()),
    }
}

fn unsteady(reason: String) -> Judgement {
    Judgement { from_s: None, reason: Some(reason) }
}

/// The median of each second in microseconds, from the first on; empty where the log is not there.
fn medians(log: &Path) -> Vec<f64> {
    let bytes = std::fs::read(log).unwrap_or_default();
    let mut seconds: BTreeMap<u64, Histogram> = BTreeMap::new();
    for interval in hlog::intervals(&bytes).flatten() {
        if [WARM_UP, MEASURE].contains(&interval.phase.as_str()) {
            // Two phases can share a second.
            seconds.entry(interval.start.as_secs()).or_default().merge(&interval.histogram);
        }
    }
    let last = seconds.keys().next_back().map_or(0, |last| last + 1);
    let median = |second| seconds.get(&second).map_or(0.0, |of| of.quantile(0.5).as_secs_f64() * 1e6);
    (0..last).map(median).collect()
}

/// What is read of a row of the simulator's time series.
#[derive(Debug, Deserialize)]
struct Row {
    second: usize,
    phase: String,
    #[serde(rename = "loop")]
    pace: String,
    planned: u64,
    accepted: u64,
}

/// The throughput of each second: events accepted of each that was due, in a closed loop events.
fn throughput(series: &Path) -> Result<Vec<f64>, csv::Error> {
    let mut seconds: Vec<[u64; 2]> = Vec::new();
    for row in csv::Reader::from_path(series)?.into_deserialize() {
        let row: Row = row?;
        if [WARM_UP, MEASURE].contains(&row.phase.as_str()) {
            if seconds.len() <= row.second {
                seconds.resize(row.second + 1, [0, 0]);
            }
            let [accepted, due] = &mut seconds[row.second];
            *accepted += row.accepted;
            *due = if row.pace == "open" { *due + row.planned } else { 1 };
        }
    }
    // Where nothing was due nothing is missing.
    let share = |[accepted, due]: [u64; 2]| if due == 0 { 1.0 } else { accepted as f64 / due as f64 };
    Ok(seconds.into_iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::super::simulator_result::{Counts, Generator, Phase, SimulatorVerdict};
    use super::super::workload::COOL_DOWN;
    use super::*;
    use jiff::Timestamp;
    use measurement::hlog::IntervalLogWriter;
    use std::time::Duration;

    const WARM_UP_S: u64 = 10;
    const MEASURED_S: u64 = 40;

    /// Judges a run in which the median response time of a second is as given, in milliseconds, and all events are accepted.
    fn judged(median_ms: impl Fn(u64) -> u64) -> Judgement {
        judged_of("open", median_ms, |_| (500, 500))
    }

    /// Judges a run by the median response time, and the events due and accepted of a second.
    fn judged_of(
        pace: &str,
        median_ms: impl Fn(u64) -> u64,
        events: impl Fn(u64) -> (u64, u64),
    ) -> Judgement {
        let mut series = "second,phase,loop,planned,accepted\n".to_owned();
        let directory = tempfile::tempdir().unwrap();
        let mut log = IntervalLogWriter::new(Vec::new(), Timestamp::UNIX_EPOCH).unwrap();
        for second in 0..WARM_UP_S + MEASURED_S + 1 {
            let phase = match second {
                0..WARM_UP_S => WARM_UP,
                second if second < WARM_UP_S + MEASURED_S => MEASURE,
                _ => COOL_DOWN,
            };
            let mut histogram = Histogram::new();
            // A little noise, that differs from second to second.
            histogram.record_many(
                Duration::from_micros(median_ms(second) * 1000 + second * 7 % 11),
                500 + second * 5 % 7,
            );
            log.write(phase, Duration::from_secs(second), Duration::from_secs(1), &histogram).unwrap();
            let (due, accepted) = events(second);
            series.push_str(&format!("{second},{phase},{pace},{due},{accepted}\n"));
        }
        std::fs::write(directory.path().join(SERIES), series).unwrap();
        std::fs::write(directory.path().join(LOGS[0]), log.into_inner()).unwrap();
        let phase = |name: &str, start_s: u64, duration_s: u64| Phase {
            name: name.into(),
            start_s: start_s as f64,
            duration_s: duration_s as f64,
            events: Counts { sent: 0, refused: 0 },
        };
        let result = SimulatorResult {
            verdict: SimulatorVerdict { reasons: Vec::new() },
            started_at: Timestamp::UNIX_EPOCH,
            elapsed_s: 0.0,
            generator: Generator { involuntary_switches: 0 },
            shards: None,
            phases: vec![phase(WARM_UP, 0, WARM_UP_S), phase(MEASURE, WARM_UP_S, MEASURED_S)],
        };
        judge(directory.path(), &result, MEASURED_S as f64)
    }

    #[test]
    fn steady_part_begins_where_the_slow_seconds_end() {
        assert_eq!(judged(|_| 5).from_s, Some(0.0));
        assert_eq!(judged(|second| if second < 15 { 20 } else { 5 }).from_s, Some(15.0));
    }

    #[test]
    fn load_that_varies_by_its_plan_is_steady_as_long_as_it_is_served() {
        let due = |second: u64| 300 + 2 * second;
        assert_eq!(judged_of("open", |_| 5, |second| (due(second), due(second))).from_s, Some(0.0));
        let behind = judged_of("open", |_| 5, |second| (due(second), due(second).min(360)));
        assert!(behind.reason.unwrap().starts_with("throughput"));
        // A closed loop sends as much as is served: there is no other measure.
        let closed = judged_of("closed", |_| 5, |second| (due(second), due(second)));
        assert!(closed.reason.unwrap().starts_with("throughput"));
    }

    #[test]
    fn run_that_changes_at_its_end_is_unsteady() {
        let judgement = judged(|second| if second < 40 { 5 } else { 20 });
        let reason = "median response time has changed its level after 40 s";
        assert_eq!((judgement.from_s, judgement.reason.as_deref()), (None, Some(reason)));
    }

    #[test]
    fn run_without_requests_cannot_be_judged() {
        let result = SimulatorResult {
            verdict: SimulatorVerdict { reasons: Vec::new() },
            started_at: Timestamp::UNIX_EPOCH,
            elapsed_s: 0.0,
            generator: Generator { involuntary_switches: 0 },
            shards: None,
            phases: Vec::new(),
        };
        let judgement = judge(Path::new("/nowhere"), &result, 40.0);
        assert_eq!(
            judgement.reason.as_deref(),
            Some("0 s are too short to tell a steady part: 10 s are needed")
        );
    }
}

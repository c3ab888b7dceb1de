//! A line now and then on standard error that says how the run is going.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use observability::metrics::{Metric, Registry, Snapshot};
use tokio::time::{MissedTickBehavior, interval_at};

use crate::report::duration;

const INTERVAL_TERMINAL: Duration = Duration::from_secs(1);
const INTERVAL_LOG: Duration = Duration::from_secs(5);

/// Writes lines until it is dropped.
pub(crate) async fn show_progress(registry: Registry, start: Instant, length: Duration) {
    let is_terminal = io::stderr().is_terminal();
    let interval = if is_terminal { INTERVAL_TERMINAL } else { INTERVAL_LOG };
    let mut ticks = interval_at((start + interval).into(), interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = Counts::default();
    let mut since = start;
    loop {
        let now = ticks.tick().await.into_std();
        let snapshot = registry.snapshot();
        let counts = Counts::of(&snapshot);
        let elapsed_s = now.saturating_duration_since(start).as_secs_f64();
        let rate = (counts.sent - before.sent) as f64 / now.saturating_duration_since(since).as_secs_f64();
        let line = line(&snapshot, &counts, elapsed_s, length.as_secs_f64(), rate);
        // A line that nobody can read is no reason to end a run.
        writeln!(io::stderr(), "{line}").ok();
        (before, since) = (counts, now);
    }
}

#[derive(Default)]
struct Counts {
    sent: u64,
    accepted: u64,
    refused: u64,
    unknown: u64,
    unsent: u64,
}

impl Counts {
    fn of(snapshot: &Snapshot) -> Self {
        let total =
            |metric: Metric| snapshot.counters.get(metric.spec().name).map_or(0, |series| series.total);
        Self {
            sent: total(Metric::SimulatorEventsSent),
            accepted: total(Metric::SimulatorEventsAccepted),
            refused: total(Metric::SimulatorEventsRefused),
            unknown: total(Metric::SimulatorEventsUnknown),
            unsent: total(Metric::SimulatorEventsUnsent),
        }
    }
}

fn line(snapshot: &Snapshot, counts: &Counts, elapsed_s: f64, length_s: f64, rate: f64) -> String {
    let Counts { accepted, refused, unknown, unsent, .. } = counts;
    let response_time = snapshot.histograms.get(Metric::SimulatorResponseDuration.spec().name);
    let quantile = |value_s: Option<f64>| value_s.map_or("-".to_owned(), |value_s| duration(value_s * 1e6));
    let p50 = quantile(response_time.and_then(|summary| summary.p50));
    let p99 = quantile(response_time.and_then(|summary| summary.p99));
    format!(
        "{elapsed_s:>5.0}/{length_s:.0} s  {rate:>9.0} events/s  accepted {accepted}  refused {refused}  \
         unknown {unknown}  unsent {unsent}  p50 {p50}  p99 {p99}"
    )
}

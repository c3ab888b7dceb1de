//! One line a minute that says what a service did: the whole of its log in steady state.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Registry;
use super::snapshot::Snapshot;
use crate::log::STATISTICS;

/// Beginnings of the names of what says little in a log: it is in `/statz` and on dashboards.
const LEFT_OUT: [&str; 6] =
    ["process.", "system.", "tokio.", "container.", "telemetry.export.", "telemetry.queue."];

/// Logs a statistics line at every interval until it is dropped.
pub async fn log_statistics(registry: Registry, interval: Duration) {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = BTreeMap::new();
    loop {
        ticks.tick().await;
        let snapshot = registry.snapshot();
        let statistics = line(&snapshot, &before);
        tracing::info!(target: STATISTICS, statistics, interval_s = interval.as_secs(), "statistics");
        before = snapshot.counters.iter().map(|(name, series)| (*name, series.total)).collect();
    }
}

/// Growth of the counters, values of the gauges, and median and 99th percentile of the distributions. What has not
/// moved, is zero, or is a limit is left out.
fn line(snapshot: &Snapshot, before: &BTreeMap<&'static str, u64>) -> String {
    let is_shown =
        |name: &str| !name.ends_with(".limit") && !LEFT_OUT.iter().any(|left| name.starts_with(left));
    let mut line = String::new();
    for (name, series) in snapshot.counters.iter().filter(|(name, _)| is_shown(name)) {
        let growth = series.total - before.get(name).copied().unwrap_or(0);
        if growth > 0 {
            append(&mut line, format_args!("{name}=+{growth}"));
        }
    }
    for (name, series) in
        snapshot.gauges.iter().filter(|(name, series)| is_shown(name) && series.total != 0.0)
    {
        append(&mut line, format_args!("{name}={}", series.total));
    }
    for (name, summary) in snapshot.histograms.iter().filter(|(name, _)| is_shown(name)) {
        if let (Some(p50), Some(p99)) = (summary.p50, summary.p99) {
            append(&mut line, format_args!("{name}.p50={p50:.6} {name}.p99={p99:.6}"));
        }
    }
    line
}

fn append(line: &mut String, pair: std::fmt::Arguments<'_>) {
    let separator = if line.is_empty() { "" } else { " " };
    write!(line, "{separator}{pair}").expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metric;

    /// The line of a registry; what the process has once moves while other tests run.
    fn of(registry: &Registry, before: &BTreeMap<&'static str, u64>) -> String {
        let mut snapshot = registry.snapshot();
        snapshot.counters.retain(|name, _| !name.starts_with("log.") && !name.starts_with("telemetry."));
        line(&snapshot, before)
    }

    #[test]
    fn counters_show_their_growth() {
        let registry = Registry::new();
        let counter = registry.counter(Metric::IngestEventsAccepted, &[]);
        counter.add(5);
        let before = BTreeMap::from([("ingest.events.accepted", 3)]);
        registry.gauge(Metric::IngestBacklogEvents, &[]).set(7.0);
        assert_eq!(of(&registry, &before), "ingest.events.accepted=+2 ingest.backlog.events=7");
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        let registry = Registry::new();
        registry.counter(Metric::IngestEventsAccepted, &[]).add(3);
        registry.gauge(Metric::IngestBacklogLimit, &[]).set(9.0);
        registry.gauge(Metric::IngestBacklogEvents, &[]).set(0.0);
        registry.gauge(Metric::ProcessMemoryUsage, &[]).set(1e6);
        assert_eq!(of(&registry, &BTreeMap::from([("ingest.events.accepted", 3)])), "");
    }
}

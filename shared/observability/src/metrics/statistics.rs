//! One line a minute that says what a service did: the whole of its log in steady state.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Registry;
use super::snapshot::Snapshot;

/// Logs a statistics line at every interval until it is dropped.
pub async fn log_statistics(registry: Registry, interval: Duration) {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = BTreeMap::new();
    loop {
        ticks.tick().await;
        let snapshot = registry.snapshot();
        tracing::info!(statistics = %line(&snapshot, &before), interval_s = interval.as_secs(), "statistics");
        before = snapshot.counters.iter().map(|(name, series)| (*name, series.total)).collect();
    }
}

/// Growth of the counters, values of the gauges, and median and 99th percentile of the distributions.
fn line(snapshot: &Snapshot, before: &BTreeMap<&'static str, u64>) -> String {
    let mut line = String::new();
    for (name, series) in &snapshot.counters {
        let growth = series.total - before.get(name).copied().unwrap_or(0);
        append(&mut line, format_args!("{name}=+{growth}"));
    }
    for (name, series) in &snapshot.gauges {
        append(&mut line, format_args!("{name}={}", series.total));
    }
    for (name, summary) in &snapshot.histograms {
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

    #[test]
    fn counters_show_their_growth() {
        let registry = Registry::new();
        let counter = registry.counter(Metric::IngestEventsAccepted, &[]);
        counter.add(5);
        let before = BTreeMap::from([("ingest.events.accepted", 3)]);
        registry.gauge(Metric::IngestBacklogEvents).set(7.0);
        assert_eq!(line(&registry.snapshot(), &before), "ingest.events.accepted=+2 ingest.backlog.events=7");
    }
}

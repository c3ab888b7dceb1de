//! What Redis says of the streams, reported by the worker that holds the lease of a partition: one worker is enough.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::{EntryId, GROUP, Keys};
use observability::metrics::{Gauge, Metric, Readings, Registry};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd, pipe};

/// Consumers with series of their own; their names change with every restart of a pod, so that there may be many.
const CONSUMERS_MAX: usize = 16;

const OTHER_CONSUMERS: &str = "other";

/// One partition at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StreamState {
    events: u64,
    results: u64,
    dead: u64,
    pending: u64,
    pending_age_s: f64,
    /// Pending entries by consumer.
    consumers: Vec<(String, u64)>,
}

/// The partitions of which this worker holds the lease. Cloning shares it.
#[derive(Clone)]
pub(crate) struct LeasedStreams(Arc<Inner>);

struct Inner {
    states: Mutex<BTreeMap<u8, StreamState>>,
    leases: Gauge,
    entries: Readings,
    pending: Readings,
    pending_age: Readings,
    consumers: Readings,
}

/// The reply of XPENDING without a range: number, first and last id, number by consumer.
type PendingSummary = (u64, Option<String>, Option<String>, Option<Vec<(String, u64)>>);

impl StreamState {
    /// # Errors
    /// What Redis or the network says; a missing group is none.
    pub(super) async fn read(connection: &mut MultiplexedConnection, keys: &Keys) -> RedisResult<Self> {
        let mut lengths = pipe();
        for key in [&keys.events, &keys.results, &keys.dead] {
            lengths.cmd("XLEN").arg(key);
        }
        let (events, results, dead) = lengths.query_async(connection).await?;
        let (seconds, micros): (u64, u64) = cmd("TIME").query_async(connection).await?;
        let summary = cmd("XPENDING").arg(&keys.events).arg(GROUP).query_async(connection).await;
        let (pending, first, _, consumers): PendingSummary = match summary {
            Err(error) if error.code() == Some("NOGROUP") => Default::default(),
            summary => summary?,
        };
        let now_s = seconds as f64 + micros as f64 * 1e-6;
        let accepted_s = first.and_then(|id| id.parse::<EntryId>().ok()).map(|id| id.ms as f64 * 1e-3);
        Ok(Self {
            events,
            results,
            dead,
            pending,
            pending_age_s: accepted_s.map_or(0.0, |accepted_s| (now_s - accepted_s).max(0.0)),
            consumers: busiest(consumers.unwrap_or_default()),
        })
    }
}

/// Those with the most pending entries, and the sum of all others.
fn busiest(mut consumers: Vec<(String, u64)>) -> Vec<(String, u64)> {
    consumers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let others = consumers.drain(consumers.len().min(CONSUMERS_MAX)..).map(|(_, count)| count).sum();
    if others > 0 {
        consumers.push((OTHER_CONSUMERS.to_owned(), others));
    }
    consumers
}

impl LeasedStreams {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self(Arc::new(Inner {
            states: Mutex::default(),
            leases: registry.gauge(Metric::WorkerLeaseHeld, &[]),
            entries: registry.readings(Metric::StreamEntries),
            pending: registry.readings(Metric::StreamPendingEntries),
            pending_age: registry.readings(Metric::StreamPendingAge),
            consumers: registry.readings(Metric::StreamConsumerPendingEntries),
        }))
    }

    /// The lease of the partition is held, and its streams are so.
    pub(super) fn set(&self, partition: u8, state: StreamState) {
        self.update(|states| drop(states.insert(partition, state)));
    }

    /// The lease of the partition is held no longer: others report its streams.
    pub(super) fn remove(&self, partition: u8) {
        self.update(|states| drop(states.remove(&partition)));
    }

    fn update(&self, change: impl FnOnce(&mut BTreeMap<u8, StreamState>)) {
        // Held to the end: updates of two partitions must not overtake each other.
        let mut states = self.0.states.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut states);
        self.0.leases.set(states.len() as f64);
        let states: Vec<_> = states.iter().map(|(partition, state)| (partition.to_string(), state)).collect();
        self.0.entries.replace(states.iter().flat_map(|(partition, state)| {
            let lengths = [("events", state.events), ("results", state.results), ("dead", state.dead)];
            lengths.map(|(stream, length)| ([("stream", stream), ("partition", partition)], length as f64))
        }));
        let one = |value: fn(&StreamState) -> f64| {
            states.iter().map(move |(partition, state)| ([("partition", partition.as_str())], value(state)))
        };
        self.0.pending.replace(one(|state| state.pending as f64));
        self.0.pending_age.replace(one(|state| state.pending_age_s));
        self.0.consumers.replace(states.iter().flat_map(|(partition, state)| {
            let labels = move |consumer| [("partition", partition.as_str()), ("consumer", consumer)];
            state.consumers.iter().map(move |(consumer, count)| (labels(consumer.as_str()), *count as f64))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_reported_side_by_side_until_their_lease_is_lost() {
        let registry = Registry::new();
        let streams = LeasedStreams::new(&registry);
        let state = |events| StreamState { events, ..StreamState::default() };
        streams.set(0, state(3));
        streams.set(2, state(4));
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.gauges["worker.lease.held"].total, 2.0);
        assert_eq!(snapshot.gauges["stream.entries"].by["stream=events,partition=2"], 4.0);
        streams.remove(2);
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.gauges["worker.lease.held"].total, 1.0);
        assert_eq!(snapshot.gauges["stream.pending.entries"].by.len(), 1);
        assert!(snapshot.gauges["stream.entries"].by.keys().all(|labels| labels.ends_with("partition=0")));
    }

    #[test]
    fn consumers_beyond_the_bound_are_summed() {
        let consumers = (0..20).map(|n| (format!("worker-{n:02}"), n)).collect();
        let busiest = busiest(consumers);
        assert_eq!((busiest[0].clone(), busiest.len()), (("worker-19".to_owned(), 19), CONSUMERS_MAX + 1));
        assert_eq!(busiest.last(), Some(&(OTHER_CONSUMERS.to_owned(), 1 + 2 + 3)));
    }
}

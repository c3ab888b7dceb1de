//! The instruments of the service.

use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};

/// Bound instruments; cloning shares them.
#[derive(Clone)]
pub(crate) struct Instruments {
    pub(crate) events_processed: Counter,
    pub(crate) events_retried: Counter,
    pub(crate) events_dead_lettered: Counter,
    pub(crate) events_duplicate: Counter,
    pub(crate) entries_settled: Counter,
    pub(crate) entries_claimed: Counter,
    pub(crate) entries_superseded: Counter,
    pub(crate) entries_trimmed: Counter,
    pub(crate) lease_held: Gauge,
    pub(crate) batch_events: Histogram,
    pub(crate) queue_duration: Histogram,
    pub(crate) work_duration: Histogram,
    pub(crate) settle_duration: Histogram,
    pub(crate) event_duration: Histogram,
    pub(crate) commit_duration: Histogram,
    pub(crate) cache_rows: Gauge,
    pub(crate) cache_size: Gauge,
    pub(crate) cache_wal_size: Gauge,
}

impl Instruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |metric| registry.counter(metric, &[]);
        let histogram = |metric| registry.histogram(metric, &[]);
        Self {
            events_processed: counter(Metric::WorkerEventsProcessed),
            events_retried: counter(Metric::WorkerEventsRetried),
            events_dead_lettered: counter(Metric::WorkerEventsDeadLettered),
            events_duplicate: counter(Metric::WorkerEventsDuplicate),
            entries_settled: counter(Metric::WorkerEntriesSettled),
            entries_claimed: counter(Metric::WorkerEntriesClaimed),
            entries_superseded: counter(Metric::WorkerEntriesSuperseded),
            entries_trimmed: counter(Metric::WorkerEntriesTrimmed),
            lease_held: registry.gauge(Metric::WorkerLeaseHeld),
            batch_events: histogram(Metric::WorkerBatchEvents),
            queue_duration: histogram(Metric::WorkerQueueDuration),
            work_duration: histogram(Metric::WorkerWorkDuration),
            settle_duration: histogram(Metric::WorkerSettleDuration),
            event_duration: histogram(Metric::WorkerEventDuration),
            commit_duration: histogram(Metric::CacheCommitDuration),
            cache_rows: registry.gauge(Metric::CacheRows),
            cache_size: registry.gauge(Metric::CacheSize),
            cache_wal_size: registry.gauge(Metric::CacheWalSize),
        }
    }
}

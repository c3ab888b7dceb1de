//! The instruments of the service.

use cache::CacheStats;
use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};

/// Bound instruments; cloning shares them.
#[derive(Clone)]
pub(crate) struct Instruments {
    pub(crate) events_stored: Counter,
    pub(crate) entries_followed: Counter,
    pub(crate) freshness: Histogram,
    pub(crate) caught_up: Gauge,
    pub(crate) commit_duration: Histogram,
    cache_rows: Gauge,
    cache_size: Gauge,
    cache_wal_size: Gauge,
}

impl Instruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            events_stored: registry.counter(Metric::QueryEventsStored, &[]),
            entries_followed: registry.counter(Metric::QueryEntriesFollowed, &[]),
            freshness: registry.histogram(Metric::QueryFreshness, &[]),
            caught_up: registry.gauge(Metric::QueryCaughtUp),
            commit_duration: registry.histogram(Metric::CacheCommitDuration, &[]),
            cache_rows: registry.gauge(Metric::CacheRows),
            cache_size: registry.gauge(Metric::CacheSize),
            cache_wal_size: registry.gauge(Metric::CacheWalSize),
        }
    }

    pub(crate) fn set_sizes(&self, stats: &CacheStats) {
        self.cache_rows.set(stats.rows as f64);
        self.cache_size.set(stats.file_bytes as f64);
        self.cache_wal_size.set(stats.wal_bytes as f64);
    }
}

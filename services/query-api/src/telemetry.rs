//! The instruments of the service.

use std::time::Duration;

use cache::CacheStats;
use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};
use tokio::sync::mpsc;
use tokio::time::interval;

/// Fresh enough for the live screen.
const GAUGE_INTERVAL: Duration = Duration::from_millis(500);

/// Bound instruments; cloning shares them.
#[derive(Clone)]
pub(crate) struct Instruments {
    pub(crate) events_stored: Counter,
    pub(crate) entries_followed: Counter,
    pub(crate) freshness: Histogram,
    pub(crate) caught_up: Gauge,
    commit_duration: Histogram,
    checkpoint_duration: Histogram,
    pub(crate) batch_events: Histogram,
    queue_batches: Gauge,
    cache_rows: Gauge,
    cache_size: Gauge,
    cache_wal_size: Gauge,
}

impl Instruments {
    /// `queue_batches_max` is the bound of the queue before the cache's writer.
    pub(crate) fn new(registry: &Registry, queue_batches_max: usize) -> Self {
        registry.gauge(Metric::QueryQueueLimit, &[]).set(queue_batches_max as f64);
        Self {
            events_stored: registry.counter(Metric::QueryEventsStored, &[]),
            entries_followed: registry.counter(Metric::QueryEntriesFollowed, &[]),
            freshness: registry.histogram(Metric::QueryFreshness, &[]),
            caught_up: registry.gauge(Metric::QueryCaughtUp, &[]),
            commit_duration: registry.histogram(Metric::CacheCommitDuration, &[]),
            checkpoint_duration: registry.histogram(Metric::CacheCheckpointDuration, &[]),
            batch_events: registry.histogram(Metric::QueryBatchEvents, &[]),
            queue_batches: registry.gauge(Metric::QueryQueueBatches, &[]),
            cache_rows: registry.gauge(Metric::CacheRows, &[]),
            cache_size: registry.gauge(Metric::CacheSize, &[]),
            cache_wal_size: registry.gauge(Metric::CacheWalSize, &[]),
        }
    }

    /// `took` contains the checkpoint, where there was one.
    pub(crate) fn committed(&self, took: Duration, checkpoint: Option<Duration>) {
        self.commit_duration.record(took.saturating_sub(checkpoint.unwrap_or_default()));
        if let Some(checkpoint) = checkpoint {
            self.checkpoint_duration.record(checkpoint);
        }
    }

    /// Keeps the gauge of the queue up to date until it is dropped. The writer ends when all senders have gone, so
    /// this one does not count.
    pub(crate) async fn watch<T>(self, queue: mpsc::WeakSender<T>) {
        let mut ticks = interval(GAUGE_INTERVAL);
        loop {
            ticks.tick().await;
            let waiting = queue.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity());
            self.queue_batches.set(waiting as f64);
        }
    }

    pub(crate) fn set_sizes(&self, stats: &CacheStats) {
        self.cache_rows.set(stats.rows as f64);
        self.cache_size.set(stats.file_bytes as f64);
        self.cache_wal_size.set(stats.wal_bytes as f64);
    }
}

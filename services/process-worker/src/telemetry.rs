//! The instruments of the service.

use std::time::Duration;

use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::consume::Delivery;

/// Fresh enough for the live screen.
const GAUGE_INTERVAL: Duration = Duration::from_millis(500);

/// Bound instruments; cloning shares them.
#[derive(Clone)]
pub(crate) struct Instruments {
    entries_received: [Counter; Delivery::ALL.len()],
    pub(crate) events_processed: Counter,
    pub(crate) events_retried: Counter,
    pub(crate) events_dead_lettered: Counter,
    pub(crate) events_duplicate: Counter,
    pub(crate) entries_settled: Counter,
    pub(crate) entries_superseded: Counter,
    pub(crate) entries_trimmed: Counter,
    pub(crate) entries_in_flight: Gauge,
    pub(crate) batch_events: Histogram,
    pub(crate) queue_duration: Histogram,
    pub(crate) process_duration: Histogram,
    pub(crate) work_duration: Histogram,
    pub(crate) settle_duration: Histogram,
    pub(crate) event_duration: Histogram,
    commit_duration: Histogram,
    checkpoint_duration: Histogram,
    pub(crate) cache_rows: Gauge,
    pub(crate) cache_size: Gauge,
    pub(crate) cache_wal_size: Gauge,
}

impl Instruments {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |metric| registry.counter(metric, &[]);
        let gauge = |metric| registry.gauge(metric, &[]);
        let histogram = |metric| registry.histogram(metric, &[]);
        let received = |delivery: Delivery| {
            registry.counter(Metric::WorkerEntriesReceived, &[("delivery", delivery.name())])
        };
        Self {
            entries_received: Delivery::ALL.map(received),
            events_processed: counter(Metric::WorkerEventsProcessed),
            events_retried: counter(Metric::WorkerEventsRetried),
            events_dead_lettered: counter(Metric::WorkerEventsDeadLettered),
            events_duplicate: counter(Metric::WorkerEventsDuplicate),
            entries_settled: counter(Metric::WorkerEntriesSettled),
            entries_superseded: counter(Metric::WorkerEntriesSuperseded),
            entries_trimmed: counter(Metric::WorkerEntriesTrimmed),
            entries_in_flight: gauge(Metric::WorkerEntriesInFlight),
            batch_events: histogram(Metric::WorkerBatchEvents),
            queue_duration: histogram(Metric::WorkerQueueDuration),
            process_duration: histogram(Metric::WorkerProcessDuration),
            work_duration: histogram(Metric::WorkerWorkDuration),
            settle_duration: histogram(Metric::WorkerSettleDuration),
            event_duration: histogram(Metric::WorkerEventDuration),
            commit_duration: histogram(Metric::CacheCommitDuration),
            checkpoint_duration: histogram(Metric::CacheCheckpointDuration),
            cache_rows: gauge(Metric::CacheRows),
            cache_size: gauge(Metric::CacheSize),
            cache_wal_size: gauge(Metric::CacheWalSize),
        }
    }

    /// `took` contains the checkpoint, where there was one.
    pub(crate) fn committed(&self, took: Duration, checkpoint: Option<Duration>) {
        self.commit_duration.record(took.saturating_sub(checkpoint.unwrap_or_default()));
        if let Some(checkpoint) = checkpoint {
            self.checkpoint_duration.record(checkpoint);
        }
    }

    pub(crate) fn received(&self, delivery: Delivery) -> &Counter {
        &self.entries_received[delivery as usize]
    }
}

/// The queues before the stages, of all partitions together.
pub(crate) struct Queues {
    stages: Vec<Stage>,
}

/// Gives the batches that wait and those that may; none where the queue has gone.
type Queue = Box<dyn Fn() -> Option<(usize, usize)> + Send>;

struct Stage {
    batches: Gauge,
    limit: Gauge,
    queues: Vec<Queue>,
}

/// Names of the stages that have a queue.
const STAGES: [&str; 3] = ["process", "store", "settle"];

impl Queues {
    pub(crate) fn new(registry: &Registry) -> Self {
        let stage = |name| Stage {
            batches: registry.gauge(Metric::WorkerQueueBatches, &[("stage", name)]),
            limit: registry.gauge(Metric::WorkerQueueLimit, &[("stage", name)]),
            queues: Vec::new(),
        };
        Self { stages: STAGES.map(stage).into() }
    }

    pub(crate) fn add_process<T: Send + 'static>(&mut self, queue: &mpsc::Sender<T>) {
        self.stages[0].add(queue);
    }

    pub(crate) fn add_store<T: Send + 'static>(&mut self, queue: &mpsc::Sender<T>) {
        self.stages[1].add(queue);
    }

    pub(crate) fn add_settle<T: Send + 'static>(&mut self, queue: &mpsc::Sender<T>) {
        self.stages[2].add(queue);
    }

    /// Keeps the gauges up to date until it is dropped.
    pub(crate) async fn watch(self) {
        let mut ticks = interval(GAUGE_INTERVAL);
        loop {
            ticks.tick().await;
            self.stages.iter().for_each(Stage::observe);
        }
    }
}

impl Stage {
    /// A stage ends when all senders of its queue have gone, so this one must not count.
    fn add<T: Send + 'static>(&mut self, queue: &mpsc::Sender<T>) {
        let queue = queue.downgrade();
        self.queues.push(Box::new(move || {
            let queue = queue.upgrade()?;
            Some((queue.max_capacity() - queue.capacity(), queue.max_capacity()))
        }));
        self.observe();
    }

    fn observe(&self) {
        let sizes = self.queues.iter().filter_map(|queue| queue());
        let (batches, limit) = sizes.fold((0, 0), |sum, (batches, limit)| (sum.0 + batches, sum.1 + limit));
        self.batches.set(batches as f64);
        self.limit.set(limit as f64);
    }
}

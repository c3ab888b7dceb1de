//! The instruments of the service.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use observability::metrics::{Counter, Gauge, Histogram, Metric, Registry};
use service::problem::ProblemKind;
use tokio::time::{Duration, interval};

use crate::App;
use crate::commit::Partition;
use crate::config::Config;

/// Fresh enough for the live screen.
const GAUGE_INTERVAL: Duration = Duration::from_millis(500);

/// Bound instruments; cloning shares them.
#[derive(Clone)]
pub(crate) struct Instruments {
    pub(crate) events_accepted: Counter,
    pub(crate) entries_written: Counter,
    queue_events: Gauge,
    queue_usage: Gauge,
    pub(crate) writes_in_flight: Gauge,
    backlog_events: Gauge,
    pub(crate) write_duration: Histogram,
    pub(crate) write_events: Histogram,
    refused: Arc<Vec<(ProblemKind, Counter)>>,
}

/// Why a request can be refused here.
const REFUSALS: [ProblemKind; 12] = [
    ProblemKind::Malformed,
    ProblemKind::Unauthorized,
    ProblemKind::NotFound,
    ProblemKind::MethodNotAllowed,
    ProblemKind::RequestTimeout,
    ProblemKind::BodyTooLarge,
    ProblemKind::EventTooLarge,
    ProblemKind::UnsupportedMediaType,
    ProblemKind::InvalidEvent,
    ProblemKind::BacklogFull,
    ProblemKind::RedisUnavailable,
    ProblemKind::OutcomeUnknown,
];

impl Instruments {
    pub(crate) fn new(registry: &Registry, config: &Config) -> Self {
        let gauge = |metric| registry.gauge(metric, &[]);
        let queue_bytes_max = config.queue_bytes_max as f64 * f64::from(config.partitions);
        gauge(Metric::IngestQueueLimit).set(queue_bytes_max);
        gauge(Metric::IngestBacklogLimit).set(config.backlog_events_max as f64);
        let refused = |kind: ProblemKind| {
            (kind, registry.counter(Metric::IngestRequestsRefused, &[("error.type", kind.name())]))
        };
        Self {
            events_accepted: registry.counter(Metric::IngestEventsAccepted, &[]),
            entries_written: registry.counter(Metric::IngestEntriesWritten, &[]),
            queue_events: gauge(Metric::IngestQueueEvents),
            queue_usage: gauge(Metric::IngestQueueUsage),
            writes_in_flight: gauge(Metric::IngestWritesInFlight),
            backlog_events: gauge(Metric::IngestBacklogEvents),
            write_duration: registry.histogram(Metric::IngestWriteDuration, &[]),
            write_events: registry.histogram(Metric::IngestWriteEvents, &[]),
            refused: Arc::new(REFUSALS.map(refused).to_vec()),
        }
    }

    /// Keeps the gauges up to date until it is dropped.
    pub(crate) async fn watch(self, partitions: Vec<Arc<Partition>>) {
        let mut ticks = interval(GAUGE_INTERVAL);
        loop {
            ticks.tick().await;
            let queued = partitions.iter().map(|partition| partition.queued());
            let (events, bytes) = queued.fold((0, 0), |sum, (events, bytes)| (sum.0 + events, sum.1 + bytes));
            self.queue_events.set(events as f64);
            self.queue_usage.set(bytes as f64);
            self.backlog_events
                .set(partitions.iter().map(|partition| partition.backlog_events()).sum::<u64>() as f64);
        }
    }
}

/// Middleware that counts the problems among the responses.
pub(crate) async fn count_refusal(State(app): State<Arc<App>>, response: Response) -> Response {
    if let Some(kind) = response.extensions().get::<ProblemKind>()
        && let Some((_, counter)) = app.instruments.refused.iter().find(|(known, _)| known == kind)
    {
        counter.add(1);
    }
    response
}

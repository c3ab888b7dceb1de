//! Counts what becomes of every span, metric data point and log record: exported, failed, dropped or queued.
//!
//! The SDK counts an item as processed before it is sent and drops without saying so. Here the queue is bounded and
//! counted in front of the SDK's own, and results behind its exporters.

mod exporters;
mod queues;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;

pub(crate) use self::exporters::CountingExporter;
pub(crate) use self::queues::BoundedQueue;
use crate::metrics::{Counter, Gauge, Histogram, Metric, Registry};
use crate::outage::Outage;
use crate::process_wide::process_wide;

/// Most links of the spans in the queue: spans of batches have up to a thousand each, and a queue that is bounded in
/// spans alone could hold hundreds of megabytes while the collector is down. A link takes about 200 bytes.
const QUEUED_LINKS_MAX: usize = 65_536;

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// The delivery of all signals.
pub(crate) struct Deliveries {
    traces: Delivery,
    metrics: Delivery,
    logs: Delivery,
}

/// What became of the items of one signal.
pub(crate) struct Delivery {
    exported: Counter,
    failed: Counter,
    dropped: Counter,
    duration: Histogram,
    outage: Outage,
    /// Metrics have no queue: they are collected when they are exported.
    queue: Option<Queue>,
}

/// Items that wait for export or are being exported.
struct Queue {
    /// The limit of the running export is set when it starts.
    limit: AtomicUsize,
    items: AtomicUsize,
    links: AtomicUsize,
    items_shown: Gauge,
    limit_shown: Gauge,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    pub(crate) fn delivery(self) -> &'static Delivery {
        let deliveries = &process_wide().deliveries;
        match self {
            Self::Traces => &deliveries.traces,
            Self::Metrics => &deliveries.metrics,
            Self::Logs => &deliveries.logs,
        }
    }
}

impl Deliveries {
    pub(crate) fn new(registry: &Registry) -> Self {
        let of = |signal| Delivery::new(registry, signal);
        Self { traces: of(Signal::Traces), metrics: of(Signal::Metrics), logs: of(Signal::Logs) }
    }
}

impl Delivery {
    fn new(registry: &Registry, signal: Signal) -> Self {
        let labels = [("signal", signal.name())];
        let queue = || Queue {
            limit: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            links: AtomicUsize::new(0),
            items_shown: registry.gauge(Metric::TelemetryQueueItems, &labels),
            limit_shown: registry.gauge(Metric::TelemetryQueueLimit, &labels),
        };
        Self {
            exported: registry.counter(Metric::TelemetryExported, &labels),
            failed: registry.counter(Metric::TelemetryFailed, &labels),
            dropped: registry.counter(Metric::TelemetryDropped, &labels),
            duration: registry.histogram(Metric::TelemetryExportDuration, &labels),
            outage: Outage::new(format!("otlp export of {}", signal.name())),
            queue: (signal != Signal::Metrics).then(queue),
        }
    }

    pub(crate) fn set_queue_limit(&self, items: usize) {
        if let Some(queue) = &self.queue {
            queue.limit.store(items, Ordering::Relaxed);
            queue.limit_shown.set(items as f64);
        }
    }

    /// Takes a place in the queue; where there is none the item counts as dropped.
    fn enqueue(&self, links: usize) -> bool {
        let Some(queue) = &self.queue else { return true };
        let items = queue.items.fetch_add(1, Ordering::AcqRel) + 1;
        let all_links = queue.links.fetch_add(links, Ordering::AcqRel) + links;
        // A span with many links still fits into an empty queue.
        let has_room = items <= queue.limit.load(Ordering::Relaxed)
            && (all_links <= QUEUED_LINKS_MAX || links == 0 || items == 1);
        if has_room {
            queue.items_shown.add(1.0);
        } else {
            queue.items.fetch_sub(1, Ordering::AcqRel);
            queue.links.fetch_sub(links, Ordering::AcqRel);
            self.dropped.add(1);
        }
        has_room
    }

    /// Whether the queue would take an item now; where not, the item that is not even made counts as dropped.
    pub(crate) fn has_room(&self) -> bool {
        let Some(queue) = &self.queue else { return true };
        let has_room = queue.items.load(Ordering::Relaxed) < queue.limit.load(Ordering::Relaxed);
        if !has_room {
            self.dropped.add(1);
        }
        has_room
    }

    /// Counts an item that came after the queue was closed.
    fn drop_one(&self) {
        self.dropped.add(1);
    }

    /// Counts the end of an export; its items have left the queue.
    fn export_ended(&self, items: usize, links: usize, duration: Duration, result: &OTelSdkResult) {
        if let Some(queue) = &self.queue {
            queue.items.fetch_sub(items, Ordering::AcqRel);
            queue.links.fetch_sub(links, Ordering::AcqRel);
            queue.items_shown.add(-(items as f64));
        }
        self.duration.record(duration);
        match result {
            Ok(()) => {
                self.exported.add(items as u64);
                self.outage.recovered();
            }
            Err(error) => {
                self.failed.add(items as u64);
                self.outage.failed(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delivery of a signal, with the registry that shows it.
    fn delivery(queue_limit: usize) -> (Registry, Delivery) {
        let registry = Registry::process_wide();
        let delivery = Delivery::new(&registry, Signal::Traces);
        delivery.set_queue_limit(queue_limit);
        (registry, delivery)
    }

    #[test]
    fn full_queue_drops_and_an_export_makes_room() {
        let (registry, delivery) = delivery(2);
        let taken = [0, 0, 0].map(|links| delivery.enqueue(links));
        assert_eq!((taken, delivery.has_room()), ([true, true, false], false));
        let shown = || registry.snapshot().gauges["telemetry.queue.items"].total;
        assert_eq!(shown(), 2.0);
        delivery.export_ended(2, 0, Duration::from_millis(1), &Ok(()));
        assert_eq!(shown(), 0.0);
        assert!(delivery.enqueue(0));
        let counters = registry.snapshot().counters;
        let total = |name| counters[name].total;
        assert_eq!((total("telemetry.items.exported"), total("telemetry.items.dropped")), (2, 2));
    }

    #[test]
    fn links_in_the_queue_are_bounded_as_well() {
        let (_registry, delivery) = delivery(100);
        assert!(delivery.enqueue(QUEUED_LINKS_MAX + 1), "one span always fits");
        assert!(!delivery.enqueue(1));
        assert!(delivery.enqueue(0), "a span without links takes no room of theirs");
        delivery.export_ended(1, QUEUED_LINKS_MAX + 1, Duration::from_millis(1), &Ok(()));
        assert!(delivery.enqueue(1));
    }
}

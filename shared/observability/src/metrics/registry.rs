//! Instruments, and the registry that lets them be read inside the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use opentelemetry::metrics::Meter;
use opentelemetry::{KeyValue, global};

use super::declarations::{Kind, Metric};
use super::histogram::{self, Histogram, Window, lock};
use super::snapshot::Snapshot;
use crate::process_wide::process_wide;

/// The instruments of one service. Cloning shares them.
///
/// Make it after [`crate::init`]: instruments are exported through the global meter provider of that moment.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    meter: Meter,
    series: Mutex<BTreeMap<&'static str, Vec<Series>>>,
    /// The process-wide registry, unless it is this one.
    shared: Option<Registry>,
    started: Instant,
}

struct Series {
    metric: Metric,
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Number(Arc<AtomicU64>),
    Distribution(Arc<Mutex<Window>>),
    Reading(f64),
}

/// A count that only grows.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

/// A value of the moment.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

/// All series of a metric that is read from somewhere else from time to time, such as the kernel or Redis. Cloning
/// shares them.
#[derive(Clone)]
pub struct Readings {
    registry: Registry,
    metric: Metric,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    pub fn new() -> Self {
        Self::with_shared(Some(&process_wide().registry))
    }

    /// The registry of what a process has once; every other shows its series as well.
    pub(crate) fn process_wide() -> Self {
        Self::with_shared(None)
    }

    fn with_shared(shared: Option<&Self>) -> Self {
        let (meter, shared) = (global::meter("testbed"), shared.cloned());
        Self(Arc::new(Inner { meter, series: Mutex::default(), shared, started: Instant::now() }))
    }

    /// A counter with fixed labels; it is exported from now on, also while it is 0.
    pub fn counter(&self, metric: Metric, labels: &[(&'static str, &str)]) -> Counter {
        Counter(self.number(metric, Kind::Counter, labels))
    }

    /// A gauge with fixed labels; it is exported from now on, with 0 until it is set.
    pub fn gauge(&self, metric: Metric, labels: &[(&'static str, &str)]) -> Gauge {
        Gauge(self.number(metric, Kind::Gauge, labels))
    }

    /// A metric whose series come and go; it has none until the first [`Readings::replace`]. Not for histograms.
    pub fn readings(&self, metric: Metric) -> Readings {
        debug_assert_ne!(metric.spec().kind, Kind::Histogram, "{}", metric.spec().name);
        let is_new = !self.0.lock().contains_key(metric.spec().name);
        if is_new {
            self.0.lock().insert(metric.spec().name, Vec::new());
            self.export_readings(metric);
        }
        Readings { registry: self.clone(), metric }
    }

    pub fn histogram(&self, metric: Metric, labels: &[(&'static str, &str)]) -> Histogram {
        let spec = metric.spec();
        let stage = spec.stage.map(|stage| ("stage", stage));
        let labels: &[_] = &labels.iter().copied().chain(stage).collect::<Vec<_>>();
        check(metric, Kind::Histogram, labels);
        let builder = self.0.meter.f64_histogram(spec.name).with_unit(spec.unit);
        let instrument =
            builder.with_description(spec.description).with_boundaries(histogram::boundaries(spec)).build();
        let window = Value::Distribution(Arc::new(Mutex::new(Window::new(spec))));
        let Value::Distribution(window) = self.0.find_or_add(metric, labels, window).0 else {
            unreachable!("a metric has one kind")
        };
        Histogram::new(instrument.bind(&attributes(labels)), window)
    }

    /// The values of all series, also of those that the process has once.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot =
            Snapshot { uptime_s: self.0.started.elapsed().as_secs_f64(), ..Snapshot::default() };
        for registry in self.0.shared.iter().chain([self]) {
            registry.add_to(&mut snapshot);
        }
        snapshot
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        for (name, series) in self.0.lock().iter() {
            for one in series {
                match &one.value {
                    Value::Number(number) => snapshot.add_number(name, one, number.load(Ordering::Relaxed)),
                    Value::Distribution(window) => snapshot.add_histogram(name, lock(window).summary()),
                    Value::Reading(value) => snapshot.add_gauge(name, &one.labels, *value),
                }
            }
        }
    }

    fn number(&self, metric: Metric, kind: Kind, labels: &[(&'static str, &str)]) -> Arc<AtomicU64> {
        check(metric, kind, labels);
        let zero = Value::Number(Arc::new(AtomicU64::new(0)));
        let (value, is_first) = self.0.find_or_add(metric, labels, zero);
        let Value::Number(number) = value else { unreachable!("a metric has one kind") };
        if is_first {
            self.export_number(metric);
        }
        number
    }

    /// One observable instrument per metric reads the atomics of all its series when an export asks.
    fn export_number(&self, metric: Metric) {
        let spec = metric.spec();
        let inner = Arc::downgrade(&self.0);
        if spec.kind == Kind::Counter {
            let builder = self.0.meter.u64_observable_counter(spec.name).with_unit(spec.unit);
            let observed = builder.with_description(spec.description).with_callback(move |observer| {
                for_each(&inner, metric, |series| {
                    if let Value::Number(number) = &series.value {
                        observer.observe(number.load(Ordering::Relaxed), &series.attributes());
                    }
                });
            });
            observed.build();
        } else {
            self.export_gauge(metric);
        }
    }

    fn export_readings(&self, metric: Metric) {
        let spec = metric.spec();
        let inner = Arc::downgrade(&self.0);
        if spec.kind == Kind::Counter {
            let builder = self.0.meter.f64_observable_counter(spec.name).with_unit(spec.unit);
            let observed = builder.with_description(spec.description).with_callback(move |observer| {
                for_each(&inner, metric, |series| observer.observe(series.moment(), &series.attributes()));
            });
            observed.build();
        } else {
            self.export_gauge(metric);
        }
    }

    fn export_gauge(&self, metric: Metric) {
        let spec = metric.spec();
        let inner = Arc::downgrade(&self.0);
        let builder = self.0.meter.f64_observable_gauge(spec.name).with_unit(spec.unit);
        let observed = builder.with_description(spec.description).with_callback(move |observer| {
            for_each(&inner, metric, |series| observer.observe(series.moment(), &series.attributes()));
        });
        observed.build();
    }
}

fn for_each(inner: &Weak<Inner>, metric: Metric, mut observe: impl FnMut(&Series)) {
    let Some(inner) = inner.upgrade() else { return };
    inner.lock().get(metric.spec().name).into_iter().flatten().for_each(&mut observe);
}

impl Series {
    fn new(metric: Metric, labels: &[(&'static str, &str)], value: Value) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { metric, labels, value }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        self.labels.iter().map(|(name, value)| KeyValue::new(*name, value.clone())).collect()
    }

    /// The value of a gauge or of a reading.
    fn moment(&self) -> f64 {
        match &self.value {
            Value::Number(bits) => f64::from_bits(bits.load(Ordering::Relaxed)),
            Value::Reading(value) => *value,
            Value::Distribution(_) => f64::NAN,
        }
    }
}

impl Readings {
    /// From now on the metric has these series and no others.
    pub fn replace<'a, Labels: AsRef<[(&'static str, &'a str)]>>(
        &self,
        series: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let series = series.into_iter().map(|(labels, value)| {
            check(self.metric, self.metric.spec().kind, labels.as_ref());
            Series::new(self.metric, labels.as_ref(), Value::Reading(value))
        });
        let series = series.collect();
        self.registry.0.lock().insert(self.metric.spec().name, series);
    }

    /// From now on the metric has no series.
    pub fn clear(&self) {
        self.replace::<[_; 0]>([]);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Vec<Series>>> {
        lock(&self.series)
    }

    /// The series' value, and whether it is the metric's first series.
    fn find_or_add(&self, metric: Metric, labels: &[(&'static str, &str)], value: Value) -> (Value, bool) {
        let mut all = self.lock();
        let series = all.entry(metric.spec().name).or_default();
        let same = |one: &&Series| {
            one.labels.len() == labels.len()
                && one.labels.iter().zip(labels).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
        };
        if let Some(found) = series.iter().find(same) {
            return (found.value.clone(), false);
        }
        series.push(Series::new(metric, labels, value.clone()));
        (value, series.len() == 1)
    }
}

impl Snapshot {
    fn add_number(&mut self, name: &'static str, series: &Series, bits: u64) {
        match series.metric.spec().kind {
            Kind::Counter => self.add_counter(name, &series.labels, bits),
            _ => self.add_gauge(name, &series.labels, f64::from_bits(bits)),
        }
    }
}

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Adds to the value, which only one thread may set at a time otherwise.
    pub fn add(&self, difference: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + difference).to_bits());
        // The closure always gives a value.
        let _previous = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }

    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

fn check(metric: Metric, kind: Kind, labels: &[(&'static str, &str)]) {
    let spec = metric.spec();
    debug_assert_eq!(spec.kind, kind, "{}", spec.name);
    debug_assert!(labels.iter().all(|(name, _)| spec.labels.contains(name)), "{}: {labels:?}", spec.name);
}

fn attributes(labels: &[(&'static str, &str)]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn same_labels_share_a_series() {
        let registry = Registry::new();
        registry.counter(Metric::IngestEventsAccepted, &[]).add(2);
        registry.counter(Metric::IngestEventsAccepted, &[]).add(3);
        registry.counter(Metric::IngestRequestsRefused, &[("error.type", "backlog-full")]).add(1);
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.counters["ingest.events.accepted"].total, 5);
        assert_eq!(snapshot.counters["ingest.requests.refused"].by["error.type=backlog-full"], 1);
    }

    #[test]
    fn series_exist_before_they_count() {
        let registry = Registry::new();
        let _counter = registry.counter(Metric::WorkerEventsProcessed, &[]);
        let _histogram = registry.histogram(Metric::WorkerWorkDuration, &[]);
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.counters["worker.events.processed"].total, 0);
        assert_eq!(
            (
                snapshot.histograms["worker.work.duration"].count,
                snapshot.histograms["worker.work.duration"].p99
            ),
            (0, None)
        );
    }

    #[test]
    fn readings_have_the_series_of_the_last_time() {
        let registry = Registry::new();
        let entries = registry.readings(Metric::StreamEntries);
        let labels = |stream| [("stream", stream), ("partition", "0")];
        entries.replace([(labels("events"), 3.0), (labels("dead"), 1.0)]);
        entries.replace([(labels("events"), 4.0)]);
        let snapshot = registry.snapshot();
        let by = &snapshot.gauges["stream.entries"].by;
        assert_eq!(by.iter().collect::<Vec<_>>(), [(&"stream=events,partition=0".to_owned(), &4.0)]);
        entries.clear();
        assert!(!registry.snapshot().gauges.contains_key("stream.entries"));
    }

    #[test]
    fn percentiles_are_in_seconds() {
        let registry = Registry::new();
        let histogram = registry.histogram(Metric::CacheCommitDuration, &[]);
        (1..=100).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        let summary = &registry.snapshot().histograms["cache.commit.duration"];
        assert!((summary.p50.expect("recorded") - 0.05).abs() < 0.001, "{summary:?}");
        assert_eq!(summary.count, 100);
    }
    #[test]
    fn durations_counted_elsewhere_weigh_as_if_recorded_one_by_one() {
        let registry = Registry::new();
        let histogram = registry.histogram(Metric::SimulatorResponseDuration, &[]);
        histogram.record_counted([(Duration::from_millis(1), 90), (Duration::from_millis(9), 10)]);
        let summary = &registry.snapshot().histograms["simulator.response.duration"];
        assert_eq!(summary.count, 100);
        assert!((summary.p50.expect("recorded") - 0.001).abs() < 0.0001, "{summary:?}");
        assert!((summary.p99.expect("recorded") - 0.009).abs() < 0.0002, "{summary:?}");
    }
}

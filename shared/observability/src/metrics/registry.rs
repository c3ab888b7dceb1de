//! Instruments, and the registry that lets them be read inside the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram as Distribution;
use opentelemetry::metrics::{BoundHistogram, Meter};
use opentelemetry::{KeyValue, global};

use super::declarations::{Kind, Metric};
use super::snapshot::{HistogramSnapshot, Snapshot};

/// Resolves the pipeline's stages on a stock Prometheus: 50 µs to 60 s.
const SECONDS_BUCKETS: [f64; 19] = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0,
];

/// Sizes of batches.
const COUNT_BUCKETS: [f64; 14] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];

/// The percentiles of `/statz` cover the running and the last window, so 5 to 10 s.
const WINDOW: Duration = Duration::from_secs(5);

/// The instruments of one service. Cloning shares them.
///
/// Make it after [`crate::init`]: instruments are exported through the global meter provider of that moment.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    meter: Meter,
    series: Mutex<BTreeMap<&'static str, Vec<Series>>>,
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
}

/// A count that only grows.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

/// A value of the moment.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

/// A distribution of durations in seconds, or of sizes.
#[derive(Clone)]
pub struct Histogram {
    exported: Arc<BoundHistogram<f64>>,
    window: Arc<Mutex<Window>>,
}

/// Distributions of the running and the last window, in nanoseconds or in plain counts.
struct Window {
    started: Instant,
    current: Distribution<u32>,
    last: Distribution<u32>,
    count: u64,
    unit_ns: bool,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    pub fn new() -> Self {
        let meter = global::meter("testbed");
        Self(Arc::new(Inner { meter, series: Mutex::default(), started: Instant::now() }))
    }

    /// A counter with fixed labels; it is exported from now on, also while it is 0.
    pub fn counter(&self, metric: Metric, labels: &[(&'static str, &str)]) -> Counter {
        Counter(self.number(metric, Kind::Counter, labels))
    }

    pub fn gauge(&self, metric: Metric) -> Gauge {
        Gauge(self.number(metric, Kind::Gauge, &[]))
    }

    pub fn histogram(&self, metric: Metric, labels: &[(&'static str, &str)]) -> Histogram {
        let spec = metric.spec();
        check(metric, Kind::Histogram, labels);
        let in_seconds = spec.unit == "s";
        let boundaries = if in_seconds { SECONDS_BUCKETS.to_vec() } else { COUNT_BUCKETS.to_vec() };
        let instrument = self
            .0
            .meter
            .f64_histogram(spec.name)
            .with_unit(spec.unit)
            .with_description(spec.description)
            .with_boundaries(boundaries)
            .build();
        let window = Arc::new(Mutex::new(Window::new(in_seconds)));
        let value = self.0.find_or_add(metric, labels, Value::Distribution(window)).0;
        let Value::Distribution(window) = value else { unreachable!("a metric has one kind") };
        Histogram { exported: Arc::new(instrument.bind(&attributes(labels))), window }
    }

    /// The values of all series.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot =
            Snapshot { uptime_s: self.0.started.elapsed().as_secs_f64(), ..Snapshot::default() };
        for (name, series) in self.0.lock().iter() {
            for one in series {
                match &one.value {
                    Value::Number(number) => snapshot.add_number(name, one, number.load(Ordering::Relaxed)),
                    Value::Distribution(window) => snapshot.add_histogram(name, lock(window).summary()),
                }
            }
        }
        snapshot
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
        let inner: Weak<Inner> = Arc::downgrade(&self.0);
        let read = move |observe: &mut dyn FnMut(u64, &[KeyValue])| {
            let Some(inner) = inner.upgrade() else { return };
            for series in inner.lock().get(spec.name).into_iter().flatten() {
                if let Value::Number(number) = &series.value {
                    let attributes: Vec<_> = series
                        .labels
                        .iter()
                        .map(|(name, value)| KeyValue::new(*name, value.clone()))
                        .collect();
                    observe(number.load(Ordering::Relaxed), &attributes);
                }
            }
        };
        if spec.kind == Kind::Counter {
            let builder = self.0.meter.u64_observable_counter(spec.name).with_unit(spec.unit);
            builder
                .with_description(spec.description)
                .with_callback(move |observer| read(&mut |value, labels| observer.observe(value, labels)))
                .build();
        } else {
            let builder = self.0.meter.f64_observable_gauge(spec.name).with_unit(spec.unit);
            builder
                .with_description(spec.description)
                .with_callback(move |observer| {
                    read(&mut |bits, labels| observer.observe(f64::from_bits(bits), labels));
                })
                .build();
        }
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
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        series.push(Series { metric, labels, value: value.clone() });
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
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Histogram {
    /// Records a duration, of a metric whose unit is seconds.
    pub fn record(&self, duration: Duration) {
        self.exported.record(duration.as_secs_f64());
        lock(&self.window).record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a size.
    pub fn record_count(&self, count: u64) {
        self.exported.record(count as f64);
        lock(&self.window).record(count);
    }

    /// Records how long ago a moment was by this machine's clock, both in unix microseconds. A moment in the
    /// future, which clocks of two nodes can give, counts as zero.
    pub fn record_since_us(&self, earlier_us: i64, now_us: i64) {
        self.record(Duration::from_micros(u64::try_from(now_us - earlier_us).unwrap_or(0)));
    }
}

impl Window {
    fn new(unit_ns: bool) -> Self {
        let distribution =
            || Distribution::new_with_bounds(1, 3_600_000_000_000, 2).expect("constant bounds are valid");
        Self { started: Instant::now(), current: distribution(), last: distribution(), count: 0, unit_ns }
    }

    fn record(&mut self, value: u64) {
        self.rotate();
        self.current.saturating_record(value);
        self.count += 1;
    }

    fn rotate(&mut self) {
        let age = self.started.elapsed();
        if age >= WINDOW {
            std::mem::swap(&mut self.current, &mut self.last);
            self.current.reset();
            if age >= 2 * WINDOW {
                self.last.reset();
            }
            self.started = Instant::now();
        }
    }

    fn summary(&mut self) -> HistogramSnapshot {
        self.rotate();
        let mut both = self.last.clone();
        both.add(&self.current).expect("both have the same bounds");
        let scale = if self.unit_ns { 1e-9 } else { 1.0 };
        let at = |quantile| (!both.is_empty()).then(|| both.value_at_quantile(quantile) as f64 * scale);
        HistogramSnapshot {
            count: self.count,
            window_count: both.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn percentiles_are_in_seconds() {
        let registry = Registry::new();
        let histogram = registry.histogram(Metric::CacheCommitDuration, &[]);
        (1..=100).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        let summary = &registry.snapshot().histograms["cache.commit.duration"];
        assert!((summary.p50.expect("recorded") - 0.05).abs() < 0.001, "{summary:?}");
        assert_eq!(summary.count, 100);
    }
}

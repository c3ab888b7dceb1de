//! Distributions: exported as buckets, and read as percentiles of the last seconds inside the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram as Distribution;
use opentelemetry::metrics::BoundHistogram;

use super::declarations::Spec;
use super::snapshot::HistogramSnapshot;

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

/// A distribution of durations in seconds, or of sizes.
#[derive(Clone)]
pub struct Histogram {
    exported: Arc<BoundHistogram<f64>>,
    window: Arc<Mutex<Window>>,
}

/// Distributions of the running and the last window, in nanoseconds or in plain counts.
pub(super) struct Window {
    started: Instant,
    current: Distribution<u32>,
    last: Distribution<u32>,
    count: u64,
    unit_ns: bool,
}

/// Upper bounds of the exported buckets.
pub(super) fn boundaries(spec: &Spec) -> Vec<f64> {
    if spec.unit == "s" { SECONDS_BUCKETS.to_vec() } else { COUNT_BUCKETS.to_vec() }
}

impl Histogram {
    pub(super) fn new(exported: BoundHistogram<f64>, window: Arc<Mutex<Window>>) -> Self {
        Self { exported: Arc::new(exported), window }
    }

    /// Records a duration, of a metric whose unit is seconds.
    pub fn record(&self, duration: Duration) {
        self.exported.record(duration.as_secs_f64());
        lock(&self.window).record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), 1);
    }

    /// Records durations that were counted elsewhere, each as often as it is said: for what is too frequent to be recorded
    /// one by one. The exporter knows no shorter way than one by one; the percentiles of `/statz` do.
    pub fn record_counted(&self, durations: impl IntoIterator<Item = (Duration, u64)>) {
        let mut window = lock(&self.window);
        for (duration, count) in durations {
            let seconds = duration.as_secs_f64();
            (0..count).for_each(|_| self.exported.record(seconds));
            window.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), count);
        }
    }

    /// Records a size.
    pub fn record_count(&self, count: u64) {
        self.exported.record(count as f64);
        lock(&self.window).record(count, 1);
    }

    /// Records how long ago a moment was by this machine's clock, both in unix microseconds. A moment in the
    /// future, which clocks of two nodes can give, counts as zero.
    pub fn record_since_us(&self, earlier_us: i64, now_us: i64) {
        self.record(Duration::from_micros(u64::try_from(now_us - earlier_us).unwrap_or(0)));
    }
}

impl Window {
    pub(super) fn new(spec: &Spec) -> Self {
        let distribution =
            || Distribution::new_with_bounds(1, 3_600_000_000_000, 2).expect("constant bounds are valid");
        let unit_ns = spec.unit == "s";
        Self { started: Instant::now(), current: distribution(), last: distribution(), count: 0, unit_ns }
    }

    fn record(&mut self, value: u64, count: u64) {
        self.rotate();
        self.current.saturating_record_n(value, u32::try_from(count).unwrap_or(u32::MAX));
        self.count += count;
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

    pub(super) fn summary(&mut self) -> HistogramSnapshot {
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

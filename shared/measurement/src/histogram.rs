//! A histogram of durations: recorded in nanoseconds, reported in microseconds.
//! One resolution everywhere, so that any two histograms of a run can be merged.

use std::time::Duration;

use hdrhistogram::Histogram as Hdr;
use serde::{Deserialize, Serialize};

/// Buckets are allocated for values up to this at once; longer ones grow the histogram, to 0.5 MiB at most.
const PREALLOCATED_UP_TO: Duration = Duration::from_secs(60);
/// Three digits: a percentile is within 0.1 % of the recorded value.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Durations in buckets of 0.1 % relative width. Takes about 220 KiB, however many are recorded.
#[derive(Debug, Clone)]
pub struct Histogram {
    nanoseconds: Hdr<u64>,
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        let highest_ns = PREALLOCATED_UP_TO.as_nanos() as u64;
        let mut nanoseconds = Hdr::new_with_bounds(1, highest_ns, SIGNIFICANT_DIGITS)
            .expect("the bounds and the precision are constants that the histogram accepts");
        nanoseconds.auto(true);
        Self { nanoseconds }
    }

    /// The recorded values, for the format of logs.
    pub(crate) fn nanoseconds(&self) -> &Hdr<u64> {
        &self.nanoseconds
    }

    /// The histogram of recorded values that come from a log.
    pub(crate) fn of_nanoseconds(mut nanoseconds: Hdr<u64>) -> Result<Self, NotOurs> {
        let (digits, lowest) = (nanoseconds.sigfig(), nanoseconds.low());
        if (digits, lowest) != (SIGNIFICANT_DIGITS, 1) {
            return Err(NotOurs { digits, lowest });
        }
        nanoseconds.auto(true);
        Ok(Self { nanoseconds })
    }

    /// The highest value and the count of every bucket that has one.
    fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.nanoseconds.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
    }

    /// Counts one duration. Durations over 584 years count as 584 years.
    pub fn record(&mut self, duration: Duration) {
        self.record_many(duration, 1);
    }

    /// Counts one duration `count` times.
    pub fn record_many(&mut self, duration: Duration, count: u64) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds
            .record_n(nanoseconds, count)
            .expect("a histogram that grows by itself takes every value");
    }

    /// Adds everything that `other` counted. The result equals one histogram that had recorded both.
    pub fn merge(&mut self, other: &Self) {
        self.nanoseconds.add(&other.nanoseconds).expect("a histogram that grows by itself takes every other");
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.nanoseconds.len()
    }

    /// What was recorded, ascending, and how often. Durations that share a bucket are one.
    pub fn recorded(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.buckets().map(|(nanoseconds, count)| (Duration::from_nanos(nanoseconds), count))
    }

    /// The duration that the fraction `quantile` (0 to 1) of all recorded ones does not exceed; zero when empty.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.nanoseconds.value_at_quantile(quantile))
    }

    /// Count, mean, percentiles and maximum.
    pub fn summary(&self) -> HistogramSummary {
        let quantile_us = |quantile: f64| self.nanoseconds.value_at_quantile(quantile) as f64 / 1e3;
        HistogramSummary {
            count: self.count(),
            mean_us: self.nanoseconds.mean() / 1e3,
            p50_us: quantile_us(0.5),
            p90_us: quantile_us(0.9),
            p99_us: quantile_us(0.99),
            p999_us: quantile_us(0.999),
            max_us: self.nanoseconds.max() as f64 / 1e3,
        }
    }
}

/// Equal where every bucket has the same count.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.buckets().eq(other.buckets())
    }
}

/// A histogram of another resolution: its buckets do not fit.
#[derive(Debug, thiserror::Error)]
#[error("it has {digits} significant digits from {lowest} up, not {SIGNIFICANT_DIGITS} from 1 up")]
pub(crate) struct NotOurs {
    digits: u8,
    lowest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// What a report shows of a [`Histogram`], in microseconds. All zero where nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HistogramSummary {
    /// Recorded durations.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Longest, to the precision of a bucket.
    pub max_us: f64,
}

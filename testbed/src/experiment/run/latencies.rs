//! Times from the simulator's interval logs: means and quantiles, and how many independent samples are behind each.

use super::outcome::{Window, exact};
use super::workload::MEASURE;
use experiment::record::Measured;
use measurement::statistics::effective_requests;
use measurement::{Histogram, hlog};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Of each request, an interval for each second.
const OF_REQUESTS: [&str; 2] = ["response-time", "service-time"];
/// Of those events that were looked for, one interval for the phase.
const OF_PROBES: [&str; 7] = [
    "intended-to-queryable",
    "accepted-to-queryable",
    "stage-send",
    "stage-accept",
    "stage-process",
    "stage-publish",
    "work",
];
/// Names of quantiles.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

/// Independent samples behind each of [`QUANTILES`].
type Effective = [f64; 4];

/// All times of the measured phase. Those of requests are of the steady part in `window`.
pub(super) fn metrics(directory: &Path, window: Window) -> BTreeMap<String, Measured> {
    let mut metrics = BTreeMap::new();
    let mut of_requests: Option<Effective> = None;
    for name in OF_REQUESTS {
        let intervals = intervals(&directory.join(format!("{name}.hlog")), window.from_s);
        let whole = merged(&intervals);
        if whole.count() > 0 {
            let effective = QUANTILES.map(|(_, quantile)| effective(&intervals, &whole, quantile));
            of_requests.get_or_insert(effective);
            insert(&mut metrics, name, &Signed { positive: whole, negative: Histogram::new() }, effective);
        }
    }
    for name in OF_PROBES {
        let whole = Signed {
            positive: merged(&intervals(&directory.join(format!("{name}.hlog")), 0.0)),
            negative: merged(&intervals(&directory.join(format!("{name}-negative.hlog")), 0.0)),
        };
        if whole.count() > 0 {
            // They are few of the requests: worth no more than all requests of the same time together.
            let count = whole.count() as f64;
            let requests = of_requests.unwrap_or([count; 4]);
            insert(&mut metrics, name, &whole, requests.map(|effective| effective.min(count)));
        }
    }
    metrics
}

fn merged(intervals: &[Histogram]) -> Histogram {
    let mut whole = Histogram::new();
    intervals.iter().for_each(|interval| whole.merge(interval));
    whole
}

/// Times that can be below 0, where clocks disagree.
struct Signed {
    positive: Histogram,
    /// What is missing to 0.
    negative: Histogram,
}

impl Signed {
    fn count(&self) -> u64 {
        self.positive.count() + self.negative.count()
    }

    fn mean_us(&self) -> f64 {
        let sum_us = |histogram: &Histogram| histogram.summary().mean_us * histogram.count() as f64;
        (sum_us(&self.positive) - sum_us(&self.negative)) / self.count() as f64
    }

    /// The time that the fraction `quantile` of all does not exceed.
    fn quantile_us(&self, quantile: f64) -> f64 {
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let below = self.negative.count() as f64;
        let rank = (quantile * self.count() as f64).ceil().max(1.0);
        // Half a rank below it, so that rounding cannot lead to the next one.
        if rank <= below {
            -us(self.negative.quantile((below - rank + 0.5) / below))
        } else {
            us(self.positive.quantile((rank - below - 0.5) / self.positive.count() as f64))
        }
    }
}

fn insert(metrics: &mut BTreeMap<String, Measured>, name: &str, whole: &Signed, effective: Effective) {
    let mut add = |statistic: &str, value: f64, samples: f64| {
        let negative = whole.negative.count();
        metrics.insert(format!("{name}-{statistic}"), Measured { negative, ..exact(value, samples) });
    };
    // The mean depends on all samples, as the median does.
    add("mean", whole.mean_us(), effective[0]);
    for ((statistic, quantile), samples) in QUANTILES.into_iter().zip(effective) {
        add(statistic, whole.quantile_us(quantile), samples);
    }
    add("max", whole.quantile_us(1.0), whole.count() as f64);
}

/// What each interval of the measured phase recorded that began at `from_s` or later.
fn intervals(log: &Path, from_s: f64) -> Vec<Histogram> {
    let bytes = std::fs::read(log).unwrap_or_default();
    let intervals = hlog::intervals(&bytes).flatten();
    intervals
        .filter(|interval| interval.phase == MEASURE && interval.start.as_secs_f64() >= from_s)
        .map(|interval| interval.histogram)
        .collect()
}

/// How many independent requests all are worth for a quantile; where that cannot be told, for want of seconds or of slow
/// requests, as many as there are intervals: no more than that is known.
fn effective(intervals: &[Histogram], whole: &Histogram, quantile: f64) -> f64 {
    let limit = whole.quantile(quantile);
    let slow = |interval: &Histogram| {
        let over = interval.recorded().filter(|(duration, _): &(Duration, u64)| *duration > limit);
        over.map(|(_, count)| count as f64).sum::<f64>()
    };
    let slow: Vec<f64> = intervals.iter().map(slow).collect();
    let requests: Vec<f64> = intervals.iter().map(|interval| interval.count() as f64).collect();
    effective_requests(&slow, &requests).unwrap_or((intervals.len() as f64).min(whole.count() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times_us: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        times_us.iter().for_each(|time_us| histogram.record(Duration::from_micros(*time_us)));
        histogram
    }

    #[test]
    fn quantiles_go_through_zero() {
        let times = Signed { positive: histogram(&[0, 1, 2, 3, 4, 5]), negative: histogram(&[1, 2, 3, 4]) };
        let quantile = |quantile| times.quantile_us(quantile).round();
        assert_eq!([0.1, 0.4, 0.5, 0.6, 1.0].map(quantile), [-4.0, -1.0, 0.0, 1.0, 5.0]);
        assert!((times.mean_us() - 0.5).abs() < 0.01, "{}", times.mean_us());
    }

    #[test]
    fn slow_requests_of_one_second_are_worth_less_than_slow_ones_everywhere() {
        let even: Vec<u64> = (1..=100).collect();
        let slow: Vec<u64> = (1001..=1100).collect();
        let worth = |seconds: Vec<Histogram>| {
            let whole = merged(&seconds);
            effective(&seconds, &whole, 0.9)
        };
        let scattered = worth((0..20).map(|_| histogram(&even)).collect());
        let clustered =
            worth((0..20).map(|second| histogram(if second % 10 > 7 { &slow } else { &even })).collect());
        assert!(scattered > 1900.0 && clustered < 200.0, "{scattered} and {clustered}");
    }

    #[test]
    fn quantiles_without_enough_seconds_are_worth_no_more_than_those() {
        let seconds: Vec<Histogram> = (0..5).map(|_| histogram(&[1, 2, 3])).collect();
        assert_eq!(effective(&seconds, &merged(&seconds), 0.5), 5.0);
    }
}

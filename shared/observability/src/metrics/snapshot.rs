//! The values of all series at one moment, as `/statz` shows them.

use std::collections::BTreeMap;

use serde::Serialize;

/// All series by metric name. Names are the OpenTelemetry names of [`super::Metric`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    pub uptime_s: f64,
    pub counters: BTreeMap<&'static str, SeriesSnapshot<u64>>,
    pub gauges: BTreeMap<&'static str, SeriesSnapshot<f64>>,
    pub histograms: BTreeMap<&'static str, HistogramSnapshot>,
}

/// One metric: the sum of its series, and each labelled series as `label=value,…`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SeriesSnapshot<T> {
    pub total: T,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, T>,
}

/// A distribution over the last five to ten seconds; `count` is since the start.
///
/// Values are seconds, or counts where the metric's unit is one. Of a metric with several series the busiest is shown.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct HistogramSnapshot {
    pub count: u64,
    pub window_count: u64,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

type Labels = [(&'static str, String)];

impl Snapshot {
    pub(super) fn add_counter(&mut self, name: &'static str, labels: &Labels, value: u64) {
        let metric = self.counters.entry(name).or_default();
        metric.total += value;
        if !labels.is_empty() {
            metric.by.insert(joined(labels), value);
        }
    }

    pub(super) fn add_gauge(&mut self, name: &'static str, labels: &Labels, value: f64) {
        let metric = self.gauges.entry(name).or_default();
        metric.total += value;
        if !labels.is_empty() {
            metric.by.insert(joined(labels), value);
        }
    }

    pub(super) fn add_histogram(&mut self, name: &'static str, value: HistogramSnapshot) {
        let busiest = self.histograms.entry(name).or_default();
        if busiest.window_count <= value.window_count {
            *busiest = HistogramSnapshot { count: busiest.count, ..value };
        }
        busiest.count += value.count;
    }
}

fn joined(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

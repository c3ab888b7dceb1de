//! What services tell of themselves: `/readyz`, `/statz`, and the query API's `/v1/pipeline`, as they are read
//! here. Everything that an answer may lack is optional, and unknown is never taken for zero.

use observability::metrics::Metric;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    /// Whether all conditions hold.
    pub ready: bool,
    /// The conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// One condition of being ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Condition {
    /// What must be right, such as `redis`.
    pub name: String,
    /// Whether it is.
    pub ready: bool,
    /// Why it is not.
    pub reason: Option<String>,
}

/// Of the answer of `/statz`, what the service is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    pub version: String,
    /// That it was built from, where known.
    pub revision: Option<String>,
    /// `amd64`, `arm64`.
    pub arch: String,
}

/// The answer of `/statz`: metrics by their OpenTelemetry names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Statz {
    /// Seconds since the service started.
    #[serde(default)]
    pub uptime_s: f64,
    #[serde(default)]
    counters: BTreeMap<String, Series<u64>>,
    #[serde(default)]
    gauges: BTreeMap<String, Series<f64>>,
    #[serde(default)]
    histograms: BTreeMap<String, Distribution>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Series<T> {
    total: T,
}

/// A distribution over the last seconds; in seconds where the metric's unit is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct Distribution {
    /// Values since the service started.
    #[serde(default)]
    pub count: u64,
    /// Median.
    #[serde(alias = "p50_s")]
    pub p50: Option<f64>,
    /// 99th percentile.
    #[serde(alias = "p99_s")]
    pub p99: Option<f64>,
    /// Largest.
    #[serde(alias = "max_s")]
    pub max: Option<f64>,
}

/// The answer of the query API's `/v1/pipeline`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Pipeline {
    /// Whether the query API has read all results there are.
    #[serde(default)]
    pub caught_up: bool,
    /// State of each partition.
    #[serde(default)]
    pub partitions: Vec<PartitionState>,
}

/// State of one partition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PartitionState {
    /// Number of the partition.
    pub partition: u16,
    /// Events that Redis has confirmed.
    pub accepted: Option<u64>,
    /// Events that a worker has settled.
    pub settled: Option<u64>,
    /// Events that are accepted and not settled.
    pub backlog: Option<u64>,
    /// Events in the dead-letter stream.
    pub dead: Option<u64>,
    /// Entries of results that the query API has not read.
    pub results_behind: Option<u64>,
    /// Whether results were trimmed before the query API had read them.
    #[serde(default)]
    pub gap: bool,
}

impl Statz {
    /// Sum of a counter's series.
    #[must_use]
    pub fn counter(&self, metric: Metric) -> Option<u64> {
        self.counters.get(metric.spec().name).map(|series| series.total)
    }

    /// Sum of a gauge's series.
    #[must_use]
    pub fn gauge(&self, metric: Metric) -> Option<f64> {
        self.gauges.get(metric.spec().name).map(|series| series.total)
    }

    /// A distribution.
    #[must_use]
    pub fn distribution(&self, metric: Metric) -> Option<Distribution> {
        self.histograms.get(metric.spec().name).copied()
    }
}

impl Identity {
    /// Version and revision.
    #[must_use]
    pub fn build(&self) -> String {
        let revision = self.revision.iter().map(String::as_str);
        std::iter::once(self.version.as_str()).chain(revision).collect::<Vec<_>>().join(" ")
    }
}

impl Readiness {
    /// Why it is not ready, such as `redis: connection refused`; empty where it is.
    #[must_use]
    pub fn reasons(&self) -> String {
        let unmet = self.conditions.iter().filter(|condition| !condition.ready);
        let reasons: Vec<String> = unmet
            .map(|condition| match &condition.reason {
                Some(reason) => format!("{}: {reason}", condition.name),
                None => condition.name.clone(),
            })
            .collect();
        reasons.join(", ")
    }
}

impl Pipeline {
    /// Accepted events that are not settled, over all partitions; `None` where one does not say.
    #[must_use]
    pub fn backlog(&self) -> Option<u64> {
        self.sum(|partition| partition.backlog)
    }

    /// Confirmed events, over all partitions.
    #[must_use]
    pub fn accepted(&self) -> Option<u64> {
        self.sum(|partition| partition.accepted)
    }

    /// Settled events, over all partitions.
    #[must_use]
    pub fn settled(&self) -> Option<u64> {
        self.sum(|partition| partition.settled)
    }

    /// Whether nothing is on its way any more: all that is accepted is settled and all results are read.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.caught_up
            && self.backlog() == Some(0)
            && self.partitions.iter().all(|partition| partition.results_behind.unwrap_or(0) == 0)
    }

    fn sum(&self, value: impl Fn(&PartitionState) -> Option<u64>) -> Option<u64> {
        if self.partitions.is_empty() {
            return None;
        }
        self.partitions.iter().map(value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_their_names_and_missing_ones_are_none() {
        let statz: Statz = serde_json::from_str(
            r#"{"service":"ingest-api","uptime_s":1.5,
                "counters":{"ingest.events.accepted":{"total":7,"by":{"a=b":7}}},
                "gauges":{"ingest.backlog.events":{"total":2.0}},
                "histograms":{"ingest.write.duration":{"count":3,"p50":0.001,"p99":0.002,"max":null}}}"#,
        )
        .unwrap();
        assert_eq!(statz.counter(Metric::IngestEventsAccepted), Some(7));
        assert_eq!(statz.counter(Metric::WorkerEventsProcessed), None);
        assert_eq!(statz.gauge(Metric::IngestBacklogEvents), Some(2.0));
        let write = statz.distribution(Metric::IngestWriteDuration).unwrap();
        assert_eq!((write.count, write.p50, write.p99, write.max), (3, Some(0.001), Some(0.002), None));
    }

    #[test]
    fn reasons_name_only_unmet_conditions() {
        let readiness: Readiness = serde_json::from_str(
            r#"{"ready":false,"conditions":[{"name":"cache","ready":true,"reason":null},
                {"name":"redis","ready":false,"reason":"connection refused"},{"name":"x","ready":false}]}"#,
        )
        .unwrap();
        assert_eq!(readiness.reasons(), "redis: connection refused, x");
    }

    #[test]
    fn pipeline_is_drained_only_when_every_partition_is() {
        let pipeline = |backlog: &str, behind: u64, caught_up: bool| -> Pipeline {
            serde_json::from_str(&format!(
                r#"{{"ready":true,"caught_up":{caught_up},"partitions":[
                    {{"partition":0,"backlog":0,"results_behind":0}},
                    {{"partition":1,"backlog":{backlog},"results_behind":{behind}}}]}}"#
            ))
            .unwrap()
        };
        assert!(pipeline("0", 0, true).is_drained());
        assert!(!pipeline("3", 0, true).is_drained());
        assert!(!pipeline("0", 1, true).is_drained());
        assert!(!pipeline("0", 0, false).is_drained());
        assert!(!pipeline("null", 0, true).is_drained());
        assert_eq!(pipeline("3", 0, true).backlog(), Some(3));
        assert_eq!(pipeline("null", 0, true).backlog(), None);
        assert!(!Pipeline { caught_up: true, ..Pipeline::default() }.is_drained());
    }
}

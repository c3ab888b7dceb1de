//! PromQL made from the declarations of the metrics: a name or label that is not declared cannot be written.

use observability::metrics::{Kind, Metric, prometheus_label};

/// Labels that the collector gives every series of a service, from its resource.
const RESOURCE_LABELS: [&str; 8] = [
    "service_name",
    "service_instance_id",
    "service_version",
    "host_arch",
    "host_name",
    "k8s_node_name",
    "k8s_pod_name",
    "testbed_run_id",
];

/// What Grafana replaces by an interval that holds some samples.
const INTERVAL: &str = "$__rate_interval";

/// Says which node each instance runs on; made by the recording rules.
pub(crate) const INSTANCE_NODE: &str = "instance:node:info";

/// Rate, errors and duration of spans; made by the collector.
pub(crate) const SPAN_CALLS: &str = "traces_span_metrics_calls_total";
pub(crate) const SPAN_DURATION: &str = "traces_span_metrics_duration_seconds";

/// The series of a metric, or those of them that have certain labels.
#[derive(Clone)]
pub(crate) struct Series {
    metric: Metric,
    matchers: Vec<String>,
}

impl Series {
    pub(crate) fn of(metric: Metric) -> Self {
        Self { metric, matchers: Vec::new() }
    }

    /// Those where `label` equals `value`.
    pub(crate) fn with(self, label: &str, value: &str) -> Self {
        self.matching(label, "=", value)
    }

    /// Those where `label` matches a regular expression, such as a variable of the dashboard.
    pub(crate) fn like(self, label: &str, expression: &str) -> Self {
        self.matching(label, "=~", expression)
    }

    fn matching(mut self, label: &str, operator: &str, value: &str) -> Self {
        check_label(self.metric, label);
        self.matchers.push(format!("{label}{operator}\"{value}\""));
        self
    }

    /// The current values of a gauge, or the totals of a counter.
    pub(crate) fn value(&self) -> String {
        self.select("")
    }

    /// How fast a counter grows.
    pub(crate) fn rate(&self) -> String {
        assert_eq!(self.metric.spec().kind, Kind::Counter, "{}", self.metric.spec().name);
        format!("rate({}[{INTERVAL}])", self.select(""))
    }

    /// The last value in the time that the dashboard shows, also after the series has ended.
    pub(crate) fn last(&self) -> String {
        format!("last_over_time({}[$__range])", self.select(""))
    }

    pub(crate) fn sum_rate(&self, by: &[&str]) -> String {
        self.aggregate("sum", by, &self.rate())
    }

    pub(crate) fn sum(&self, by: &[&str]) -> String {
        self.aggregate("sum", by, &self.value())
    }

    pub(crate) fn max(&self, by: &[&str]) -> String {
        self.aggregate("max", by, &self.value())
    }

    fn aggregate(&self, operator: &str, by: &[&str], expression: &str) -> String {
        for label in by {
            check_label(self.metric, label);
        }
        aggregate(operator, by, expression)
    }

    /// A quantile of a histogram.
    pub(crate) fn quantile(&self, quantile: f64, by: &[&str]) -> String {
        for label in by {
            check_label(self.metric, label);
        }
        let by = [&["le"], by].concat();
        format!("histogram_quantile({quantile}, {})", aggregate("sum", &by, &self.buckets("rate", INTERVAL)))
    }

    /// How many values of a histogram fell into each bucket, for a heat map.
    pub(crate) fn heat(&self) -> String {
        aggregate("sum", &["le"], &self.buckets("increase", INTERVAL))
    }

    /// The mean of a histogram.
    pub(crate) fn mean(&self, by: &[&str]) -> String {
        let part =
            |suffix: &str| self.aggregate("sum", by, &format!("rate({}[{INTERVAL}])", self.part(suffix)));
        format!("{} / {}", part("_sum"), part("_count"))
    }

    /// How many values a second a histogram got.
    pub(crate) fn count_rate(&self, by: &[&str]) -> String {
        self.aggregate("sum", by, &format!("rate({}[{INTERVAL}])", self.part("_count")))
    }

    fn buckets(&self, function: &str, interval: &str) -> String {
        format!("{function}({}[{interval}])", self.part("_bucket"))
    }

    fn part(&self, suffix: &str) -> String {
        assert_eq!(self.metric.spec().kind, Kind::Histogram, "{}", self.metric.spec().name);
        self.select(suffix)
    }

    fn select(&self, suffix: &str) -> String {
        let name = self.metric.prometheus_name();
        match self.matchers.as_slice() {
            [] => format!("{name}{suffix}"),
            matchers => format!("{name}{suffix}{{{}}}", matchers.join(",")),
        }
    }
}

/// A quantile for each stage of the pipeline. The label `stage` tells the histograms apart once their names are gone.
pub(crate) fn stages(metrics: &[Metric], quantile: f64, by: &[&str], architecture: &str) -> String {
    for metric in metrics {
        assert!(metric.spec().stage.is_some(), "{} has no stage", metric.spec().name);
    }
    let names: Vec<String> =
        metrics.iter().map(|metric| format!("{}_bucket", metric.prometheus_name())).collect();
    let by = [&["le", "stage"], by].concat();
    let selected = format!("{{__name__=~\"{}\",host_arch=~\"{architecture}\"}}", names.join("|"));
    let summed = aggregate("sum", &by, &format!("rate({selected}[{INTERVAL}])"));
    format!("histogram_quantile({quantile}, {summed})")
}

pub(crate) fn aggregate(operator: &str, by: &[&str], expression: &str) -> String {
    if by.is_empty() {
        format!("{operator}({expression})")
    } else {
        format!("{operator} by ({}) ({expression})", by.join(", "))
    }
}

/// The expression, with the label `node`, for the nodes that are chosen by the variable of that name.
pub(crate) fn on_nodes(expression: &str) -> String {
    format!(
        "{expression} * on (service_name, service_instance_id, host_name, k8s_node_name) group_left (node) \
         {INSTANCE_NODE}{{node=~\"$node\"}}"
    )
}

/// The expression, or 0 while it has no series because nothing of the kind has happened.
pub(crate) fn or_zero(expression: &str) -> String {
    format!("{expression} or on () vector(0)")
}

/// The part of `whole` that `part` is.
pub(crate) fn ratio(part: &str, whole: &str) -> String {
    format!("{part} / {whole}")
}

fn check_label(metric: Metric, label: &str) {
    let spec = metric.spec();
    let is_known = spec.labels.iter().any(|known| prometheus_label(known) == label)
        || RESOURCE_LABELS.contains(&label)
        || (label == "stage" && spec.stage.is_some());
    assert!(is_known, "{} has no label {label}", spec.name);
}

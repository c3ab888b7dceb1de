//! Which metrics a PromQL expression reads.

use std::collections::BTreeSet;

use observability::metrics::{Kind, Metric};

use crate::files::{COMPONENT, read};

/// Made by Prometheus and by the collector.
const FOREIGN: [&str; 18] = [
    "up",
    "traces_span_metrics_calls_total",
    "traces_span_metrics_duration_seconds_bucket",
    "otelcol_receiver_accepted_spans",
    "otelcol_receiver_accepted_metric_points",
    "otelcol_receiver_accepted_log_records",
    "otelcol_receiver_refused_spans",
    "otelcol_receiver_refused_metric_points",
    "otelcol_receiver_refused_log_records",
    "otelcol_exporter_sent_spans",
    "otelcol_exporter_sent_metric_points",
    "otelcol_exporter_sent_log_records",
    "otelcol_exporter_send_failed_spans",
    "otelcol_exporter_send_failed_metric_points",
    "otelcol_exporter_send_failed_log_records",
    "otelcol_exporter_queue_size",
    "otelcol_exporter_queue_capacity",
    "otelcol_process_memory_rss",
];
/// Of these the collector has one for each signal.
const FOREIGN_PREFIX: &str = "otelcol_exporter_enqueue_failed_";

const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Aggregations stand before their grouping, without a parenthesis of their own.
const OPERATORS: [&str; 11] =
    ["and", "or", "unless", "bool", "offset", "sum", "min", "max", "avg", "count", "group"];

pub(crate) fn metric_names(expression: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = expression;
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '[' | '"' | '$');
    while let Some(start) = rest.find(is_start) {
        rest = &rest[start..];
        match rest.as_bytes()[0] {
            b'{' => {
                let (selector, after) = rest.split_once('}').unwrap();
                names.extend(names_of_selector(selector));
                rest = after;
            }
            b'[' => rest = rest.split_once(']').unwrap().1,
            b'"' => rest = rest[1..].split_once('"').unwrap().1,
            _ => {
                let (word, after) = word(rest);
                rest = after;
                let has_list = rest.trim_start().starts_with('(');
                if GROUPINGS.contains(&word) && has_list {
                    rest = rest.split_once(')').unwrap().1;
                } else if !has_list && !OPERATORS.contains(&word) && !word.starts_with('$') {
                    names.insert(word.to_owned());
                }
            }
        }
    }
    names
}

fn word(text: &str) -> (&str, &str) {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$');
    text.split_at(text.find(|c| !is_inside(c)).unwrap_or(text.len()))
}

/// `{__name__=~"a|b"` selects by name.
fn names_of_selector(selector: &str) -> Vec<String> {
    let Some((_, after)) = selector.split_once("__name__=~\"") else { return Vec::new() };
    after.split('"').next().unwrap().split('|').map(str::to_owned).collect()
}

/// The names in `expression` that nothing exports.
pub(crate) fn unknown(expression: &str) -> Vec<String> {
    let known = known();
    let is_unknown = |name: &String| !known.contains(name) && !name.starts_with(FOREIGN_PREFIX);
    metric_names(expression).into_iter().filter(is_unknown).collect()
}

fn known() -> BTreeSet<String> {
    let foreign = FOREIGN.iter().map(|name| (*name).to_owned());
    let declared = Metric::all().iter().flat_map(|spec| {
        let name = spec.prometheus_name();
        match spec.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")).to_vec(),
            Kind::Counter | Kind::Gauge => vec![name],
        }
    });
    foreign.chain(declared).chain(recorded()).collect()
}

/// Names that the recording rules make.
pub(crate) fn recorded() -> Vec<String> {
    let rules = read(&format!("{COMPONENT}/prometheus/rules/recording.yaml"));
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    names.map(str::to_owned).collect()
}

#[test]
fn metric_names_are_found_between_functions_labels_and_durations() {
    let names = |expression: &str| metric_names(expression).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names(r#"sum by (le, stage) (rate(a_bucket{stage="b"}[5m])) / count(c) > 0.5"#), "a_bucket c");
    assert_eq!(names(r#"rate({__name__=~"a|b",c=~"d"}[$__rate_interval]) or on () vector(0)"#), "a b");
    assert_eq!(names(r#"a * on (b) group_left (c) d:e:f{g=~"$h"} and i == 1"#), "a d:e:f i");
    assert_eq!(names(r#"label_replace(a, "b", "$1", "c", "(.+)")"#), "a");
}

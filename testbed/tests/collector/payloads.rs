//! Requests as a service's SDK sends them: one metric of each kind, one span, one log record.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Between the bounds 1 ms and 2.5 ms of the collector's histograms.
const SPAN_DURATION_NS: u64 = 1_500_000;

/// A counter of 41 and a histogram of three values.
pub(crate) fn metrics() -> Value {
    let (start, end) = (nanoseconds_since_epoch() - 1, nanoseconds_since_epoch());
    let counter = json!({
        "name": "worker.events.processed",
        "unit": "{event}",
        "sum": {
            "aggregationTemporality": 2,
            "isMonotonic": true,
            "dataPoints": [{
                "asInt": "41",
                "startTimeUnixNano": start.to_string(),
                "timeUnixNano": end.to_string(),
                "attributes": [attribute("outcome", "stored")],
            }],
        },
    });
    let histogram = json!({
        "name": "http.server.request.duration",
        "unit": "s",
        "histogram": {
            "aggregationTemporality": 2,
            "dataPoints": [{
                "count": "3",
                "sum": 0.5,
                "bucketCounts": ["1", "2"],
                "explicitBounds": [0.1],
                "startTimeUnixNano": start.to_string(),
                "timeUnixNano": end.to_string(),
            }],
        },
    });
    json!({ "resourceMetrics": [{
        "resource": resource(),
        "scopeMetrics": [{ "scope": { "name": "testbed" }, "metrics": [counter, histogram] }],
    }] })
}

pub(crate) fn span() -> Value {
    let end = nanoseconds_since_epoch();
    let span = json!({
        "traceId": TRACE_ID,
        "spanId": "00f067aa0ba902b7",
        "name": "process events",
        "kind": 5,
        "startTimeUnixNano": (end - SPAN_DURATION_NS).to_string(),
        "endTimeUnixNano": end.to_string(),
        "status": {},
    });
    json!({ "resourceSpans": [{
        "resource": resource(),
        "scopeSpans": [{ "scope": { "name": "testbed" }, "spans": [span] }],
    }] })
}

pub(crate) fn log_record(message: &str) -> Value {
    let record = json!({
        "timeUnixNano": nanoseconds_since_epoch().to_string(),
        "severityNumber": 9,
        "body": { "stringValue": message },
    });
    json!({ "resourceLogs": [{
        "resource": resource(),
        "scopeLogs": [{ "scope": { "name": "testbed" }, "logRecords": [record] }],
    }] })
}

/// A worker on an ARM board, with attributes that are to become labels and such as are not.
fn resource() -> Value {
    json!({ "attributes": [
        attribute("service.name", "process-worker"),
        attribute("service.instance.id", "worker-1"),
        attribute("service.version", "0.1.0"),
        attribute("host.arch", "arm64"),
        attribute("host.name", "board-1"),
        attribute("k8s.node.name", "node-1"),
        attribute("k8s.pod.name", "pod-1"),
        attribute("testbed.run.id", "run-1"),
        attribute("telemetry.sdk.name", "opentelemetry"),
        attribute("vcs.ref.head.revision", "0123abc"),
        attribute("process.pid", "4711"),
    ] })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn nanoseconds_since_epoch() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(elapsed.as_nanos()).unwrap()
}

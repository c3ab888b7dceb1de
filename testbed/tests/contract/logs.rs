//! The services' log records, and the traces that they belong to.

use std::collections::BTreeSet;

use serde_json::Value;
use testbed::spans::files::TraceFiles;

use crate::run::Telemetry;

/// Every service's log arrives, and the dead letter's line leads to its trace.
pub(crate) fn join_the_traces(telemetry: &Telemetry) -> Vec<String> {
    let mut services = BTreeSet::new();
    let mut traces = BTreeSet::new();
    for line in telemetry.file("logs.jsonl").lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        for resource in array(&request["resourceLogs"]) {
            services.extend(attribute(&resource["resource"], "service.name"));
            for scope in array(&resource["scopeLogs"]) {
                let records = array(&scope["logRecords"]).iter();
                traces.extend(records.filter_map(|record| record["traceId"].as_str().map(str::to_owned)));
            }
        }
    }
    traces.remove("");
    let expected = ["ingest-api", "process-worker", "query-api", "simulator"];
    let silent = expected.iter().filter(|service| !services.contains(**service));
    let mut failures: Vec<String> = silent.map(|service| format!("no log record of {service}")).collect();
    let files = TraceFiles::of(&telemetry.directory).unwrap();
    if traces.is_empty() {
        failures.push("no log record belongs to a trace".to_owned());
    }
    for trace in traces {
        if files.find(&[&trace], |span| span.trace_id == trace).unwrap().is_empty() {
            failures.push(format!("a log record belongs to the trace {trace}, which is nowhere"));
        }
    }
    failures
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn attribute(resource: &Value, name: &str) -> Option<String> {
    let attribute = array(&resource["attributes"]).iter().find(|attribute| attribute["key"] == name)?;
    attribute["value"]["stringValue"].as_str().map(str::to_owned)
}

//! Every metric of the declarations, in Prometheus.

use std::path::Path;
use std::time::Instant;

use observability::metrics::{Kind, Metric, Presence, Spec, prometheus_label};

use crate::run::{DEADLINE, RUN_ID, Run, within};

/// Labels that the resource of every series gives it.
const RESOURCE_LABELS: [&str; 5] = ["job", "instance", "service_name", "host_arch", "host_name"];

/// Before anything has happened, every series that is to be there from the start is, and says so.
pub(crate) async fn exist_with_zero_before_the_first_event(run: &Run) -> Vec<String> {
    let from_start = Metric::all().iter().filter(|spec| spec.presence == Presence::FromStart);
    let expected: Vec<(&Spec, &str)> = from_start
        .flat_map(|spec| spec.services.iter().map(move |service| (spec, *service)))
        .filter(|(_, service)| *service != "simulator")
        .collect();
    let mut failures = missing(run, &expected).await;
    for metric in [Metric::IngestEventsAccepted, Metric::WorkerEventsProcessed, Metric::QueryEventsStored] {
        let name = metric.prometheus_name();
        let samples = run.prometheus.query(&name).await.unwrap();
        if samples.is_empty() || samples.iter().any(|sample| sample.value() != 0.0) {
            failures.push(format!("{name} is not 0 before the first event: {samples:?}"));
        }
    }
    failures
}

/// Under load every metric is there, from every service that exports it, with every label that it may have.
pub(crate) async fn are_all_there_with_their_labels(run: &Run) -> Vec<String> {
    let expected: Vec<(&Spec, &str)> = Metric::all()
        .iter()
        .filter(|spec| spec.metric != Metric::ContainerThrottledTime || has_throttling())
        .flat_map(|spec| spec.services.iter().map(move |service| (spec, *service)))
        .collect();
    let mut failures = missing(run, &expected).await;
    for spec in Metric::all() {
        let samples = run.prometheus.query(&series(spec)).await.unwrap_or_default();
        for label in RESOURCE_LABELS {
            if samples.iter().any(|sample| sample.label(label).is_empty()) {
                failures.push(format!("{}: a series without the label {label}", spec.name));
            }
        }
        for label in spec.labels.iter().map(|label| prometheus_label(label)) {
            if !samples.is_empty() && samples.iter().all(|sample| sample.label(&label).is_empty()) {
                failures.push(format!("{}: no series has the label {label}", spec.name));
            }
        }
    }
    failures
}

/// The counters say what the audit of the run says, once the pipeline has drained.
pub(crate) async fn agree_with_the_audit(run: &Run) -> Vec<String> {
    let result = run.end_load().await;
    let accepted = result["events"]["accepted"].as_u64().unwrap_or_else(|| panic!("{result}"));
    let expected = accepted as f64;
    let dead = run.poisoned() as f64;
    let of = async |metric: Metric| {
        let samples = run.prometheus.query(&format!("sum({})", metric.prometheus_name())).await.unwrap();
        samples.first().map_or(f64::NAN, crate::prometheus::Sample::value)
    };
    within("the pipeline has drained, as prometheus sees it", async || {
        (of(Metric::WorkerEventsProcessed).await >= expected
            && of(Metric::QueryEventsStored).await >= expected)
            .then_some(())
    })
    .await;
    let mut failures = Vec::new();
    let mut compare = |what: &str, found: f64, expected: f64| {
        if (found - expected).abs() > 0.5 {
            failures
                .push(format!("{what}: {found} in prometheus, {expected} by the ledger of the run {RUN_ID}"));
        }
    };
    compare("worker_events_processed_total", of(Metric::WorkerEventsProcessed).await, expected);
    compare("worker_events_dead_lettered_total", of(Metric::WorkerEventsDeadLettered).await, dead);
    compare("ingest_events_accepted_total", of(Metric::IngestEventsAccepted).await, expected + dead);
    failures
}

/// Those of the expected metrics that Prometheus does not get from their service before the deadline.
async fn missing(run: &Run, expected: &[(&Spec, &str)]) -> Vec<String> {
    let started = Instant::now();
    let mut open: Vec<&(&Spec, &str)> = expected.iter().collect();
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
    while !open.is_empty() && started.elapsed() < DEADLINE {
        ticks.tick().await;
        let mut still = Vec::new();
        for one in open {
            let (spec, service) = one;
            let query = format!("count({}{{service_name=\"{service}\"}})", series(spec));
            if run.prometheus.query(&query).await.unwrap().is_empty() {
                still.push(one);
            }
        }
        open = still;
        run.visit().await;
    }
    open.iter().map(|(spec, service)| format!("{service} does not export {}", spec.name)).collect()
}

/// The name of a series of the metric.
fn series(spec: &Spec) -> String {
    let name = spec.prometheus_name();
    if spec.kind == Kind::Histogram { format!("{name}_count") } else { name }
}

/// Whether this machine accounts for the CPU limits of control groups.
pub(crate) fn has_throttling() -> bool {
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let stat = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/')).join("cpu.stat");
    std::fs::read_to_string(stat).is_ok_and(|text| text.contains("throttled_usec"))
}

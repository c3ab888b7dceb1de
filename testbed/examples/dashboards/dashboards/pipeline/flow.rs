//! The picture of the flow: one column for each station of an event, an arrow before the next.

use observability::metrics::Metric;

use super::{queryable, series};
use crate::panel::Panel;
use crate::query::Series;

/// The columns from left to right: width, and panels from top to bottom.
pub(crate) fn columns() -> Vec<(u32, Vec<Panel>)> {
    let stations = [simulator(), ingest(), events(), worker(), results(), query()];
    let last = stations.len() - 1;
    let mut columns = Vec::new();
    for (index, station) in stations.into_iter().enumerate() {
        // Five arrows and six stations of 3 leave one of the 24 columns, and its number is the longest.
        columns.push((if index == last { 4 } else { 3 }, station));
        if index != last {
            columns.push((1, vec![Panel::text("").size(1, 3), Panel::text("# →").size(1, 6)]));
        }
    }
    columns
}

fn simulator() -> Vec<Panel> {
    let sent = "Events whose request was started. None: no simulator reports; another source may send.";
    let response = "From the intended send time to the answer, so a stalled sender counts as latency.";
    let quantile = Series::of(Metric::SimulatorResponseDuration).quantile(0.99, &[]);
    vec![
        name("**simulator**\n\nsends the load"),
        rate("sent", sent, Metric::SimulatorEventsSent),
        duration("response p99", response, &quantile, &[0.1, 1.0]),
    ]
}

fn ingest() -> Vec<Panel> {
    let accepted = "Events that Redis has confirmed. Below what is sent: look at the refusals.";
    let request = "Requests of /v1, up to the answer. High: compare with the stage write below.";
    vec![
        name("**ingest-api**\n\naccepts events"),
        rate("accepted", accepted, Metric::IngestEventsAccepted),
        duration("request p99", request, &requests("ingest-api"), &[0.1, 1.0]),
    ]
}

fn events() -> Vec<Panel> {
    let backlog = "Accepted events that no worker has settled. Growing: the workers are slower than the \
        load; add workers or look at their queues.";
    let oldest = "How long ago the oldest entry that a worker has and has not settled was accepted. \
        Growing: a worker hangs, or died and its entries wait to be claimed.";
    vec![
        name("**events**\n\nRedis stream"),
        count("backlog", backlog, &series(Metric::IngestBacklogEvents).max(&[]))
            .limits(&[10_000.0, 500_000.0]),
        duration("oldest pending", oldest, &series(Metric::StreamPendingAge).max(&[]), &[5.0, 30.0]),
    ]
}

fn worker() -> Vec<Panel> {
    let processed = "Events processed, stored and settled.";
    let batch =
        "Decoding of a batch and work on all its events. High with deep queues: the work is the bound.";
    let quantile = series(Metric::WorkerProcessDuration).quantile(0.99, &[]);
    vec![
        name("**process-worker**\n\nworks and stores"),
        rate("processed", processed, Metric::WorkerEventsProcessed),
        duration("batch p99", batch, &quantile, &[0.5, 5.0]),
    ]
}

fn results() -> Vec<Panel> {
    let entries = "Entries that the results streams hold, for query services that start later.";
    let freshness = "From acceptance until an event is queryable, across the clocks of two nodes.";
    let held = series(Metric::StreamEntries).with("stream", "results").sum(&[]);
    vec![
        name("**results**\n\nRedis stream"),
        count("entries", entries, &held),
        duration(
            "freshness p99",
            freshness,
            &series(Metric::QueryFreshness).quantile(0.99, &[]),
            &[1.0, 5.0],
        ),
    ]
}

fn query() -> Vec<Panel> {
    let stored = "Events that became queryable, in the mean of the query services: each stores every event. \
        Below what is processed: the cache falls behind.";
    let request = "Requests of /v1, up to the answer. No value while nobody asks.";
    vec![
        name("**query-api**\n\nanswers"),
        count("queryable", stored, &queryable()).unit("eps"),
        duration("request p99", request, &requests("query-api"), &[0.1, 1.0]),
    ]
}

fn name(text: &str) -> Panel {
    Panel::text(text).size(3, 3)
}

fn rate(title: &str, description: &str, metric: Metric) -> Panel {
    count(title, description, &series(metric).sum_rate(&[])).unit("eps")
}

fn duration(title: &str, description: &str, expression: &str, limits: &[f64]) -> Panel {
    count(title, description, expression).unit("s").limits(limits)
}

fn count(title: &str, description: &str, expression: &str) -> Panel {
    Panel::number(title, description).query(expression, "").value_only().size(3, 3)
}

/// The slowest hundredth of a service's requests, without those of health checks.
fn requests(service: &str) -> String {
    Series::of(Metric::HttpRequestDuration)
        .with("service_name", service)
        .like("http_route", "/v1/.*")
        .quantile(0.99, &[])
}

//! The flow of events, from the simulator to the reader, and the queues, streams and caches on the way.

mod flow;

use observability::metrics::Metric;

use super::warnings;
use crate::dashboard::Dashboard;
use crate::panel::{Panel, WITH_TRACES};
use crate::query::{SPAN_CALLS, SPAN_DURATION, Series, aggregate, or_zero, ratio, stages};

const ARCHITECTURE: &str = "$architecture";

/// The stages of an event, in the order in which it passes them.
pub(crate) const STAGES: [Metric; 9] = [
    Metric::IngestWriteDuration,
    Metric::WorkerQueueDuration,
    Metric::WorkerProcessDuration,
    Metric::WorkerWorkDuration,
    Metric::WorkerSettleDuration,
    Metric::WorkerEventDuration,
    Metric::CacheCommitDuration,
    Metric::CacheCheckpointDuration,
    Metric::QueryFreshness,
];

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "testbed-pipeline",
        "Testbed: pipeline",
        "Where events are, how fast they move, and what holds them up.",
    )
    .variable("architecture", "Architecture", &Metric::ProcessMemoryUsage.prometheus_name(), "host_arch")
    .row("Flow", Vec::new())
    .columns(flow::columns())
    .row("Rates", rates())
    .row("Latency", latency())
    .row("Queues", queues())
    .row("Streams", streams())
    .row("Caches", caches())
    .row("Spans", spans())
    .folded_row("Traces and logs", traces_and_logs())
}

fn series(metric: Metric) -> Series {
    Series::of(metric).like("host_arch", ARCHITECTURE)
}

/// Events a second that became queryable. Each query service stores every event, hence their mean.
fn queryable() -> String {
    aggregate("avg", &[], &series(Metric::QueryEventsStored).sum_rate(&["service_instance_id"]))
}

fn rates() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Events a second",
            "The same events at each station. A gap between two lines is a backlog, a refusal or \
                a loss. Each query service stores every event, hence the mean of them.",
        )
        .query(&series(Metric::SimulatorEventsSent).sum_rate(&[]), "sent")
        .query(&series(Metric::IngestEventsAccepted).sum_rate(&[]), "accepted")
        .query(&series(Metric::WorkerEventsProcessed).sum_rate(&[]), "processed")
        .query(&queryable(), "queryable")
        .unit("eps")
        .size(12, 9),
        Panel::lines(
            "Refused requests",
            "Requests that were not accepted, by the kind of the problem. backlog-full: the \
                workers cannot keep up. redis-unavailable or outcome-unknown: look at Redis.",
        )
        .query(&series(Metric::IngestRequestsRefused).sum_rate(&["error_type"]), "{{error_type}}")
        .unit("reqps")
        .size(6, 9),
        Panel::lines(
            "Not the usual way",
            "Events that were retried, dead-lettered or delivered twice. Dead-lettered ones stay \
                in the dead stream with the reason.",
        )
        .query(&series(Metric::WorkerEventsRetried).sum_rate(&[]), "retried")
        .query(&series(Metric::WorkerEventsDeadLettered).sum_rate(&[]), "dead-lettered")
        .query(&series(Metric::WorkerEventsDuplicate).sum_rate(&[]), "duplicate")
        .unit("eps")
        .size(6, 9),
    ]
}

fn latency() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Stages, p99",
            "The slowest hundredth of each stage. settled and queryable span several stages and \
                two clocks: check the clocks where they are impossible.",
        )
        .query(&stages(&STAGES, 0.99, &[], ARCHITECTURE), "{{stage}}")
        .unit("s")
        .logarithmic()
        .trace_link("{ kind = consumer }")
        .size(8, 9),
        Panel::lines("Stages, median", "What most events see.")
            .query(&stages(&STAGES, 0.5, &[], ARCHITECTURE), "{{stage}}")
            .unit("s")
            .logarithmic()
            .size(8, 9),
        Panel::heat_map(
            "Accepted until queryable",
            "The whole distribution: two bands are two kinds of events, such as two \
                architectures.",
        )
        .query(&series(Metric::QueryFreshness).heat(), "{{le}}")
        .unit("short")
        .size(8, 9),
    ]
}

fn queues() -> Vec<Panel> {
    let share =
        |part: Metric, whole: Metric, by: &[&str]| ratio(&series(part).sum(by), &series(whole).sum(by));
    vec![
        Panel::lines(
            "Queues, how full",
            "Each queue as a part of its bound. The first full one, seen from the end of the \
                pipeline, is the bottleneck's.",
        )
        .query(&share(Metric::IngestQueueUsage, Metric::IngestQueueLimit, &[]), "ingest")
        .query(&share(Metric::WorkerQueueBatches, Metric::WorkerQueueLimit, &["stage"]), "worker {{stage}}")
        .query(&share(Metric::QueryQueueBatches, Metric::QueryQueueLimit, &[]), "query")
        .unit("percentunit")
        .up_to(1.0),
        Panel::lines(
            "Backlog",
            "Accepted events that no worker has settled, and the bound from which on requests are \
                refused.",
        )
        .query(&series(Metric::IngestBacklogEvents).max(&[]), "backlog")
        .query(&series(Metric::IngestBacklogLimit).max(&[]), "limit")
        .dashed("limit"),
        Panel::lines(
            "In flight",
            "Work that was begun: requests, writes to Redis, entries in the workers, events that \
                wait for a write.",
        )
        .query(&series(Metric::HttpRequestsActive).sum(&["service_name"]), "requests {{service_name}}")
        .query(&series(Metric::IngestWritesInFlight).sum(&[]), "writes")
        .query(&series(Metric::IngestQueueEvents).sum(&[]), "events that wait")
        .query(&series(Metric::WorkerEntriesInFlight).sum(&[]), "entries in workers"),
        Panel::lines(
            "Batch size, mean",
            "Events in one write, one worker batch, one transaction of the query cache. They grow \
                with the load.",
        )
        .query(&series(Metric::IngestWriteEvents).mean(&[]), "ingest write")
        .query(&series(Metric::WorkerBatchEvents).mean(&[]), "worker")
        .query(&series(Metric::QueryBatchEvents).mean(&[]), "query"),
        Panel::lines("Entries a second", "Stream entries, each of which holds a batch of events.")
            .query(&series(Metric::IngestEntriesWritten).sum_rate(&[]), "written")
            .query(&series(Metric::WorkerEntriesSettled).sum_rate(&[]), "settled")
            .query(&series(Metric::WorkerEntriesSuperseded).sum_rate(&[]), "superseded")
            .query(&series(Metric::QueryEntriesFollowed).sum_rate(&[]), "followed")
            .query(&series(Metric::WorkerEntriesTrimmed).sum_rate(&[]), "trimmed"),
        Panel::lines(
            "Deliveries a second",
            "Entries that workers got. All but new are redeliveries: after a restart (drained), \
                from a worker that is gone (claimed), after a failure (retried).",
        )
        .query(&series(Metric::WorkerEntriesReceived).sum_rate(&["delivery"]), "{{delivery}}"),
    ]
}

fn streams() -> Vec<Panel> {
    let consumers = series(Metric::StreamConsumerPendingEntries).sum(&["consumer"]);
    vec![
        Panel::lines(
            "Entries in the streams",
            "events falls when it is trimmed, results is kept for query services that start \
                later, dead should stay empty.",
        )
        .query(&series(Metric::StreamEntries).sum(&["stream"]), "{{stream}}")
        .size(6, 8),
        Panel::lines("Pending entries", "Entries that workers were given and have not settled.")
            .query(&series(Metric::StreamPendingEntries).sum(&["partition"]), "partition {{partition}}")
            .size(6, 8),
        Panel::lines("Pending entries by worker", "One worker far above the others hangs or is gone.")
            .query(&or_zero(&consumers), "{{consumer}}")
            .size(6, 8),
        Panel::lines(
            "Leases and reconnects",
            "One worker holds the lease of each partition. Reconnects: Redis restarted or the \
                network broke.",
        )
        .query(&series(Metric::WorkerLeaseHeld).sum(&[]), "leases held")
        .query(&series(Metric::RedisReconnects).sum_rate(&["service_name"]), "reconnects/s {{service_name}}")
        .size(6, 8),
    ]
}

fn caches() -> Vec<Panel> {
    let by = &["service_name", "service_instance_id"];
    let legend = "{{service_name}} {{service_instance_id}}";
    vec![
        Panel::lines("Events in the caches", "A new or moved instance begins with none and catches up.")
            .query(&series(Metric::CacheRows).sum(by), legend)
            .size(6, 8),
        Panel::lines(
            "Size",
            "Database files and write-ahead logs. A log that only grows: a reader holds a \
                transaction open.",
        )
        .query(&series(Metric::CacheSize).sum(by), legend)
        .query(&series(Metric::CacheWalSize).sum(by), "log of {{service_name}} {{service_instance_id}}")
        .unit("bytes")
        .size(6, 8),
        Panel::lines(
            "Transactions, p99",
            "One commit, and one move of the log into the database. Slow disks show here first.",
        )
        .query(
            &series(Metric::CacheCommitDuration).quantile(0.99, &["service_name"]),
            "commit {{service_name}}",
        )
        .query(
            &series(Metric::CacheCheckpointDuration).quantile(0.99, &["service_name"]),
            "checkpoint {{service_name}}",
        )
        .unit("s")
        .size(6, 8),
        Panel::states("Caught up", "Whether the query cache has reached the end of the results.")
            .query(&series(Metric::QueryCaughtUp).max(&["service_instance_id"]), "{{service_instance_id}}")
            .words("behind", "caught up")
            .at_least(1.0)
            .size(6, 8),
    ]
}

fn spans() -> Vec<Panel> {
    let by = "service_name, span_name";
    let note = |text: &str| format!("{text} {WITH_TRACES}");
    vec![
        Panel::lines("Spans a second", &note("Sampled operations of each service."))
            .query(
                &format!("sum by ({by}) (rate({SPAN_CALLS}[$__rate_interval]))"),
                "{{service_name}} {{span_name}}",
            )
            .unit("ops")
            .size(12, 9),
        Panel::lines("Spans, p99", &note("The points are single traces: click one to see it."))
            .query(
                &format!(
                    "histogram_quantile(0.99, sum by (le, {by}) \
                    (rate({SPAN_DURATION}_bucket[$__rate_interval])))"
                ),
                "{{service_name}} {{span_name}}",
            )
            .exemplars()
            .unit("s")
            .logarithmic()
            .size(12, 9),
    ]
}

fn traces_and_logs() -> Vec<Panel> {
    let description = "Sampled requests that took longer than 100 ms.";
    vec![
        Panel::traces("Slow requests", description, "{ kind = server && duration > 100ms }").size(12, 10),
        warnings(),
    ]
}

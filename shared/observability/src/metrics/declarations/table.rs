//! The declarations, in the order of [`Metric`](super::Metric).

use super::{Kind, Metric as M, Presence as P, Spec};

type Names = &'static [&'static str];

const NONE: Names = &[];
const HTTP: Names = &["http.request.method", "http.route", "http.response.status_code"];

const INGEST: Names = &["ingest-api"];
const WORKER: Names = &["process-worker"];
const QUERY: Names = &["query-api"];
const SIMULATOR: Names = &["simulator"];
const SERVERS: Names = &["ingest-api", "query-api"];
const CACHES: Names = &["process-worker", "query-api"];
const PIPELINE: Names = &["ingest-api", "process-worker", "query-api"];
const ALL: Names = &["ingest-api", "process-worker", "query-api", "simulator"];

#[rustfmt::skip]
pub(super) static SPECS: [Spec; 90] = [
    // HTTP
    histogram(M::HttpRequestDuration, "http.server.request.duration", "s", HTTP, SERVERS, P::OnOccurrence, "time from the request's head to the response's head"),
    gauge(M::HttpRequestsActive, "http.server.active_requests", "{request}", NONE, SERVERS, P::FromStart, "requests that have no response's head yet"),
    // ingest-api
    counter(M::IngestEventsAccepted, "ingest.events.accepted", "{event}", NONE, INGEST, P::FromStart, "events that Redis has confirmed"),
    counter(M::IngestRequestsRefused, "ingest.requests.refused", "{request}", &["error.type"], INGEST, P::FromStart, "requests that were not accepted"),
    counter(M::IngestEntriesWritten, "ingest.entries.written", "{entry}", NONE, INGEST, P::FromStart, "stream entries that Redis has confirmed"),
    gauge(M::IngestQueueEvents, "ingest.queue.events", "{event}", NONE, INGEST, P::FromStart, "events that wait for the write in flight"),
    gauge(M::IngestQueueUsage, "ingest.queue.usage", "By", NONE, INGEST, P::FromStart, "bytes of events that wait for the write in flight"),
    gauge(M::IngestQueueLimit, "ingest.queue.limit", "By", NONE, INGEST, P::FromStart, "bytes of events that may wait for the writes in flight; more is refused"),
    gauge(M::IngestWritesInFlight, "ingest.writes.in_flight", "{write}", NONE, INGEST, P::FromStart, "writes that Redis has not confirmed yet, at most one a partition"),
    gauge(M::IngestBacklogEvents, "ingest.backlog.events", "{event}", NONE, INGEST, P::FromStart, "accepted events that no worker has settled, all partitions"),
    gauge(M::IngestBacklogLimit, "ingest.backlog.limit", "{event}", NONE, INGEST, P::FromStart, "backlog from which on requests are refused"),
    stage(M::IngestWriteDuration, "ingest.write.duration", "s", "write", INGEST, "one group commit: from sending the entries to the confirmation of Redis"),
    stage(M::IngestWriteEvents, "ingest.write.events", "{event}", "write", INGEST, "events in one group commit"),
    // process-worker
    counter(M::WorkerEntriesReceived, "worker.entries.received", "{entry}", &["delivery"], WORKER, P::FromStart, "entries read from the stream; every delivery but `new` is a redelivery"),
    counter(M::WorkerEventsProcessed, "worker.events.processed", "{event}", NONE, WORKER, P::FromStart, "events processed, stored and settled by this worker"),
    counter(M::WorkerEventsRetried, "worker.events.retried", "{event}", NONE, WORKER, P::FromStart, "events left for another delivery because one of their entry failed"),
    counter(M::WorkerEventsDeadLettered, "worker.events.dead_lettered", "{event}", NONE, WORKER, P::FromStart, "events sent to the dead-letter stream"),
    counter(M::WorkerEventsDuplicate, "worker.events.duplicate", "{event}", NONE, WORKER, P::FromStart, "delivered events that the cache already held"),
    counter(M::WorkerEntriesSettled, "worker.entries.settled", "{entry}", NONE, WORKER, P::FromStart, "entries acknowledged and published by this worker"),
    counter(M::WorkerEntriesSuperseded, "worker.entries.superseded", "{entry}", NONE, WORKER, P::FromStart, "entries that another worker had settled first"),
    counter(M::WorkerEntriesTrimmed, "worker.entries.trimmed", "{entry}", NONE, WORKER, P::FromStart, "entries removed from the streams after retention"),
    gauge(M::WorkerEntriesInFlight, "worker.entries.in_flight", "{entry}", NONE, WORKER, P::FromStart, "entries that this worker was given and has neither settled nor left for a retry"),
    gauge(M::WorkerQueueBatches, "worker.queue.batches", "{batch}", &["stage"], WORKER, P::FromStart, "batches that wait for a stage"),
    gauge(M::WorkerQueueLimit, "worker.queue.limit", "{batch}", &["stage"], WORKER, P::FromStart, "batches that may wait for a stage; then the stage before it pauses"),
    gauge(M::WorkerLeaseHeld, "worker.lease.held", "{lease}", NONE, WORKER, P::FromStart, "trimming leases held by this worker"),
    stage(M::WorkerBatchEvents, "worker.batch.events", "{event}", "read", WORKER, "events in one batch"),
    stage(M::WorkerQueueDuration, "worker.queue.duration", "s", "queue", WORKER, "from acceptance of an entry to its delivery, across the clocks of two nodes"),
    stage(M::WorkerProcessDuration, "worker.process.duration", "s", "process", WORKER, "decoding of one batch and work on all its events"),
    stage(M::WorkerWorkDuration, "worker.work.duration", "s", "work", WORKER, "work on one event; nothing is recorded where the kind of work is `none`"),
    stage(M::WorkerSettleDuration, "worker.settle.duration", "s", "settle", WORKER, "one script that acknowledges and publishes a batch"),
    stage(M::WorkerEventDuration, "worker.event.duration", "s", "settled", WORKER, "from acceptance of an entry to its settlement, across the clocks of two nodes"),
    // Redis streams
    gauge(M::StreamEntries, "stream.entries", "{entry}", &["stream", "partition"], WORKER, P::WithLease, "entries in a stream"),
    gauge(M::StreamPendingEntries, "stream.pending.entries", "{entry}", &["partition"], WORKER, P::WithLease, "entries that workers were given and have not settled"),
    gauge(M::StreamPendingAge, "stream.pending.age", "s", &["partition"], WORKER, P::WithLease, "time since the oldest pending entry was accepted; 0 without one"),
    gauge(M::StreamConsumerPendingEntries, "stream.consumer.pending.entries", "{entry}", &["partition", "consumer"], WORKER, P::OnOccurrence, "pending entries of one consumer, those with the most; `other` has the rest"),
    counter(M::RedisReconnects, "redis.reconnects", "{connection}", NONE, PIPELINE, P::FromStart, "connections to Redis made after the first"),
    // Caches
    stage(M::CacheCommitDuration, "cache.commit.duration", "s", "commit", CACHES, "one transaction of the cache, without its checkpoint"),
    stage(M::CacheCheckpointDuration, "cache.checkpoint.duration", "s", "checkpoint", CACHES, "one checkpoint, which moves the write-ahead log into the database file"),
    gauge(M::CacheRows, "cache.rows", "{row}", NONE, CACHES, P::FromStart, "events in the cache"),
    gauge(M::CacheSize, "cache.size", "By", NONE, CACHES, P::FromStart, "size of the cache's database file"),
    gauge(M::CacheWalSize, "cache.wal.size", "By", NONE, CACHES, P::FromStart, "size of the cache's write-ahead log"),
    // query-api
    counter(M::QueryEventsStored, "query.events.stored", "{event}", NONE, QUERY, P::FromStart, "events that became queryable"),
    counter(M::QueryEntriesFollowed, "query.entries.followed", "{entry}", NONE, QUERY, P::FromStart, "entries read from the results streams"),
    stage(M::QueryBatchEvents, "query.batch.events", "{event}", "follow", QUERY, "events in one transaction"),
    stage(M::QueryFreshness, "query.freshness", "s", "queryable", QUERY, "from acceptance of an entry until it is queryable, across the clocks of two nodes"),
    gauge(M::QueryCaughtUp, "query.caught_up", "{flag}", NONE, QUERY, P::FromStart, "1 while the cache has reached the end of the results streams"),
    gauge(M::QueryQueueBatches, "query.queue.batches", "{batch}", NONE, QUERY, P::FromStart, "batches that wait for the cache's writer"),
    gauge(M::QueryQueueLimit, "query.queue.limit", "{batch}", NONE, QUERY, P::FromStart, "batches that may wait for the cache's writer; then following pauses"),
    // Processes
    counter(M::ProcessCpuTime, "process.cpu.time", "s", &["cpu.mode"], ALL, P::FromStart, "processor time of the process"),
    gauge(M::ProcessMemoryUsage, "process.memory.usage", "By", NONE, ALL, P::FromStart, "resident memory of the process"),
    gauge(M::ProcessFileDescriptors, "process.unix.file_descriptor.count", "{file_descriptor}", NONE, ALL, P::FromStart, "open file descriptors of the process"),
    gauge(M::ProcessThreads, "process.thread.count", "{thread}", NONE, ALL, P::FromStart, "threads of the process"),
    counter(M::ProcessContextSwitches, "process.context_switches", "{context_switch}", &["process.context_switch.type"], ALL, P::FromStart, "context switches of all threads of the process"),
    counter(M::ContainerThrottledTime, "container.cpu.throttled.time", "s", NONE, ALL, P::WhereMeasured, "time that the processes of the control group were held back by its CPU limit"),
    gauge(M::TokioWorkers, "tokio.workers", "{worker}", NONE, ALL, P::FromStart, "worker threads of the runtime"),
    counter(M::TokioBusyTime, "tokio.worker.busy.time", "s", NONE, ALL, P::FromStart, "time that the worker threads were busy, all together"),
    gauge(M::TokioTasks, "tokio.tasks.alive", "{task}", NONE, ALL, P::FromStart, "tasks of the runtime"),
    gauge(M::TokioQueue, "tokio.global_queue.depth", "{task}", NONE, ALL, P::FromStart, "tasks that wait in the runtime's global queue"),
    // Nodes
    counter(M::SystemCpuTime, "system.cpu.time", "s", &["cpu.mode"], WORKER, P::WhereMeasured, "processor time of the node, all logical processors together"),
    gauge(M::SystemCpuFrequency, "system.cpu.frequency", "Hz", &["cpu.logical_number"], WORKER, P::WhereMeasured, "current frequency of a logical processor"),
    gauge(M::SystemTemperature, "system.thermal.temperature", "Cel", &["zone"], WORKER, P::WhereMeasured, "temperature of a thermal zone"),
    counter(M::SystemThermalThrottles, "system.cpu.thermal_throttles", "{event}", NONE, WORKER, P::WhereMeasured, "times that a core was slowed down because of its temperature, all cores"),
    gauge(M::SystemThrottled, "system.throttled", "{flag}", &["reason"], WORKER, P::WhereMeasured, "1 while the firmware of a Raspberry Pi holds the processor back"),
    counter(M::SystemPressureStallTime, "system.pressure.stall.time", "s", &["resource", "share"], WORKER, P::WhereMeasured, "time that some or all tasks of the node waited for a resource (pressure stall information)"),
    gauge(M::SystemMemoryAvailable, "system.linux.memory.available", "By", NONE, WORKER, P::WhereMeasured, "memory of the node that can be had without swapping"),
    // Telemetry
    counter(M::TelemetryExported, "telemetry.items.exported", "{item}", &["signal"], ALL, P::FromStart, "spans, metric data points and log records that the collector has accepted"),
    counter(M::TelemetryFailed, "telemetry.items.failed", "{item}", &["signal"], ALL, P::FromStart, "spans, metric data points and log records that could not be exported"),
    counter(M::TelemetryDropped, "telemetry.items.dropped", "{item}", &["signal"], ALL, P::FromStart, "spans and log records for which the queue had no room"),
    gauge(M::TelemetryQueueItems, "telemetry.queue.items", "{item}", &["signal"], ALL, P::FromStart, "spans and log records that wait for export"),
    gauge(M::TelemetryQueueLimit, "telemetry.queue.limit", "{item}", &["signal"], ALL, P::FromStart, "spans and log records that may wait for export"),
    histogram(M::TelemetryExportDuration, "telemetry.export.duration", "s", &["signal"], ALL, P::FromStart, "one export"),
    counter(M::LogLines, "log.lines", "{line}", &["level"], ALL, P::FromStart, "lines written to the log"),
    counter(M::LogLinesSuppressed, "log.lines.suppressed", "{line}", NONE, ALL, P::FromStart, "lines left out because the log's rate limit was reached"),
    // simulator
    counter(M::SimulatorEventsSent, "simulator.events.sent", "{event}", NONE, SIMULATOR, P::FromStart, "events whose request was started, repeated and malformed ones not among them"),
    counter(M::SimulatorEventsAccepted, "simulator.events.accepted", "{event}", NONE, SIMULATOR, P::FromStart, "events answered with 202"),
    counter(M::SimulatorEventsRefused, "simulator.events.refused", "{event}", &["http.response.status_code"], SIMULATOR, P::OnOccurrence, "events refused by the server, repeated and malformed ones among them"),
    counter(M::SimulatorEventsUnknown, "simulator.events.unknown", "{event}", &["error.type"], SIMULATOR, P::OnOccurrence, "events whose fate the client does not know, repeated and malformed ones among them"),
    counter(M::SimulatorEventsUnsent, "simulator.events.unsent", "{event}", NONE, SIMULATOR, P::FromStart, "planned events that were never sent"),
    counter(M::SimulatorEventsRepeated, "simulator.events.repeated", "{event}", &["outcome"], SIMULATOR, P::FromStart, "events that were sent once more on purpose, and what became of that"),
    counter(M::SimulatorEventsMalformed, "simulator.events.malformed", "{event}", &["outcome"], SIMULATOR, P::FromStart, "events of requests that were malformed on purpose, and what became of them"),
    counter(M::SimulatorRequestsLate, "simulator.requests.late", "{request}", NONE, SIMULATOR, P::FromStart, "requests sent over 1 ms after their intended send time"),
    gauge(M::SimulatorRequestsInFlight, "simulator.requests.in_flight", "{request}", NONE, SIMULATOR, P::FromStart, "requests without an answer yet"),
    gauge(M::SimulatorConnections, "simulator.connections", "{connection}", NONE, SIMULATOR, P::FromStart, "connections to the receiver that are up"),
    gauge(M::SimulatorRatePlanned, "simulator.rate.planned", "{event}/s", NONE, SIMULATOR, P::OnOccurrence, "events a second that the schedule wants of this process now; not in a closed loop or a replay"),
    counter(M::SimulatorProbes, "simulator.probes", "{probe}", &["outcome"], SIMULATOR, P::FromStart, "accepted events that the query API was asked for until it had them"),
    gauge(M::SimulatorPhase, "simulator.phase", "{flag}", &["phase"], SIMULATOR, P::FromStart, "1 for the phase that the run is in"),
    stage(M::SimulatorResponseDuration, "simulator.response.duration", "s", "response", SIMULATOR, "from the intended send time to the answer"),
    stage(M::SimulatorServiceDuration, "simulator.service.duration", "s", "service", SIMULATOR, "from the actual send time to the answer"),
    stage(M::SimulatorSendLateness, "simulator.send.lateness", "s", "lateness", SIMULATOR, "from the intended to the actual send time"),
    stage(M::SimulatorProbeDuration, "simulator.probe.duration", "s", "probe", SIMULATOR, "from the answer that accepted an event until it is queryable"),
];

const fn counter(
    metric: M,
    name: &'static str,
    unit: &'static str,
    labels: Names,
    services: Names,
    presence: P,
    description: &'static str,
) -> Spec {
    Spec { metric, kind: Kind::Counter, name, unit, labels, stage: None, services, presence, description }
}

const fn gauge(
    metric: M,
    name: &'static str,
    unit: &'static str,
    labels: Names,
    services: Names,
    presence: P,
    description: &'static str,
) -> Spec {
    Spec { metric, kind: Kind::Gauge, name, unit, labels, stage: None, services, presence, description }
}

const fn histogram(
    metric: M,
    name: &'static str,
    unit: &'static str,
    labels: Names,
    services: Names,
    presence: P,
    description: &'static str,
) -> Spec {
    Spec { metric, kind: Kind::Histogram, name, unit, labels, stage: None, services, presence, description }
}

/// A histogram of one stage.
const fn stage(
    metric: M,
    name: &'static str,
    unit: &'static str,
    stage: &'static str,
    services: Names,
    description: &'static str,
) -> Spec {
    let labels = &["stage"];
    let (kind, presence) = (Kind::Histogram, P::FromStart);
    Spec { metric, kind, name, unit, labels, stage: Some(stage), services, presence, description }
}

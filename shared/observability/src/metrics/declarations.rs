//! Every metric of the testbed: its name, unit, labels and meaning.

/// A metric; [`Metric::spec`] describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    HttpRequestDuration,
    IngestEventsAccepted,
    IngestRequestsRefused,
    IngestEntriesWritten,
    IngestQueueEvents,
    IngestBacklogEvents,
    IngestWriteDuration,
    IngestWriteEvents,
    WorkerEventsProcessed,
    WorkerEventsRetried,
    WorkerEventsDeadLettered,
    WorkerEventsDuplicate,
    WorkerEntriesSettled,
    WorkerEntriesClaimed,
    WorkerEntriesSuperseded,
    WorkerEntriesTrimmed,
    WorkerLeaseHeld,
    WorkerBatchEvents,
    WorkerQueueDuration,
    WorkerWorkDuration,
    WorkerSettleDuration,
    WorkerEventDuration,
    CacheCommitDuration,
    CacheRows,
    CacheSize,
    CacheWalSize,
    QueryEventsStored,
    QueryEntriesFollowed,
    QueryFreshness,
    QueryCaughtUp,
    RedisReconnects,
    SimulatorEventsSent,
    SimulatorEventsAccepted,
    SimulatorEventsRefused,
    SimulatorEventsUnknown,
    SimulatorEventsUnsent,
    SimulatorResponseDuration,
    SimulatorServiceDuration,
    SimulatorSendLateness,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// The value of the moment.
    Gauge,
    /// A distribution; of seconds where the unit is `s`.
    Histogram,
}

/// The declaration of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub metric: Metric,
    pub kind: Kind,
    /// OpenTelemetry name; Prometheus turns `worker.events.processed` into `worker_events_processed_total`.
    pub name: &'static str,
    /// UCUM, with `{annotation}` for counts.
    pub unit: &'static str,
    /// Names of all labels that a series of it may have.
    pub labels: &'static [&'static str],
    pub description: &'static str,
}

impl Metric {
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// All declarations.
    pub fn all() -> &'static [Spec] {
        &SPECS
    }
}

const fn counter(
    metric: Metric,
    name: &'static str,
    unit: &'static str,
    labels: Labels,
    description: &'static str,
) -> Spec {
    Spec { metric, kind: Kind::Counter, name, unit, labels, description }
}

const fn gauge(metric: Metric, name: &'static str, unit: &'static str, description: &'static str) -> Spec {
    Spec { metric, kind: Kind::Gauge, name, unit, labels: &[], description }
}

const fn histogram(
    metric: Metric,
    name: &'static str,
    unit: &'static str,
    labels: Labels,
    description: &'static str,
) -> Spec {
    Spec { metric, kind: Kind::Histogram, name, unit, labels, description }
}

type Labels = &'static [&'static str];

const HTTP: Labels = &["http.request.method", "http.route", "http.response.status_code"];

use Metric as M;

#[rustfmt::skip]
static SPECS: [Spec; 39] = [
    histogram(M::HttpRequestDuration, "http.server.request.duration", "s", HTTP, "time from the request's head to the response's head"),
    counter(M::IngestEventsAccepted, "ingest.events.accepted", "{event}", &[], "events that Redis has confirmed"),
    counter(M::IngestRequestsRefused, "ingest.requests.refused", "{request}", &["error.type"], "requests that were not accepted"),
    counter(M::IngestEntriesWritten, "ingest.entries.written", "{entry}", &[], "stream entries that Redis has confirmed"),
    gauge(M::IngestQueueEvents, "ingest.queue.events", "{event}", "events that wait for the write in flight"),
    gauge(M::IngestBacklogEvents, "ingest.backlog.events", "{event}", "accepted events that no worker has settled, all partitions"),
    histogram(M::IngestWriteDuration, "ingest.write.duration", "s", &[], "one group commit: from sending the entries to the confirmation of Redis"),
    histogram(M::IngestWriteEvents, "ingest.write.events", "{event}", &[], "events in one group commit"),
    counter(M::WorkerEventsProcessed, "worker.events.processed", "{event}", &[], "events processed, stored and settled by this worker"),
    counter(M::WorkerEventsRetried, "worker.events.retried", "{event}", &[], "events left for another delivery because one of their entry failed"),
    counter(M::WorkerEventsDeadLettered, "worker.events.dead_lettered", "{event}", &[], "events sent to the dead-letter stream"),
    counter(M::WorkerEventsDuplicate, "worker.events.duplicate", "{event}", &[], "delivered events that the cache already held"),
    counter(M::WorkerEntriesSettled, "worker.entries.settled", "{entry}", &[], "entries acknowledged and published by this worker"),
    counter(M::WorkerEntriesClaimed, "worker.entries.claimed", "{entry}", &[], "entries taken over from idle consumers"),
    counter(M::WorkerEntriesSuperseded, "worker.entries.superseded", "{entry}", &[], "entries that another worker had settled first"),
    counter(M::WorkerEntriesTrimmed, "worker.entries.trimmed", "{entry}", &[], "entries removed from the streams after retention"),
    gauge(M::WorkerLeaseHeld, "worker.lease.held", "{lease}", "trimming leases held by this worker"),
    histogram(M::WorkerBatchEvents, "worker.batch.events", "{event}", &[], "events in one batch"),
    histogram(M::WorkerQueueDuration, "worker.queue.duration", "s", &[], "from acceptance of an entry to its delivery, across the clocks of two nodes"),
    histogram(M::WorkerWorkDuration, "worker.work.duration", "s", &[], "work on one event"),
    histogram(M::WorkerSettleDuration, "worker.settle.duration", "s", &[], "one script that acknowledges and publishes a batch"),
    histogram(M::WorkerEventDuration, "worker.event.duration", "s", &[], "from acceptance of an entry to its settlement, across the clocks of two nodes"),
    histogram(M::CacheCommitDuration, "cache.commit.duration", "s", &[], "one transaction of the cache"),
    gauge(M::CacheRows, "cache.rows", "{row}", "events in the cache"),
    gauge(M::CacheSize, "cache.size", "By", "size of the cache's database file"),
    gauge(M::CacheWalSize, "cache.wal.size", "By", "size of the cache's write-ahead log"),
    counter(M::QueryEventsStored, "query.events.stored", "{event}", &[], "events that became queryable"),
    counter(M::QueryEntriesFollowed, "query.entries.followed", "{entry}", &[], "entries read from the results streams"),
    histogram(M::QueryFreshness, "query.freshness", "s", &[], "from acceptance of an entry until it is queryable, across the clocks of two nodes"),
    gauge(M::QueryCaughtUp, "query.caught_up", "1", "1 while the cache has reached the end of the results streams"),
    counter(M::RedisReconnects, "redis.reconnects", "{connection}", &[], "connections to Redis made after the first"),
    counter(M::SimulatorEventsSent, "simulator.events.sent", "{event}", &[], "events whose request was started"),
    counter(M::SimulatorEventsAccepted, "simulator.events.accepted", "{event}", &[], "events answered with 202"),
    counter(M::SimulatorEventsRefused, "simulator.events.refused", "{event}", &["http.response.status_code"], "events refused by the server"),
    counter(M::SimulatorEventsUnknown, "simulator.events.unknown", "{event}", &["error.type"], "events whose fate the client does not know"),
    counter(M::SimulatorEventsUnsent, "simulator.events.unsent", "{event}", &[], "planned events that were never sent"),
    histogram(M::SimulatorResponseDuration, "simulator.response.duration", "s", &[], "from the intended send time to the answer"),
    histogram(M::SimulatorServiceDuration, "simulator.service.duration", "s", &[], "from the actual send time to the answer"),
    histogram(M::SimulatorSendLateness, "simulator.send.lateness", "s", &[], "from the intended to the actual send time"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_the_order_of_the_enum() {
        for (index, spec) in SPECS.iter().enumerate() {
            assert_eq!(spec.metric as usize, index, "{}", spec.name);
            assert_eq!(spec.metric.spec().name, spec.name);
        }
        assert_eq!(Metric::SimulatorSendLateness as usize, SPECS.len() - 1);
    }

    #[test]
    fn names_are_unique_and_counts_have_annotated_units() {
        for (index, spec) in SPECS.iter().enumerate() {
            assert!(SPECS[..index].iter().all(|other| other.name != spec.name), "{} twice", spec.name);
            let known = matches!(spec.unit, "s" | "By" | "1")
                || (spec.unit.starts_with('{') && spec.unit.ends_with('}'));
            assert!(known, "{}: unit {}", spec.name, spec.unit);
        }
    }
}

//! Every span of the testbed: its name, kind, place in a trace and attributes.

use super::attribute as a;

/// A span; [`SpanName::spec`] describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanName {
    SimulatorPhase,
    SimulatorRequest,
    IngestRequest,
    IngestSend,
    WorkerBatch,
    WorkerReceive,
    WorkerWork,
    WorkerCommit,
    WorkerSettle,
    WorkerEvent,
    QueryBatch,
    QueryCommit,
    QueryEvent,
    QueryRequest,
}

/// The part of a span in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// The declaration of a span.
#[derive(Clone, Copy, Debug)]
pub struct SpanSpec {
    pub name: SpanName,
    /// The span's name; `{}` stands for what it is about, see [`SpanSpec::about`].
    pub pattern: &'static str,
    /// What `{}` in the pattern stands for; empty where there is none.
    pub about: &'static str,
    pub kind: Kind,
    pub service: &'static str,
    /// The span whose child it is.
    pub parent: &'static str,
    /// The spans that it links to; empty for none.
    pub links: &'static str,
    /// Attributes that always have the same value.
    pub constants: &'static [(&'static str, &'static str)],
    /// All other attributes that it may have.
    pub attributes: &'static [&'static str],
    pub description: &'static str,
}

impl SpanName {
    pub fn spec(self) -> &'static SpanSpec {
        &SPANS[self as usize]
    }
}

impl SpanSpec {
    /// The name of a span about `about`.
    pub fn name_of(&self, about: &str) -> String {
        self.pattern.replace("{}", about)
    }
}

const REDIS: (&str, &str) = (a::MESSAGING_SYSTEM, "redis");
const COMMIT: &[(&str, &str)] = &[(a::DB_SYSTEM_NAME, "sqlite"), (a::DB_OPERATION_NAME, "COMMIT")];
const PROCESS: &[(&str, &str)] =
    &[REDIS, (a::MESSAGING_OPERATION_NAME, "process"), (a::MESSAGING_OPERATION_TYPE, "process")];

/// All spans, in the order of [`SpanName`] and of an event's way.
pub static SPANS: &[SpanSpec] = &[
    SpanSpec {
        name: SpanName::SimulatorPhase,
        pattern: "phase {}",
        about: "phase",
        kind: Kind::Internal,
        service: "simulator",
        parent: "none, and requests are no children of it: their traces are those of their events",
        links: "",
        constants: &[],
        attributes: &[
            a::RUN_ID,
            a::PHASE,
            a::EVENTS_PLANNED,
            a::EVENTS_SENT,
            a::EVENTS_ACCEPTED,
            a::EVENTS_SENT_RATE,
        ],
        description: "one phase of a run, from its first to its last intended send time; never left out by the sampler",
    },
    SpanSpec {
        name: SpanName::SimulatorRequest,
        pattern: "POST",
        about: "",
        kind: Kind::Client,
        service: "simulator",
        parent: "none: it is the root of the trace of its events",
        links: "",
        constants: &[(a::HTTP_REQUEST_METHOD, "POST"), (a::URL_SCHEME, "http")],
        attributes: &[
            a::URL_FULL,
            a::SERVER_ADDRESS,
            a::SERVER_PORT,
            a::HTTP_RESPONSE_STATUS_CODE,
            a::ERROR_TYPE,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
            a::SEND_LATENESS,
        ],
        description: "one request, from sending it to the end of its answer",
    },
    SpanSpec {
        name: SpanName::IngestRequest,
        pattern: "POST {}",
        about: "route",
        kind: Kind::Server,
        service: "ingest-api",
        parent: "the `traceparent` of the request",
        links: "the writes that its events were in, and its sampled events of other traces",
        constants: &[(a::HTTP_REQUEST_METHOD, "POST"), (a::URL_SCHEME, "http")],
        attributes: &[
            a::HTTP_ROUTE,
            a::URL_PATH,
            a::HTTP_RESPONSE_STATUS_CODE,
            a::ERROR_TYPE,
            a::LINKS_DROPPED,
        ],
        description: "one request, from its head to the confirmation of Redis; events without a `traceparent` get its context",
    },
    SpanSpec {
        name: SpanName::IngestSend,
        pattern: "send {}",
        about: "stream",
        kind: Kind::Producer,
        service: "ingest-api",
        parent: "none",
        links: "the requests that are written together, and their sampled events of other traces",
        constants: &[
            REDIS,
            (a::MESSAGING_OPERATION_NAME, "send"),
            (a::MESSAGING_OPERATION_TYPE, "send"),
            (a::DB_SYSTEM_NAME, "redis"),
            (a::DB_OPERATION_NAME, "MULTI XADD"),
        ],
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
            a::DB_OPERATION_BATCH_SIZE,
            a::ERROR_TYPE,
            a::LINKS_DROPPED,
        ],
        description: "one group commit, until Redis has confirmed it",
    },
    SpanSpec {
        name: SpanName::WorkerBatch,
        pattern: "process {}",
        about: "stream",
        kind: Kind::Consumer,
        service: "process-worker",
        parent: "none",
        links: "the contexts of the sampled events",
        constants: PROCESS,
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CONSUMER_GROUP_NAME,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
            a::DELIVERY,
            a::DELIVERY_COUNT,
            a::ERROR_TYPE,
            a::LINKS_DROPPED,
        ],
        description: "one batch, from its delivery to its settlement",
    },
    SpanSpec {
        name: SpanName::WorkerReceive,
        pattern: "receive {}",
        about: "stream",
        kind: Kind::Client,
        service: "process-worker",
        parent: "the batch",
        links: "",
        constants: &[
            REDIS,
            (a::MESSAGING_OPERATION_NAME, "receive"),
            (a::MESSAGING_OPERATION_TYPE, "receive"),
        ],
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CONSUMER_GROUP_NAME,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
        ],
        description: "from the delivery of the batch to the beginning of its processing; the blocking read before it is waiting and not part of it",
    },
    SpanSpec {
        name: SpanName::WorkerWork,
        pattern: "decode and work",
        about: "",
        kind: Kind::Internal,
        service: "process-worker",
        parent: "the batch",
        links: "",
        constants: &[],
        attributes: &[a::MESSAGING_BATCH_MESSAGE_COUNT],
        description: "decoding of the batch and work on all its events",
    },
    SpanSpec {
        name: SpanName::WorkerCommit,
        pattern: "COMMIT",
        about: "",
        kind: Kind::Client,
        service: "process-worker",
        parent: "the batch",
        links: "",
        constants: COMMIT,
        attributes: &[a::DB_OPERATION_BATCH_SIZE, a::ERROR_TYPE],
        description: "the cache's transaction of the batch",
    },
    SpanSpec {
        name: SpanName::WorkerSettle,
        pattern: "settle {}",
        about: "stream",
        kind: Kind::Client,
        service: "process-worker",
        parent: "the batch",
        links: "",
        constants: &[
            REDIS,
            (a::MESSAGING_OPERATION_NAME, "settle"),
            (a::MESSAGING_OPERATION_TYPE, "settle"),
            (a::DB_SYSTEM_NAME, "redis"),
            (a::DB_OPERATION_NAME, "EVALSHA"),
        ],
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CONSUMER_GROUP_NAME,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
            a::DB_OPERATION_BATCH_SIZE,
            a::ERROR_TYPE,
        ],
        description: "the script that acknowledges the entries of the batch and publishes their results",
    },
    SpanSpec {
        name: SpanName::WorkerEvent,
        pattern: "process {}",
        about: "stream",
        kind: Kind::Consumer,
        service: "process-worker",
        parent: "the `traceparent` of the event; only with `TRACE_STREAM=parent`",
        links: "the batch",
        constants: PROCESS,
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CONSUMER_GROUP_NAME,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_MESSAGE_ID,
            a::CLOUDEVENTS_EVENT_ID,
            a::CLOUDEVENTS_EVENT_SOURCE,
            a::CLOUDEVENTS_EVENT_TYPE,
            a::RUN_ID,
            a::SEQUENCE,
            a::DELIVERY,
            a::DELIVERY_COUNT,
            a::ACCEPTED_AT,
            a::QUEUE_DURATION,
            a::WORK_DURATION,
            a::OUTCOME,
            a::ERROR_TYPE,
        ],
        description: "one event in one delivery, until it is settled or left for another delivery",
    },
    SpanSpec {
        name: SpanName::QueryBatch,
        pattern: "process {}",
        about: "`results`: a batch may be of several partitions",
        kind: Kind::Consumer,
        service: "query-api",
        parent: "none",
        links: "the contexts of the sampled events",
        constants: PROCESS,
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_BATCH_MESSAGE_COUNT,
            a::LINKS_DROPPED,
        ],
        description: "results that are stored together, from reading the first of them until they are queryable",
    },
    SpanSpec {
        name: SpanName::QueryCommit,
        pattern: "COMMIT",
        about: "",
        kind: Kind::Client,
        service: "query-api",
        parent: "the batch",
        links: "",
        constants: COMMIT,
        attributes: &[a::DB_OPERATION_BATCH_SIZE, a::ERROR_TYPE],
        description: "the cache's transaction of the batch",
    },
    SpanSpec {
        name: SpanName::QueryEvent,
        pattern: "process {}",
        about: "stream",
        kind: Kind::Consumer,
        service: "query-api",
        parent: "the `traceparent` of the event; only with `TRACE_STREAM=parent`",
        links: "the batch",
        constants: PROCESS,
        attributes: &[
            a::MESSAGING_DESTINATION_NAME,
            a::MESSAGING_DESTINATION_PARTITION_ID,
            a::MESSAGING_CLIENT_ID,
            a::MESSAGING_MESSAGE_ID,
            a::CLOUDEVENTS_EVENT_ID,
            a::CLOUDEVENTS_EVENT_SOURCE,
            a::CLOUDEVENTS_EVENT_TYPE,
            a::RUN_ID,
            a::SEQUENCE,
            a::ACCEPTED_AT,
            a::FRESHNESS,
            a::OUTCOME,
        ],
        description: "one event, from reading its result until it is queryable",
    },
    SpanSpec {
        name: SpanName::QueryRequest,
        pattern: "GET {}",
        about: "route",
        kind: Kind::Server,
        service: "query-api",
        parent: "the `traceparent` of the request",
        links: "",
        constants: &[(a::HTTP_REQUEST_METHOD, "GET"), (a::URL_SCHEME, "http")],
        attributes: &[a::HTTP_ROUTE, a::URL_PATH, a::HTTP_RESPONSE_STATUS_CODE, a::ERROR_TYPE],
        description: "one query",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_the_order_of_the_enum() {
        for (index, spec) in SPANS.iter().enumerate() {
            assert_eq!(spec.name as usize, index, "{}", spec.pattern);
        }
        assert_eq!(SpanName::QueryRequest as usize, SPANS.len() - 1);
    }

    #[test]
    fn names_say_what_they_are_about() {
        for spec in SPANS {
            assert_eq!(spec.pattern.contains("{}"), !spec.about.is_empty(), "{:?}", spec.name);
        }
        assert_eq!(SpanName::WorkerSettle.spec().name_of("testbed:{0}:events"), "settle testbed:{0}:events");
    }

    #[test]
    fn attributes_are_declared_once() {
        for spec in SPANS {
            let constants = spec.constants.iter().map(|(name, _)| *name);
            let all: Vec<_> = constants.chain(spec.attributes.iter().copied()).collect();
            for (index, name) in all.iter().enumerate() {
                assert!(!all[..index].contains(name), "{:?}: {name} twice", spec.name);
            }
        }
    }
}

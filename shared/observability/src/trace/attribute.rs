//! Names of the attributes of spans.
//!
//! Those of the semantic conventions for HTTP, messaging, databases and CloudEvents keep their names
//! (<https://opentelemetry.io/docs/specs/semconv/>); the testbed's own ones begin with `testbed.`. Durations are
//! seconds.

pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub const HTTP_ROUTE: &str = "http.route";
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub const URL_SCHEME: &str = "url.scheme";
pub const URL_PATH: &str = "url.path";
pub const URL_FULL: &str = "url.full";
pub const SERVER_ADDRESS: &str = "server.address";
pub const SERVER_PORT: &str = "server.port";
/// One of a bounded set, only where something failed.
pub const ERROR_TYPE: &str = "error.type";

pub const MESSAGING_SYSTEM: &str = "messaging.system";
pub const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// The key of the stream.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
pub const MESSAGING_DESTINATION_PARTITION_ID: &str = "messaging.destination.partition.id";
pub const MESSAGING_CONSUMER_GROUP_NAME: &str = "messaging.consumer.group.name";
/// The instance.
pub const MESSAGING_CLIENT_ID: &str = "messaging.client.id";
/// Events in the batch.
pub const MESSAGING_BATCH_MESSAGE_COUNT: &str = "messaging.batch.message_count";
/// The position of the event, which is also its key in the caches.
pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";

pub const DB_SYSTEM_NAME: &str = "db.system.name";
pub const DB_OPERATION_NAME: &str = "db.operation.name";
/// Rows or entries in one transaction.
pub const DB_OPERATION_BATCH_SIZE: &str = "db.operation.batch.size";

pub const CLOUDEVENTS_EVENT_ID: &str = "cloudevents.event_id";
pub const CLOUDEVENTS_EVENT_SOURCE: &str = "cloudevents.event_source";
pub const CLOUDEVENTS_EVENT_TYPE: &str = "cloudevents.event_type";

/// The `runid` of the event.
pub const RUN_ID: &str = crate::RUN_ID;
/// The sender's count within the run.
pub const SEQUENCE: &str = "testbed.sequence";
/// The phase of the run, as the workload names it.
pub const PHASE: &str = "testbed.phase";
/// Events that came due.
pub const EVENTS_PLANNED: &str = "testbed.events.planned";
/// Events whose request was started.
pub const EVENTS_SENT: &str = "testbed.events.sent";
/// Events answered with 202.
pub const EVENTS_ACCEPTED: &str = "testbed.events.accepted";
/// Sent events a second.
pub const EVENTS_SENT_RATE: &str = "testbed.events.sent_rate";
/// From the intended to the actual send time.
pub const SEND_LATENESS: &str = "testbed.send.lateness";
/// How the entry came: `new`, `drained` (the worker's own, after a start or an error), `claimed` (of a worker that is
/// gone or stuck) or `retried`.
pub const DELIVERY: &str = "testbed.delivery";
/// How often the entry has been delivered, this time included; of a batch the most of its entries.
pub const DELIVERY_COUNT: &str = "testbed.delivery.count";
/// When ingest took the entry, RFC 3339, by the clock of its node.
pub const ACCEPTED_AT: &str = "testbed.accepted_at";
/// From acceptance to delivery, across the clocks of two nodes.
pub const QUEUE_DURATION: &str = "testbed.queue.duration";
/// Work on this event.
pub const WORK_DURATION: &str = "testbed.work.duration";
/// `stored`, `dead-lettered`, `retried` (left for another delivery), `superseded` (another worker has settled it) or
/// `pending` (the worker stopped before Redis took it).
pub const OUTCOME: &str = "testbed.outcome";
/// From acceptance until the event is queryable, across the clocks of two nodes.
pub const FRESHNESS: &str = "testbed.freshness";
/// Links that the span has no room for.
pub const LINKS_DROPPED: &str = "testbed.links.dropped";

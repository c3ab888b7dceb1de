//! An event as the endpoints show it.

use cache::CacheError;
use events::rfc3339_from_unix_us;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A processed event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventRow {
    /// Where the event stands in the streams: unique, and the order of lists.
    #[schema(example = "1700000000000-0.17")]
    pub(crate) position: String,
    /// The CloudEvent, as it was sent.
    #[schema(value_type = Object)]
    pub(crate) event: Box<RawValue>,
    /// When ingest accepted it, RFC 3339 with microseconds.
    #[schema(example = "2023-11-14T22:13:20.000000Z")]
    pub(crate) accepted_at: String,
    /// When the worker had processed it, RFC 3339 with microseconds.
    #[schema(example = "2023-11-14T22:13:20.001500Z")]
    pub(crate) processed_at: String,
    /// The instance of the worker.
    pub(crate) worker: String,
    /// The architecture of the worker, as OCI names it.
    #[schema(example = "arm64")]
    pub(crate) arch: String,
    pub(crate) work: Work,
}

/// What the work on an event gave.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Work {
    pub(crate) result: u64,
    pub(crate) duration_ns: u64,
}

impl TryFrom<cache::EventRow> for EventRow {
    type Error = CacheError;

    fn try_from(row: cache::EventRow) -> Result<Self, CacheError> {
        let event = RawValue::from_string(row.event)
            .map_err(|_| CacheError::Corrupt(format!("the body of {} is not JSON", row.position)))?;
        Ok(Self {
            position: row.position.to_string(),
            event,
            accepted_at: rfc3339_from_unix_us(row.accepted_us),
            processed_at: rfc3339_from_unix_us(row.processed_us),
            worker: row.worker.to_string(),
            arch: row.arch.to_string(),
            work: Work { result: row.result, duration_ns: row.work_ns },
        })
    }
}

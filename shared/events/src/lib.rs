//! The contracts between the services: CloudEvents, stream entries, positions and Redis keys.
//!
//! Pure code without I/O. `docs/event-contract.md` describes the same formats for people.

mod accept;
mod binary;
mod cloudevent;
pub mod entry;
mod error;
mod keys;
mod position;
mod scalar;
mod time;
mod trace_context;

pub use accept::{Accepted, Defaults, accept};
pub use binary::structured_from_binary;
pub use cloudevent::Event;
pub use error::{EventError, EventErrorKind};
pub use keys::{GROUP, Keys, PARTITIONS_MAX, partition_of};
pub use position::{EntryId, ParsePositionError, Position};
pub use time::{is_rfc3339, rfc3339_from_unix_us, unix_us_from_rfc3339};
pub use trace_context::TraceContext;

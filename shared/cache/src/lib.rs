//! The SQLite cache of processed events: one schema, one writer, read-only readers. The only crate that
//! contains SQL.
//!
//! A cache is never the truth: whatever is wrong with its file, it is deleted and filled again from Redis.
//! The layout and what it costs are described in `schema.rs`.

mod aggregate;
mod bitmap;
mod body;
mod codec;
mod cursor;
mod entry;
mod error;
mod latency;
mod reader;
mod rollup;
mod schema;
mod source_tail;
mod writer;

pub use aggregate::{Aggregate, Values};
pub use cursor::{Cursor, CursorError, Order};
pub use entry::{Attributes, EventState, StoredEntry, StoredEvent};
pub use error::CacheError;
pub use latency::LatencyHistogram;
pub use reader::{
    EventFilter, EventPage, EventRow, Reader, ReaderOptions, RunAudit, RunDuplicate, Snapshot, SourcePage,
    SourceRow, Summary, SummaryBy, SummaryGroup, SummaryRange,
};
pub use schema::{FollowPosition, Followed};
pub use writer::{CacheStats, StoreReport, Writer, WriterOptions};

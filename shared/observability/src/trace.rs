//! Spans of requests, of batches and of single events, and the trace context that every event carries.
//!
//! Whether a trace is sampled is decided before a span is made: an unsampled span costs as much as a sampled one.

pub mod attribute;
mod declarations;
mod sampling;
mod span;

pub use declarations::{Kind, SPANS, SpanName, SpanSpec};
pub use events::TraceContext;
pub(crate) use sampling::{Sampling, enable};
pub use sampling::{is_enabled, sampled, samples};
pub use span::{LinkedEvent, Span};

/// Most links a span keeps: a batch links to every sampled request or event in it.
pub(crate) const LINKS_MAX: u32 = 1024;

/// How the trace of an event goes on where it is taken from a stream together with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TraceStream {
    /// A span for each sampled event, in the event's own trace; it links to the batch
    #[default]
    Parent,
    /// Only the spans of the batch, which links to its events
    Links,
}

/// The setting of the services that read streams.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct TraceStreamArgs {
    /// Spans of the events that are read in batches
    #[arg(long, env = "TRACE_STREAM", value_enum, default_value_t, help_heading = "Telemetry")]
    pub trace_stream: TraceStream,
}

//! Spans as a collector writes them: OTLP in JSON.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

pub mod files;
pub mod journey;
mod otlp;

use std::collections::BTreeMap;

/// A span, with what is of interest of its resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    /// `None` for the root of a trace.
    pub parent_id: Option<String>,
    pub name: String,
    pub kind: Kind,
    /// Unix nanoseconds by the clock of its node.
    pub start_ns: u64,
    /// Unix nanoseconds by the clock of its node.
    pub end_ns: u64,
    /// Values as text.
    pub attributes: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub is_error: bool,
    /// Attributes of its resource, as text.
    pub resource: BTreeMap<String, String>,
}

/// From one span to another one, mostly of another trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Link {
    pub trace_id: String,
    pub span_id: String,
    /// Values as text.
    pub attributes: BTreeMap<String, String>,
}

/// What a span is in a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Span {
    /// An attribute; none where it is missing.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// An attribute of the resource; a dash where it is missing.
    #[must_use]
    pub fn resource(&self, name: &str) -> &str {
        self.resource.get(name).map_or("–", String::as_str)
    }

    /// How long it took, nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// Whether it links to a trace.
    #[must_use]
    pub fn links_to(&self, trace_id: &str) -> bool {
        self.links.iter().any(|link| link.trace_id == trace_id)
    }
}

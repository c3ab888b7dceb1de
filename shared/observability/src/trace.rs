//! Spans of requests and of batches, and the trace context that every event carries.
//!
//! Whether a trace is sampled is decided before a span is made: an unsampled span costs as much as a sampled one.

use std::sync::OnceLock;

pub use events::TraceContext;
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, global};

/// Most links a span keeps: a batch links to every sampled request or event in it.
pub(crate) const LINKS_MAX: u32 = 1024;

static SAMPLING: OnceLock<Sampling> = OnceLock::new();

/// The sampler of `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) parent_based: bool,
    /// Share of the traces without a decided parent, 0 to 1.
    pub(crate) ratio: f64,
}

/// From now on spans are made. Without this call none is, and contexts are only passed on.
pub(crate) fn enable(sampling: Sampling) {
    // A second call in one process keeps the first sampler: there is one global provider.
    SAMPLING.get_or_init(|| sampling);
}

/// A span that exists only where its trace is sampled; its context exists in any case. It ends when dropped.
#[derive(Debug)]
pub struct Span {
    context: TraceContext,
    recorded: Option<global::BoxedSpan>,
}

/// What is done with a message, in the terms of the messaging conventions.
/// Source: <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Send,
    Receive,
    Process,
    Settle,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Process => "process",
            Self::Settle => "settle",
        }
    }

    fn kind(self) -> SpanKind {
        match self {
            Self::Send => SpanKind::Producer,
            Self::Process => SpanKind::Consumer,
            Self::Receive | Self::Settle => SpanKind::Client,
        }
    }
}

impl Span {
    /// The span of an HTTP request; `parent` is the context that the request brought.
    pub fn server(method: &str, route: &'static str, parent: Option<TraceContext>) -> Self {
        let parent_context = parent.unwrap_or_else(|| random_context(None));
        let Some(sampling) = SAMPLING.get() else {
            return Self { context: parent_context, recorded: None };
        };
        if !sampling.decides_for(parent) {
            return Self { context: random_context(parent), recorded: None };
        }
        let attributes = [
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", route),
            KeyValue::new("url.scheme", "http"),
        ];
        let builder = SpanBuilder::from_name(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(span_context(parent)),
            None => Context::new(),
        };
        Self::record(builder, &context)
    }

    /// The span of a batch; it links to the sampled ones of `contexts`, and is only made where there is one.
    pub fn batch(
        operation: Operation,
        destination: &str,
        count: usize,
        contexts: impl IntoIterator<Item = TraceContext>,
    ) -> Self {
        let sampled = contexts.into_iter().filter(|context| context.sampled);
        let links: Vec<_> = match SAMPLING.get() {
            Some(_) => {
                sampled.take(LINKS_MAX as usize).map(|c| Link::with_context(span_context(c))).collect()
            }
            None => Vec::new(),
        };
        if links.is_empty() {
            return Self { context: random_context(None), recorded: None };
        }
        let attributes = [
            KeyValue::new("messaging.system", "redis"),
            KeyValue::new("messaging.operation.name", operation.name()),
            KeyValue::new("messaging.operation.type", operation.name()),
            KeyValue::new("messaging.destination.name", destination.to_owned()),
            KeyValue::new("messaging.batch.message_count", count as i64),
        ];
        let builder = SpanBuilder::from_name(format!("{} {destination}", operation.name()))
            .with_kind(operation.kind())
            .with_attributes(attributes)
            .with_links(links);
        Self::record(builder, &Context::new())
    }

    /// The context that what comes after continues.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    pub fn set_status_code(&mut self, status_code: u16) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status_code)));
            if status_code >= 500 {
                span.set_status(Status::error(""));
            }
        }
    }

    /// Marks the span as failed; `error_type` is one of a bounded set.
    pub fn fail(&mut self, error_type: &'static str) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new("error.type", error_type));
            span.set_status(Status::error(error_type));
        }
    }

    fn record(builder: SpanBuilder, context: &Context) -> Self {
        let span = global::tracer("testbed").build_with_context(builder, context);
        let made = span.span_context();
        let context = TraceContext {
            trace_id: u128::from_be_bytes(made.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(made.span_id().to_bytes()),
            sampled: made.is_sampled(),
        };
        Self { context, recorded: Some(span) }
    }
}

impl Sampling {
    fn decides_for(self, parent: Option<TraceContext>) -> bool {
        match parent {
            Some(parent) if self.parent_based => parent.sampled,
            _ => self.ratio > 0.0 && rand::random::<f64>() < self.ratio,
        }
    }
}

/// An unsampled context in the trace of the parent, or in a new one.
fn random_context(parent: Option<TraceContext>) -> TraceContext {
    let trace_id = parent.map_or_else(|| rand::random_range(1..=u128::MAX), |parent| parent.trace_id);
    TraceContext { trace_id, span_id: rand::random_range(1..=u64::MAX), sampled: false }
}

fn span_context(context: TraceContext) -> SpanContext {
    let flags = if context.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(context.trace_id.into(), context.span_id.into(), flags, true, TraceState::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: TraceContext = TraceContext { trace_id: 7, span_id: 9, sampled: true };

    #[test]
    fn without_telemetry_the_senders_context_is_passed_on() {
        assert_eq!(Span::server("POST", "/v1/events", Some(PARENT)).context(), PARENT);
        assert!(!Span::server("POST", "/v1/events", None).context().sampled);
    }

    #[test]
    fn parent_decides_where_the_sampler_follows_it() {
        let sampling = Sampling { parent_based: true, ratio: 0.0 };
        assert!(sampling.decides_for(Some(PARENT)));
        assert!(!sampling.decides_for(Some(TraceContext { sampled: false, ..PARENT })));
        assert!(!sampling.decides_for(None));
        assert!(!Sampling { parent_based: false, ratio: 0.0 }.decides_for(Some(PARENT)));
        assert!(Sampling { parent_based: true, ratio: 1.0 }.decides_for(None));
    }
}

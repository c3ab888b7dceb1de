//! A span that exists only where its trace is sampled.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use events::{Event, TraceContext};
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};

use super::declarations::Kind;
use super::sampling::tracing;
use super::{LINKS_MAX, SpanName, attribute};
use crate::delivery::Signal;

/// A span that exists only where its trace is sampled; what is set on it otherwise is ignored. It ends when dropped.
#[derive(Debug)]
pub struct Span {
    name: SpanName,
    context: TraceContext,
    recorded: Option<BoxedSpan>,
}

/// An event that a batch links to.
#[derive(Clone, Copy, Debug)]
pub struct LinkedEvent<'a, Position> {
    pub context: TraceContext,
    pub id: &'a str,
    pub position: Position,
}

impl Span {
    /// A span that is not made.
    pub fn none(name: SpanName) -> Self {
        Self { name, context: TraceContext { trace_id: 0, span_id: 0, sampled: false }, recorded: None }
    }

    /// The span of an HTTP request that was received; `parent` is the context that the request brought. Its context
    /// exists in any case: the events of the request continue it.
    pub fn request(name: SpanName, route: &'static str, path: &str, parent: Option<TraceContext>) -> Self {
        let Some(tracing) = tracing() else {
            return Self { name, context: parent.unwrap_or_else(|| random_context(None)), recorded: None };
        };
        let is_sampled = match parent {
            Some(parent) => tracing.sampling.continues(parent),
            None => tracing.sampling.begins(),
        };
        if !is_sampled {
            return Self { name, context: random_context(parent), recorded: None };
        }
        let mut span = Self::record(name, route, parent, None);
        if !span.is_recorded() {
            span.context = random_context(parent);
        }
        span.set(attribute::HTTP_ROUTE, route);
        span.set(attribute::URL_PATH, path.to_owned());
        span
    }

    /// The root of a new trace, where the sampler wants one.
    pub fn sampled_root(name: SpanName, about: &str) -> Self {
        match tracing() {
            Some(tracing) if tracing.sampling.begins() => Self::record(name, about, None, None),
            _ => Self::none(name),
        }
    }

    /// The root of a new trace that began at `start_us`, unix microseconds. The caller knows a sampled trace that
    /// it is linked to.
    pub fn root(name: SpanName, about: &str, start_us: i64) -> Self {
        if tracing().is_none() {
            return Self::none(name);
        }
        Self::record(name, about, None, Some(start_us))
    }

    /// A span in the trace of `parent`, where that is sampled, from `start_us` on, unix microseconds.
    pub fn child(name: SpanName, about: &str, parent: TraceContext, start_us: i64) -> Self {
        match tracing() {
            Some(_) if parent.sampled => Self::record(name, about, Some(parent), Some(start_us)),
            _ => Self::none(name),
        }
    }

    /// As [`Span::child`], where the sampler continues the context, which came from elsewhere.
    pub fn continuing(name: SpanName, about: &str, context: TraceContext, start_us: i64) -> Self {
        match tracing() {
            Some(tracing) if tracing.sampling.continues(context) => {
                Self::record(name, about, Some(context), Some(start_us))
            }
            _ => Self::none(name),
        }
    }

    /// The context that what comes after continues.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Sets an attribute that [`SpanName::spec`] lists, once.
    pub fn set(&mut self, attribute: &'static str, value: impl Into<Value>) {
        debug_assert!(self.name.spec().attributes.contains(&attribute), "{:?}: {attribute}", self.name);
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(attribute, value));
        }
    }

    /// Sets an attribute to a text that is made only where the span exists.
    pub fn set_text(&mut self, attribute: &'static str, text: impl Display) {
        if self.is_recorded() {
            self.set(attribute, text.to_string());
        }
    }

    /// Says which event the span is about.
    pub fn set_event(&mut self, event: &Event<'_>, position: impl Display) {
        self.set_text(attribute::MESSAGING_MESSAGE_ID, position);
        self.set_text(attribute::CLOUDEVENTS_EVENT_ID, &event.id);
        self.set_text(attribute::CLOUDEVENTS_EVENT_SOURCE, &event.source);
        self.set_text(attribute::CLOUDEVENTS_EVENT_TYPE, &event.kind);
        if let Some(runid) = &event.runid {
            self.set_text(attribute::RUN_ID, runid);
        }
        if let Some(sequence) = event.sequence {
            self.set(attribute::SEQUENCE, sequence as i64);
        }
    }

    /// Sets an attribute to a time in seconds. One that is negative, which the clocks of two nodes can give, counts
    /// as zero.
    pub fn set_duration_us(&mut self, attribute: &'static str, duration_us: i64) {
        self.set(attribute, duration_us.max(0) as f64 * 1e-6);
    }

    /// Links to another trace.
    pub fn link(&mut self, context: TraceContext) {
        if let Some(span) = &mut self.recorded {
            span.add_link(span_context(context), Vec::new());
        }
    }

    /// Links to other traces, as many as there is room for.
    pub fn link_all(&mut self, contexts: impl IntoIterator<Item = TraceContext>) {
        self.add_links(contexts.into_iter().map(|context| (context, Vec::new())));
    }

    /// Links to the contexts of events, as many as there is room for. Each link says which event.
    pub fn link_events<'a, Position: Display>(
        &mut self,
        events: impl IntoIterator<Item = LinkedEvent<'a, Position>>,
    ) {
        self.add_links(events.into_iter().map(|event| {
            let attributes = vec![
                KeyValue::new(attribute::CLOUDEVENTS_EVENT_ID, event.id.to_owned()),
                KeyValue::new(attribute::MESSAGING_MESSAGE_ID, event.position.to_string()),
            ];
            (event.context, attributes)
        }));
    }

    /// The end of an HTTP exchange. `error_type` is one of a bounded set.
    ///
    /// A refusal is the client's failure and not the server's.
    /// Source: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>.
    pub fn set_response(&mut self, status_code: u16, error_type: Option<&'static str>) {
        self.set(attribute::HTTP_RESPONSE_STATUS_CODE, i64::from(status_code));
        let fails_from = if self.name.spec().kind == Kind::Server { 500 } else { 400 };
        let is_failure = status_code >= fails_from;
        match error_type {
            Some(error_type) => self.set(attribute::ERROR_TYPE, error_type),
            None if is_failure => self.set_text(attribute::ERROR_TYPE, status_code),
            None => {}
        }
        if is_failure {
            self.set_status(error_type.unwrap_or_default());
        }
    }

    /// Marks the span as failed; `error_type` is one of a bounded set.
    pub fn fail(&mut self, error_type: &'static str) {
        self.set(attribute::ERROR_TYPE, error_type);
        self.set_status(error_type);
    }

    /// Ends the span at a moment that has passed, unix microseconds.
    pub fn end_at(mut self, end_us: i64) {
        if let Some(span) = &mut self.recorded {
            span.end_with_timestamp(moment(end_us));
        }
    }

    fn set_status(&mut self, description: &'static str) {
        if let Some(span) = &mut self.recorded {
            span.set_status(Status::error(description));
        }
    }

    fn add_links(&mut self, links: impl Iterator<Item = (TraceContext, Vec<KeyValue>)>) {
        let Some(span) = &mut self.recorded else { return };
        let mut links = links;
        for (context, attributes) in links.by_ref().take(LINKS_MAX as usize) {
            span.add_link(span_context(context), attributes);
        }
        let dropped = links.count();
        if dropped > 0 {
            self.set(attribute::LINKS_DROPPED, dropped as i64);
        }
    }

    fn record(name: SpanName, about: &str, parent: Option<TraceContext>, start_us: Option<i64>) -> Self {
        let Some(tracing) = tracing() else { return Self::none(name) };
        // What could not be exported is not made either: a trace that begins now would only have holes.
        if !Signal::Traces.delivery().has_room() {
            return Self::none(name);
        }
        let spec = name.spec();
        let mut attributes = Vec::with_capacity(spec.constants.len() + spec.attributes.len());
        attributes.extend(spec.constants.iter().map(|(name, value)| KeyValue::new(*name, *value)));
        let mut builder = SpanBuilder::from_name(spec.name_of(about))
            .with_kind(span_kind(spec.kind))
            .with_attributes(attributes);
        builder.start_time = start_us.map(moment);
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(span_context(parent)),
            None => Context::new(),
        };
        let span = tracing.tracer.build_with_context(builder, &context);
        let made = span.span_context();
        let context = TraceContext {
            trace_id: u128::from_be_bytes(made.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(made.span_id().to_bytes()),
            sampled: made.is_sampled(),
        };
        Self { name, context, recorded: Some(span) }
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

fn moment(unix_us: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(unix_us).unwrap_or(0))
}

fn span_kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_telemetry_the_senders_context_is_passed_on() {
        let parent = TraceContext { trace_id: 7, span_id: 9, sampled: true };
        let server = |parent| Span::request(SpanName::IngestRequest, "/v1/events", "/v1/events", parent);
        assert_eq!(server(Some(parent)).context(), parent);
        assert!(!server(None).context().sampled);
        assert!(!Span::child(SpanName::WorkerCommit, "", parent, 0).is_recorded());
    }
}

//! The trace that a log line belongs to.
//!
//! Spans are made through the OpenTelemetry API, and unsampled ones not at all, so that a line cannot find its trace by
//! itself: the code that writes it says which one.

use std::fmt;

use events::TraceContext;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Log lines that `write` writes carry the ids of this context, in `trace_id` and `span_id` and over OTLP.
pub fn in_trace<T>(context: TraceContext, write: impl FnOnce() -> T) -> T {
    let flags = if context.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (context.trace_id.into(), context.span_id.into());
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    let _attached = Context::current().with_remote_span_context(context).attach();
    write()
}

/// Adds the ids of the trace to the lines of another format.
pub(crate) struct WithTrace<F> {
    inner: F,
    is_json: bool,
}

impl<F> WithTrace<F> {
    /// `inner` writes one object a line.
    pub(crate) fn json(inner: F) -> Self {
        Self { inner, is_json: true }
    }

    pub(crate) fn text(inner: F) -> Self {
        Self { inner, is_json: false }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let active = Context::map_current(|current| {
            current.has_active_span().then(|| current.span().span_context().clone())
        });
        let Some(span) = active.filter(SpanContext::is_valid) else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let (trace_id, span_id) = (span.trace_id(), span.span_id());
        let line = line.trim_end();
        match line.strip_suffix('}') {
            Some(open) if self.is_json => {
                writeln!(writer, r#"{open},"trace_id":"{trace_id}","span_id":"{span_id}"}}"#)
            }
            _ => writeln!(writer, "{line} trace_id={trace_id} span_id={span_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::log::limit::tests::Captured;
    use crate::setup::LogFormat;
    use crate::setup::subscriber::lines;

    const CONTEXT: TraceContext = TraceContext { trace_id: 0xabc, span_id: 0xdef, sampled: false };

    fn written(format: LogFormat) -> Vec<String> {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::registry().with(lines(format, captured.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(count = 1, "before");
            in_trace(CONTEXT, || tracing::info!(count = 2, "inside"));
            tracing::info!(count = 3, "after");
        });
        captured.lines()
    }

    #[test]
    fn lines_of_a_trace_carry_its_ids() {
        let lines = written(LogFormat::Json);
        let objects: Vec<serde_json::Value> =
            lines.iter().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
        assert_eq!(objects[1]["trace_id"], "00000000000000000000000000000abc");
        assert_eq!(objects[1]["span_id"], "0000000000000def");
        assert_eq!((&objects[1]["message"], &objects[1]["count"]), (&"inside".into(), &2.into()));
        assert!(objects[0].get("trace_id").is_none() && objects[2].get("trace_id").is_none());
        let text = written(LogFormat::Text);
        assert!(text[1].ends_with("trace_id=00000000000000000000000000000abc span_id=0000000000000def"));
        assert!(!text[2].contains("trace_id"));
    }
}

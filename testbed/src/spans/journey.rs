//! The way of one event through the pipeline, put together from the spans of its own trace and of the batches that it
//! was part of, which link to it.

use super::Span;
use super::files::TraceFiles;
use observability::trace::attribute::{CLOUDEVENTS_EVENT_ID as EVENT_ID, MESSAGING_MESSAGE_ID as MESSAGE_ID};
use std::collections::{BTreeMap, BTreeSet};

/// All spans of an event's way, by their start.
#[derive(Debug, Default)]
pub struct Journey {
    /// Traces of the event itself: one, unless its sender repeated it.
    pub traces: BTreeSet<String>,
    pub hops: Vec<Hop>,
}

/// A span of the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    pub span: Span,
    /// Whether its parent is a hop, too.
    pub is_part: bool,
    /// Whether it belongs to a batch that the event was part of, and not to the event's own trace.
    pub is_batch: bool,
}

impl Journey {
    /// Looks for an event by its id, by its position in the stream, or by the id of its trace. Empty where there is none:
    /// it was not sampled, or its spans have not been exported yet.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn find(files: &TraceFiles, id: &str) -> anyhow::Result<Self> {
        let found = files.find(&[id], |span| traces_of(span, id).next().is_some())?;
        let traces: BTreeSet<String> = found.iter().flat_map(|span| traces_of(span, id)).collect();
        // The same event by its other name.
        let names: BTreeSet<&str> = found.iter().flat_map(|span| names_in(span, id)).collect();
        if traces.is_empty() {
            return Ok(Self::default());
        }
        let needles: Vec<&str> = traces.iter().map(String::as_str).collect();
        let is_of_event =
            |span: &Span| traces.contains(&span.trace_id) || traces.iter().any(|trace| span.links_to(trace));
        let mut spans = files.find(&needles, is_of_event)?;
        let batches: BTreeSet<String> =
            spans.iter().map(|span| span.trace_id.clone()).filter(|trace| !traces.contains(trace)).collect();
        if !batches.is_empty() {
            let needles: Vec<&str> = batches.iter().map(String::as_str).collect();
            let rest = |span: &Span| batches.contains(&span.trace_id) && !is_of_event(span);
            spans.extend(files.find(&needles, rest)?);
        }
        // Of a request or a batch with many events, those of the others are left out.
        let is_anothers = |span: &Span| {
            let own =
                |name| span.attribute(name).is_none_or(|value| names.is_empty() || names.contains(value));
            !own(EVENT_ID) && !own(MESSAGE_ID)
        };
        spans.retain(|span| !is_anothers(span));
        Ok(Self { hops: hops(spans, &traces), traces })
    }

    /// From the start of the first hop to the end of the last one, in unix nanoseconds.
    #[must_use]
    pub fn bounds_ns(&self) -> (u64, u64) {
        let start = self.hops.iter().map(|hop| hop.span.start_ns).min().unwrap_or(0);
        (start, self.hops.iter().map(|hop| hop.span.end_ns).max().unwrap_or(start))
    }
}

/// The attributes of a span and of its links, each with the trace that they are about.
fn mentions(span: &Span) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
    let links = span.links.iter().map(|link| (link.trace_id.as_str(), &link.attributes));
    std::iter::once((span.trace_id.as_str(), &span.attributes)).chain(links)
}

/// What attributes call an event: its id, its position.
fn names_of(attributes: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    [EVENT_ID, MESSAGE_ID].into_iter().filter_map(|name| attributes.get(name).map(String::as_str))
}

/// The traces of the event `id` that a span knows of.
fn traces_of<'a>(span: &'a Span, id: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_meant = move |(trace, attributes): &(&str, &BTreeMap<String, String>)| {
        *trace == id || names_of(attributes).any(|name| name == id)
    };
    mentions(span).filter(is_meant).map(|(trace, _)| trace.to_owned())
}

/// Both names of the event `id`, where a span has them together; none for the id of a trace.
fn names_in<'a>(span: &'a Span, id: &'a str) -> impl Iterator<Item = &'a str> {
    let is_meant = move |(_, attributes): &(&str, &BTreeMap<String, String>)| {
        names_of(attributes).any(|name| name == id)
    };
    mentions(span).filter(is_meant).flat_map(|(_, attributes)| names_of(attributes))
}

/// By time; a batch stays together with its parts.
fn hops(spans: Vec<Span>, traces: &BTreeSet<String>) -> Vec<Hop> {
    let mut begins: BTreeMap<String, u64> = BTreeMap::new();
    for span in &spans {
        let begin = begins.entry(span.trace_id.clone()).or_insert(span.start_ns);
        *begin = span.start_ns.min(*begin);
    }
    let ids: BTreeSet<String> = spans.iter().map(|span| span.span_id.clone()).collect();
    let hop = |span: Span| Hop {
        is_batch: !traces.contains(&span.trace_id),
        is_part: span.parent_id.as_ref().is_some_and(|parent| ids.contains(parent)),
        span,
    };
    let mut hops: Vec<Hop> = spans.into_iter().map(hop).collect();
    hops.sort_by_key(|hop| {
        let span = &hop.span;
        let begin = if hop.is_batch { begins[&span.trace_id] } else { span.start_ns };
        (
            begin,
            hop.is_batch,
            hop.is_batch.then(|| span.trace_id.clone()),
            span.start_ns,
            hop.is_part,
            span.end_ns,
        )
    });
    hops
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn attributes(pairs: &[(&str, &str)]) -> Value {
        pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
    }

    /// A span in its exported form.
    fn span(trace: &str, id: &str, parent: &str, own: &[(&str, &str)], links: Value) -> Value {
        json!({
            "traceId": trace, "spanId": id, "parentSpanId": parent, "name": id, "kind": 1,
            "startTimeUnixNano": "1000000", "endTimeUnixNano": "3000000", "attributes": attributes(own), "links": links
        })
    }

    fn files(spans: &[Value]) -> (tempfile::TempDir, TraceFiles) {
        let directory = tempfile::tempdir().unwrap();
        let lines: Vec<String> = spans
            .iter()
            .map(|span| json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string() + "\n")
            .collect();
        std::fs::write(directory.path().join("traces.jsonl"), lines.concat()).unwrap();
        let files = TraceFiles::of(directory.path()).unwrap();
        (directory, files)
    }

    fn ids(journey: &Journey) -> Vec<(&str, bool, bool)> {
        journey.hops.iter().map(|hop| (hop.span.span_id.as_str(), hop.is_part, hop.is_batch)).collect()
    }

    /// A request with two events, which one batch processes.
    fn pipeline() -> Vec<Value> {
        let link = |trace: &str, event: &[(&str, &str)]| json!([{"traceId": trace, "spanId": "post", "attributes": attributes(event)}]);
        vec![
            span("t1", "post", "", &[], json!([])),
            span("b1", "send", "", &[], link("t1", &[])),
            span("b2", "process", "", &[], link("t1", &[(EVENT_ID, "e1"), (MESSAGE_ID, "5-0.0")])),
            span("b2", "commit", "process", &[], json!([])),
            span("t1", "event1", "post", &[(EVENT_ID, "e1"), (MESSAGE_ID, "5-0.0")], json!([])),
            span("t1", "event2", "post", &[(EVENT_ID, "e2"), (MESSAGE_ID, "5-0.1")], json!([])),
            span("t9", "another", "", &[(EVENT_ID, "e9")], json!([])),
        ]
    }

    #[test]
    fn way_of_an_event_has_its_trace_and_its_batches() {
        let (_directory, files) = files(&pipeline());
        let journey = Journey::find(&files, "e1").unwrap();
        let expected = [
            ("post", false, false),
            ("event1", true, false),
            ("send", false, true),
            ("process", false, true),
            ("commit", true, true),
        ];
        assert_eq!(ids(&journey), expected);
        assert_eq!(journey.bounds_ns(), (1_000_000, 3_000_000));
    }

    #[test]
    fn event_is_found_by_its_position_and_by_its_trace() {
        let (_directory, files) = files(&pipeline());
        let by_position = Journey::find(&files, "5-0.1").unwrap();
        assert!(ids(&by_position).contains(&("event2", true, false)));
        assert!(!ids(&by_position).contains(&("event1", true, false)));
        assert_eq!(Journey::find(&files, "t1").unwrap().hops.len(), 6);
        assert!(Journey::find(&files, "nothing").unwrap().hops.is_empty());
    }
}

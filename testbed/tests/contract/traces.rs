//! Every span that is declared, with its parent and its links, from the request to the row that answers the query.

use std::collections::{BTreeMap, BTreeSet};

use observability::trace::{SPANS, SpanSpec, attribute};
use testbed::spans::files::TraceFiles;
use testbed::spans::journey::Journey;
use testbed::spans::{Kind, Span};

use crate::run::{RUN_ID, Telemetry};

pub(crate) fn are_whole(telemetry: &Telemetry) -> Vec<String> {
    let files = TraceFiles::of(&telemetry.directory).unwrap();
    let spans = match files.find(&["traceId"], |_| true) {
        Ok(spans) => spans,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut failures = declared(&spans);
    failures.extend(joined(&spans));
    failures.extend(whole_way(&files, &spans));
    failures
}

/// All spans that are declared occur, and no others; with their kind, and with attributes that are declared.
fn declared(spans: &[Span]) -> Vec<String> {
    let mut failures: BTreeSet<String> = BTreeSet::new();
    for spec in SPANS {
        if !spans.iter().any(|span| is_of(span, spec)) {
            failures.insert(format!("no span {:?} of {}", spec.pattern, spec.service));
        }
    }
    for span in spans {
        let specs: Vec<&SpanSpec> = SPANS.iter().filter(|spec| is_of(span, spec)).collect();
        if specs.is_empty() {
            failures.insert(format!(
                "a span {:?} of {} is not declared",
                span.name,
                span.resource("service.name")
            ));
        }
        let is_known = |name: &str| {
            specs.iter().any(|spec| {
                spec.attributes.contains(&name)
                    || spec
                        .constants
                        .iter()
                        .any(|(key, value)| *key == name && span.attribute(name) == Some(value))
            })
        };
        for name in span.attributes.keys().filter(|name| !specs.is_empty() && !is_known(name)) {
            failures
                .insert(format!("the span {:?} has the attribute {name}, which is not declared", span.name));
        }
    }
    failures.into_iter().collect()
}

/// No span refers to one that is nowhere.
fn joined(spans: &[Span]) -> Vec<String> {
    let known: BTreeMap<(&str, &str), &Span> =
        spans.iter().map(|span| ((span.trace_id.as_str(), span.span_id.as_str()), span)).collect();
    let mut failures = Vec::new();
    for span in spans {
        let parent = span.parent_id.as_deref().map(|parent| (span.trace_id.as_str(), parent));
        if let Some(parent) = parent.filter(|parent| !known.contains_key(parent)) {
            failures.push(format!(
                "{:?} of {}: its parent {parent:?} is nowhere",
                span.name,
                span.resource("service.name")
            ));
        }
        for link in &span.links {
            if !known.contains_key(&(link.trace_id.as_str(), link.span_id.as_str())) {
                let service = span.resource("service.name");
                failures
                    .push(format!("{:?} of {service}: its link to {} is nowhere", span.name, link.span_id));
            }
        }
    }
    let count = failures.len();
    failures.truncate(5);
    if count > 5 {
        failures.push(format!("and {} more of these", count - 5));
    }
    failures
}

/// From the id of an event all spans of its way are found.
fn whole_way(files: &TraceFiles, spans: &[Span]) -> Vec<String> {
    let stored = spans.iter().rfind(|span| {
        span.resource("service.name") == "query-api" && span.attribute(attribute::RUN_ID) == Some(RUN_ID)
    });
    let Some(stored) = stored else { return vec!["no event has become queryable in a trace".to_owned()] };
    let id = stored.attribute(attribute::CLOUDEVENTS_EVENT_ID).unwrap();
    let journey = Journey::find(files, id).unwrap();
    let hops: Vec<&Span> = journey.hops.iter().map(|hop| &hop.span).collect();
    let is_hop = |spec: &&SpanSpec| hops.iter().any(|span| is_of(span, spec));
    // A query is no part of an event's way, nor is a phase of the run.
    let on_the_way = SPANS.iter().filter(|spec| !["GET {}", "phase {}"].contains(&spec.pattern));
    on_the_way
        .filter(|spec| !is_hop(spec))
        .map(|spec| format!("the way of {id} has no hop {:?} of {}", spec.pattern, spec.service))
        .collect()
}

fn is_of(span: &Span, spec: &SpanSpec) -> bool {
    let begin = spec.pattern.split("{}").next().unwrap_or_default();
    let is_named =
        if spec.about.is_empty() { span.name == spec.pattern } else { span.name.starts_with(begin) };
    let kind = match spec.kind {
        observability::trace::Kind::Internal => Kind::Internal,
        observability::trace::Kind::Server => Kind::Server,
        observability::trace::Kind::Client => Kind::Client,
        observability::trace::Kind::Producer => Kind::Producer,
        observability::trace::Kind::Consumer => Kind::Consumer,
    };
    is_named && span.kind == kind && span.resource("service.name") == spec.service
}

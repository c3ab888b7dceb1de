mod deliveries;
mod simulator;

use std::collections::HashSet;

use observability::trace::{TraceContext, attribute as a};
use test_support::{Collector, ReceivedSpan, eventually};

use crate::harness::{Options, Pipeline};

/// A pipeline whose spans are kept.
struct Traced {
    pipeline: Pipeline,
    collector: Collector,
}

impl Traced {
    async fn start(options: Options<'_>) -> Self {
        let collector = Collector::start().await;
        let options = Options { collector: Some(collector.url()), ..options };
        Self { pipeline: Pipeline::start(options).await, collector }
    }

    /// Sends lines of NDJSON, and gives the positions.
    async fn post(&self, traceparent: Option<TraceContext>, lines: &[String]) -> Vec<String> {
        let mut request = reqwest::Client::new()
            .post(self.pipeline.ingest.url("/v1/events"))
            .header("content-type", "application/x-ndjson")
            .body(lines.join("\n"));
        if let Some(context) = traceparent {
            request = request.header("traceparent", context.to_string());
        }
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.status(), 202);
        let receipt: serde_json::Value = answer.json().await.expect("JSON");
        let events = receipt["events"].as_array().expect("events");
        events.iter().map(|event| event["position"].as_str().expect("a position").to_owned()).collect()
    }

    /// Waits until everything is there of what concerns a trace with events, and gives all spans.
    async fn complete(&self, trace_id: u128) -> Vec<ReceivedSpan> {
        let is_linked = |spans: &[ReceivedSpan], service: &str| {
            let links = |span: &ReceivedSpan| span.links.iter().any(|link| link.trace_id == trace_id);
            spans.iter().any(|span| span.service() == service && span.parent_id == 0 && links(span))
        };
        let spans = self.collector.spans_where("all spans of a trace", |spans| {
            let services = ["ingest-api", "process-worker", "query-api"];
            let is_complete = services.iter().all(|service| is_linked(spans, service))
                && unresolved(spans).iter().all(|(_, span_id)| *span_id == SENDER);
            is_complete.then(|| spans.to_vec())
        });
        spans.await
    }
}

/// Contexts that spans refer to and that no span has.
fn unresolved(spans: &[ReceivedSpan]) -> Vec<(u128, u64)> {
    let known: HashSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    let parents = spans.iter().map(|span| (span.trace_id, span.parent_id)).filter(|(_, id)| *id != 0);
    let links = spans.iter().flat_map(|span| &span.links).map(|link| (link.trace_id, link.span_id));
    parents.chain(links).filter(|context| !known.contains(context)).collect()
}

/// The span of whoever sends here, which nobody exports.
const SENDER: u64 = 0xb0b;

fn context(trace_id: u128, sampled: bool) -> TraceContext {
    TraceContext { trace_id, span_id: SENDER, sampled }
}

fn event(id: &str, context: Option<TraceContext>) -> String {
    let traceparent = context.map(|context| format!(r#","traceparent":"{context}""#)).unwrap_or_default();
    format!(r#"{{"id":"{id}","source":"/s","type":"t","runid":"r","sequence":"7"{traceparent}}}"#)
}

/// The one span of a service that fits.
fn one<'a>(
    spans: &'a [ReceivedSpan],
    service: &str,
    fits: impl Fn(&ReceivedSpan) -> bool,
) -> &'a ReceivedSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.service() == service && fits(span)).collect();
    let [one] = found[..] else { panic!("{} spans of {service} fit: {found:#?}", found.len()) };
    one
}

fn child<'a>(spans: &'a [ReceivedSpan], parent: &ReceivedSpan, name: &str) -> &'a ReceivedSpan {
    one(spans, parent.service(), |span| span.name == name && span.is_child_of(parent))
}

/// The batch of a service that links to a trace.
fn batch<'a>(spans: &'a [ReceivedSpan], service: &str, trace_id: u128) -> &'a ReceivedSpan {
    one(spans, service, |span| span.parent_id == 0 && span.links.iter().any(|link| link.trace_id == trace_id))
}

#[tokio::test]
async fn trace_of_an_event_leads_from_its_request_to_the_cache() {
    let traced = Traced::start(Options::default()).await;
    let (request, events) = (context(0xa11ce, true), [event("e-0", None), event("e-1", None)]);
    let positions = traced.post(Some(request), &events).await;
    let spans = traced.complete(request.trace_id).await;

    let server = one(&spans, "ingest-api", |span| span.kind == "server");
    assert_eq!((server.name.as_str(), server.trace_id), ("POST /v1/events", request.trace_id));
    assert_eq!((server.parent_id, server.attribute(a::HTTP_RESPONSE_STATUS_CODE)), (request.span_id, "202"));
    let send = one(&spans, "ingest-api", |span| span.kind == "producer");
    assert!(
        send.name == "send testbed:{0}:events" && send.links_to(server) && send.parent_id == 0,
        "{send:?}"
    );
    assert!(server.links_to(send), "{server:?}");
    assert_eq!(send.attribute(a::MESSAGING_BATCH_MESSAGE_COUNT), "2");

    let (stream, results) = ("testbed:{0}:events", "testbed:{0}:results");
    let worker = batch(&spans, "process-worker", request.trace_id);
    assert_eq!((worker.name.as_str(), worker.links.len()), ("process testbed:{0}:events", 2));
    assert!(worker.links_to(server) && worker.attribute(a::DELIVERY) == "new", "{worker:?}");
    for name in [&format!("receive {stream}"), "decode and work", "COMMIT", &format!("settle {stream}")] {
        let part = child(&spans, worker, name);
        assert!(part.start_ns >= worker.start_ns && part.end_ns <= worker.end_ns, "{part:?} in {worker:?}");
    }
    let query = batch(&spans, "query-api", request.trace_id);
    assert!(query.links_to(server) && child(&spans, query, "COMMIT").end_ns <= query.end_ns, "{query:?}");
    for (service, batch, name) in [("process-worker", worker, stream), ("query-api", query, results)] {
        for (id, position) in ["e-0", "e-1"].iter().zip(&positions) {
            let span = one(&spans, service, |span| {
                span.is_child_of(server) && span.attribute(a::CLOUDEVENTS_EVENT_ID) == *id
            });
            assert_eq!((span.name.as_str(), span.kind), (format!("process {name}").as_str(), "consumer"));
            assert!(span.links_to(batch) && span.links.len() == 1, "{span:?}");
            assert_eq!(span.attribute(a::MESSAGING_MESSAGE_ID), position);
            assert_eq!((span.attribute(a::OUTCOME), span.attribute(a::RUN_ID)), ("stored", "r"));
            let seconds = if service == "query-api" { a::FRESHNESS } else { a::QUEUE_DURATION };
            assert!(span.attribute(seconds).parse::<f64>().is_ok_and(|seconds| seconds >= 0.0), "{span:?}");
        }
    }
}

#[tokio::test]
async fn batches_link_to_events_that_have_no_spans_of_their_own() {
    let links = ["--trace-stream", "links"];
    let traced = Traced::start(Options { worker: &links, query: &links, ..Options::default() }).await;
    let own = context(0xcafe, true);
    let positions = traced.post(Some(context(1, false)), &[event("e-0", Some(own))]).await;
    let spans = traced.complete(own.trace_id).await;
    for service in ["process-worker", "query-api"] {
        let link = &batch(&spans, service, own.trace_id).links[0];
        assert_eq!(link.attributes[a::CLOUDEVENTS_EVENT_ID], "e-0");
        assert_eq!(link.attributes[a::MESSAGING_MESSAGE_ID], positions[0]);
    }
    assert!(spans.iter().all(|span| span.trace_id != own.trace_id), "{spans:#?}");
}

#[tokio::test]
async fn event_of_another_trace_is_linked_from_its_request() {
    let traced = Traced::start(Options::default()).await;
    let (request, own) = (context(0xa11ce, true), context(0xcafe, true));
    traced.post(Some(request), &[event("e-0", Some(own)), event("e-1", None)]).await;
    let spans = traced.complete(own.trace_id).await;
    let server = one(&spans, "ingest-api", |span| span.kind == "server");
    assert!(server.links_to_context(own.trace_id, own.span_id), "{server:?}");
    let send = one(&spans, "ingest-api", |span| span.kind == "producer");
    assert!(send.links_to(server) && send.links_to_context(own.trace_id, own.span_id), "{send:?}");
    let worker = one(&spans, "process-worker", |span| span.trace_id == own.trace_id);
    assert_eq!((worker.parent_id, worker.attribute(a::CLOUDEVENTS_EVENT_ID)), (own.span_id, "e-0"));
}

#[tokio::test]
async fn what_is_not_sampled_has_no_span() {
    let traced = Traced::start(Options::default()).await;
    let (unsampled, sampled) = (context(0x0ff, false), context(0xcafe, true));
    traced.post(Some(unsampled), &[event("e-0", None), event("e-1", Some(context(0x1ff, false)))]).await;
    let events = traced.pipeline.query.url("/v1/events");
    let query = || reqwest::Client::new().get(&events).header("traceparent", unsampled.to_string());
    eventually("both events are queryable", async || {
        let page: serde_json::Value = query().send().await.ok()?.json().await.ok()?;
        (page["events"].as_array()?.len() == 2).then_some(())
    })
    .await;
    // What is exported after the others shows that nothing of them is still to come.
    traced.post(Some(sampled), &[event("e-2", None)]).await;
    let spans = traced.complete(sampled.trace_id).await;
    let knows = |span: &ReceivedSpan, trace_id| {
        span.trace_id == trace_id || span.links.iter().any(|link| link.trace_id == trace_id)
    };
    for span in &spans {
        assert!(!knows(span, unsampled.trace_id) && !knows(span, 0x1ff), "{span:#?}");
    }
    // Nor has anything that is not about an event, such as health.
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names.len(), 1 + 1 + 6 + 3, "{names:?}");
}

#[tokio::test]
async fn batches_link_to_every_sampled_event() {
    let traced = Traced::start(Options::default()).await;
    let lines: Vec<_> =
        (0..300).map(|n| event(&format!("e-{n}"), Some(context(1000 + n, n % 3 > 0)))).collect();
    traced.post(Some(context(1, false)), &lines).await;
    let linked = |spans: &[ReceivedSpan], service: &str| -> Vec<u128> {
        let batches = spans.iter().filter(|span| span.service() == service && span.parent_id == 0);
        let mut linked: Vec<_> =
            batches.flat_map(|span| span.links.iter().map(|link| link.trace_id)).collect();
        linked.sort_unstable();
        linked
    };
    let expected: Vec<u128> = (0..300).filter(|n| n % 3 > 0).map(|n| 1000 + n).collect();
    for service in ["ingest-api", "process-worker", "query-api"] {
        let spans = traced.collector.spans_where("200 links", |spans| {
            (linked(spans, service).len() >= expected.len()).then(|| spans.to_vec())
        });
        assert_eq!(linked(&spans.await, service), expected, "{service}");
    }
}

#[tokio::test]
async fn links_beyond_the_bound_are_counted() {
    let traced = Traced::start(Options::default()).await;
    let lines: Vec<_> = (0..1100).map(|n| event(&format!("e-{n}"), Some(context(1000 + n, true)))).collect();
    traced.post(Some(context(1, false)), &lines).await;
    let send = traced
        .collector
        .spans_where("the write", |spans| spans.iter().find(|span| span.kind == "producer").cloned());
    let send = send.await;
    let dropped: usize = send.attribute(a::LINKS_DROPPED).parse().expect("a number");
    assert!(dropped > 0 && send.links.len() + dropped == 1100, "{} and {dropped}", send.links.len());
}

#[tokio::test]
async fn query_continues_the_trace_of_its_request() {
    let traced = Traced::start(Options::default()).await;
    let request = context(0xa11ce, true);
    let get = |path: &str| {
        let url = traced.pipeline.query.url(path);
        reqwest::Client::new().get(url).header("traceparent", request.to_string()).send()
    };
    assert_eq!(get("/v1/events?limit=0").await.expect("answered").status(), 400);
    assert_eq!(get("/v1/sources").await.expect("answered").status(), 200);
    let spans = traced.collector.spans_where("both requests", |spans| {
        (spans.iter().filter(|span| span.kind == "server").count() == 2).then(|| spans.to_vec())
    });
    let spans = spans.await;
    let refused = one(&spans, "query-api", |span| span.name == "GET /v1/events");
    assert_eq!((refused.parent_id, refused.kind, refused.is_error), (request.span_id, "server", false));
    assert_eq!(refused.attribute(a::ERROR_TYPE), "invalid-parameter");
    let answered = one(&spans, "query-api", |span| span.name == "GET /v1/sources");
    assert_eq!(answered.attribute(a::HTTP_RESPONSE_STATUS_CODE), "200");
}

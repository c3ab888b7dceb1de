use observability::trace::attribute as a;
use test_support::{ReceivedSpan, ServiceProcess};

use super::{Traced, one, unresolved};
use crate::harness::Options;

fn simulate(traced: &Traced, more: &[&str]) -> ServiceProcess {
    let (target, results) = (traced.pipeline.ingest.url(""), traced.pipeline.path("results"));
    let base = ["run", "--target", &target, "--results", &results, "--run-id", "traced"];
    let arguments = [&base, more].concat();
    ServiceProcess::start_exporting("simulator", &arguments, Some(&traced.collector.url()))
}

#[tokio::test]
async fn every_span_of_a_load_belongs_to_another_one() {
    let traced = Traced::start(Options::default()).await;
    let load = ["--rate", "60", "--duration", "1s", "--batch", "3"];
    let _simulator = simulate(&traced, &load);
    let spans = traced.collector.spans_where("60 events are queryable, and nothing is missing", |spans| {
        let count = |fits: fn(&&ReceivedSpan) -> bool| spans.iter().filter(fits).count();
        let is_complete = count(|span| span.name == "process testbed:{0}:results") == 60
            && count(|span| span.name == "process testbed:{0}:events" && span.parent_id != 0) == 60
            && count(|span| span.kind == "server") == 20;
        (is_complete && unresolved(spans).is_empty()).then(|| spans.to_vec())
    });
    let spans = spans.await;
    let is_root = |span: &&ReceivedSpan| span.service() == "simulator" && span.kind == "client";
    let roots: Vec<_> = spans.iter().filter(is_root).collect();
    assert_eq!(roots.len(), 20);
    for root in roots {
        assert_eq!((root.name.as_str(), root.kind, root.parent_id), ("POST", "client", 0));
        assert_eq!(root.attribute(a::HTTP_RESPONSE_STATUS_CODE), "202");
        assert!(root.attribute(a::SEND_LATENESS).parse::<f64>().is_ok(), "{root:?}");
        let server = one(&spans, "ingest-api", |span| span.is_child_of(root));
        assert!(server.start_ns >= root.start_ns && server.end_ns <= root.end_ns, "{server:?} in {root:?}");
        for service in ["process-worker", "query-api"] {
            let of_request = |span: &&ReceivedSpan| span.service() == service && span.is_child_of(root);
            assert_eq!(spans.iter().filter(of_request).count(), 3, "{service}");
        }
    }
}

#[tokio::test]
async fn sampler_of_the_simulator_decides_for_the_whole_pipeline() {
    let traced = Traced::start(Options::default()).await;
    let load = ["--rate", "500", "--duration", "1s"];
    let sampler = ["--otel-traces-sampler", "traceidratio", "--otel-traces-sampler-arg", "0.1"];
    let _simulator = simulate(&traced, &[&load[..], &sampler].concat());
    traced.pipeline.audit_of("traced", 500).await;
    let spans = traced.collector.spans_where("nothing is missing", |spans| {
        let count = |service: &str, kind: &str| {
            let fits = |span: &&ReceivedSpan| span.service() == service && span.kind == kind;
            spans.iter().filter(fits).count()
        };
        let requests = count("simulator", "client");
        let is_complete = requests > 0
            && count("ingest-api", "server") == requests
            && spans.iter().filter(|span| span.name == "process testbed:{0}:results").count() == requests;
        (is_complete && unresolved(spans).is_empty()).then_some(requests)
    });
    // 50 of 500 are expected; the bounds are further away than chance goes.
    let requests = spans.await;
    assert!((10..150).contains(&requests), "{requests}");
}

#[tokio::test]
async fn phase_has_a_span_that_no_sampler_leaves_out() {
    let traced = Traced::start(Options::default()).await;
    let load = ["--rate", "50", "--duration", "1s"];
    let sampler = ["--otel-traces-sampler", "traceidratio", "--otel-traces-sampler-arg", "0"];
    let _simulator = simulate(&traced, &[&load[..], &sampler].concat());
    let phases = traced.collector.spans_where("the span of the phase", |spans| {
        let of_simulator = spans.iter().filter(|span| span.service() == "simulator").cloned();
        Some(of_simulator.collect::<Vec<_>>()).filter(|phases| !phases.is_empty())
    });
    let phases = phases.await;
    assert_eq!(phases.len(), 1, "{phases:?}");
    let phase = &phases[0];
    assert_eq!((phase.name.as_str(), phase.kind, phase.parent_id), ("phase measure", "internal", 0));
    assert_eq!((phase.attribute(a::RUN_ID), phase.attribute(a::PHASE)), ("traced", "measure"));
    for count in [a::EVENTS_PLANNED, a::EVENTS_SENT, a::EVENTS_ACCEPTED] {
        assert_eq!(phase.attribute(count), "50", "{count}");
    }
    assert_eq!(phase.end_ns - phase.start_ns, 1_000_000_000);
}

//! What arrives at a receiver that answers.

use observability::metrics::Metric;
use test_support::eventually;

use crate::collector::{Behaviour, Collector};
use crate::emitter::Emitter;

const FLAGS: &str = "--spans 3 --records 4 --log-level debug --telemetry full";

/// Fast, so that the tests are.
const INTERVALS: [(&str, &str); 3] = [
    ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
];

async fn everything_arrives(collector: &Collector, protocol: &str) {
    let mut environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=lab"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9"),
        ("K8S_NODE_NAME", "pi-5"),
        ("K8S_POD_NAME", "emit-x"),
    ];
    environment.extend(INTERVALS);
    let mut emitter = Emitter::start(FLAGS, &environment);
    emitter.made().await;
    eventually("all signals arrive", async || {
        let kept = collector.received.lock();
        let metric = |name: &str| kept.metric_names.iter().any(|known| known == name);
        (kept.spans.len() == 3
            && kept.records.len() == 4
            && metric("ingest.events.accepted")
            && metric("telemetry.items.exported")
            && metric("telemetry.export.duration"))
        .then_some(())
    })
    .await;
    let answer = emitter.stop().await;
    assert_eq!((answer.of("telemetry.items.exported", "traces"), answer.accounted("traces")), (3, 3));
    assert_eq!((answer.of("telemetry.items.exported", "logs"), answer.accounted("logs")), (4, 4));
    assert!(answer.of("telemetry.items.exported", "metrics") > 0);
    let kept = collector.received.lock();
    let foreign: Vec<_> = kept.metric_names.iter().filter(|name| !is_declared(name)).collect();
    assert!(foreign.is_empty(), "not in the table: {foreign:?}");
    for record in &kept.records {
        assert_eq!((record.trace_id.last(), record.span_id.last()), (Some(&0xbc), Some(&0xef)), "{record:?}");
    }
    for signal in ["traces", "metrics", "logs"] {
        let headers = &kept.headers[signal];
        assert_eq!(headers["x-tenant"], "lab", "{signal}");
        let encoding = headers.get("content-encoding").or(headers.get("grpc-encoding"));
        assert_eq!(encoding.map(String::as_str), Some("gzip"), "{signal}: {headers:?}");
        let resource = &kept.resources[signal];
        for (name, value) in [
            ("service.name", "emit"),
            ("service.version", "9"),
            ("service.instance.id", "emit-1"),
            ("host.name", "pi-5"),
            ("k8s.pod.name", "emit-x"),
            ("testbed.run.id", "run-7"),
            ("deployment.environment.name", "test"),
        ] {
            assert_eq!(resource.get(name).map(String::as_str), Some(value), "{signal} {name}");
        }
        assert!(resource.contains_key("host.arch") && resource.contains_key("os.type"), "{signal}");
    }
}

fn is_declared(name: &str) -> bool {
    Metric::all().iter().any(|spec| spec.name == name)
}

#[tokio::test]
async fn all_signals_arrive_over_http_with_headers_and_compression() {
    everything_arrives(&Collector::http(Behaviour::Accept).await, "http/protobuf").await;
}

#[tokio::test]
async fn all_signals_arrive_over_grpc_with_headers_and_compression() {
    everything_arrives(&Collector::grpc(Behaviour::Accept).await, "grpc").await;
}

#[tokio::test]
async fn shutdown_sends_what_is_left() {
    let collectors = [
        ("http/protobuf", Collector::http(Behaviour::Accept).await),
        ("grpc", Collector::grpc(Behaviour::Accept).await),
    ];
    for (protocol, collector) in collectors {
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            // Nothing is exported before the end.
            ("OTEL_METRIC_EXPORT_INTERVAL", "3600000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "3600000"),
        ];
        let mut emitter = Emitter::start(FLAGS, &environment);
        emitter.made().await;
        emitter.stop().await;
        let kept = collector.received.lock();
        assert_eq!((kept.spans.len(), kept.records.len()), (3, 4), "{protocol}");
        assert!(kept.metric_names.iter().any(|name| name == "ingest.events.accepted"), "{protocol}");
    }
}

#[tokio::test]
async fn mode_decides_what_is_sent() {
    for (mode, expected) in [("off", (0, 0, false)), ("metrics", (0, 4, true)), ("full", (3, 4, true))] {
        let collector = Collector::http(Behaviour::Accept).await;
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("TELEMETRY", mode)];
        let mut emitter = Emitter::start("--spans 3 --records 4 --log-level debug", &environment);
        emitter.made().await;
        emitter.stop().await;
        let kept = collector.received.lock();
        let sent = (kept.spans.len(), kept.records.len(), !kept.metric_names.is_empty());
        assert_eq!(sent, expected, "{mode}");
    }
}

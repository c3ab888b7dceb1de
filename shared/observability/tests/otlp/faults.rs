//! Receivers that are down, hang or refuse: the program neither waits nor grows, and knows what it has lost.

use std::time::Duration;

use test_support::{eventually, free_port};

use crate::collector::{Behaviour, Collector};
use crate::emitter::Emitter;

/// Ten times the queue and more.
const MADE: u64 = 30_000;

const QUEUE: u64 = 2048;

/// The bound is three seconds; an export may take a minute.
const SHUTDOWN_MAX: Duration = Duration::from_secs(30);

fn flood(url: &str, protocol: &str) -> Emitter {
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("TELEMETRY", "full"),
    ];
    Emitter::start(
        &format!("--spans {MADE} --records {MADE} --log-level debug --log-format text"),
        &environment,
    )
}

/// Everything that was made is accounted for, and the queues are within their bounds.
async fn loses_only_what_it_counts(emitter: &mut Emitter) {
    let made = emitter.made().await;
    for signal in ["traces", "logs"] {
        assert!(made.of("telemetry.queue.items", signal) <= QUEUE, "{signal}");
        assert_eq!(made.of("telemetry.queue.limit", signal), QUEUE, "{signal}");
        assert!(made.of("telemetry.items.dropped", signal) > 0, "{signal}");
    }
    let all_counted = eventually("everything is accounted for", async || {
        let answer = emitter.ask().await;
        (answer.accounted("traces") == MADE && answer.accounted("logs") == MADE).then_some(answer)
    });
    let answer = all_counted.await;
    assert_eq!(answer.of("telemetry.items.exported", "traces"), 0);
    let stopped = emitter.stop().await;
    assert!(stopped.took() < SHUTDOWN_MAX, "{:?}", stopped.took());
    assert_eq!(stopped.accounted("traces"), MADE);
}

async fn hanging(collector: Collector, protocol: &str) {
    let mut emitter = flood(&collector.url, protocol);
    eventually("a request hangs", async || (collector.received.lock().requests > 0).then_some(())).await;
    loses_only_what_it_counts(&mut emitter).await;
}

#[tokio::test]
async fn hanging_http_receiver_holds_up_nothing() {
    hanging(Collector::http(Behaviour::Hang).await, "http/protobuf").await;
}

#[tokio::test]
async fn hanging_grpc_receiver_holds_up_nothing() {
    hanging(Collector::grpc(Behaviour::Hang).await, "grpc").await;
}

async fn refusing(url: &str, protocol: &str) {
    let mut emitter = flood(url, protocol);
    emitter.made().await;
    let all_counted = eventually("failures are counted, and everything is accounted for", async || {
        let answer = emitter.ask().await;
        let failed = |signal| answer.of("telemetry.items.failed", signal) > 0;
        let failed = failed("traces") && failed("metrics") && failed("logs");
        (failed && answer.accounted("traces") == MADE && answer.accounted("logs") == MADE).then_some(answer)
    });
    assert_eq!(all_counted.await.of("telemetry.items.exported", "logs"), 0);
    let stopped = emitter.stop().await;
    assert!(stopped.took() < SHUTDOWN_MAX, "{:?}", stopped.took());
}

#[tokio::test]
async fn refusing_http_receiver_costs_only_what_is_counted() {
    refusing(&Collector::http(Behaviour::Refuse).await.url, "http/protobuf").await;
}

#[tokio::test]
async fn refusing_grpc_receiver_costs_only_what_is_counted() {
    refusing(&Collector::grpc(Behaviour::Refuse).await.url, "grpc").await;
}

#[tokio::test]
async fn receiver_that_is_down_costs_only_what_is_counted() {
    for protocol in ["http/protobuf", "grpc"] {
        refusing(&format!("http://127.0.0.1:{}", free_port()), protocol).await;
    }
}

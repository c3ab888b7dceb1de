//! Collectors that send on: to Tempo and Loki, or to somebody's own backend. A second collector stands for those.

use test_support::eventually;

use crate::payloads::{TRACE_ID, log_record, metrics, span};
use crate::process::{Collector, Port};
use crate::scrape::sample;

/// How a collector ends while its backends are down.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Told,
}

#[tokio::test]
async fn what_backends_have_not_taken_survives_a_kill_of_the_collector() {
    survives(End::Killed).await;
}

#[tokio::test]
async fn what_backends_have_not_taken_survives_a_stop_of_the_collector() {
    survives(End::Told).await;
}

async fn survives(end: End) {
    // Loki takes logs at another path than a collector.
    let path = "yaml:receivers::otlp::protocols::http::logs_url_path: /otlp/v1/logs";
    let mut backend = Collector::prepare(&["base", "local", path], &[]);
    let tempo = format!("127.0.0.1:{}", backend.port(Port::Grpc));
    let loki = backend.url(Port::Http, "");
    let environment = [("TESTBED_TEMPO_ENDPOINT", tempo.as_str()), ("TESTBED_LOKI_ENDPOINT", &loki)];
    let mut collector = Collector::start(&["base", "backends"], &environment).await;
    collector.send("traces", &span()).await;
    collector.send("logs", &log_record("while loki was down")).await;

    match end {
        End::Killed => collector.kill(),
        End::Told => assert!(collector.terminate().await.success()),
    }
    backend.run().await;
    collector.run().await;

    eventually("the span reaches the backend", async || {
        backend.file("traces.jsonl").contains(TRACE_ID).then_some(())
    })
    .await;
    eventually("the log record reaches the backend", async || {
        backend.file("logs.jsonl").contains("while loki was down").then_some(())
    })
    .await;
}

#[tokio::test]
async fn external_backend_gets_all_signals() {
    let backend = Collector::start(&["base", "local"], &[]).await;
    let endpoint = backend.url(Port::Http, "");
    let collector =
        Collector::start(&["base", "external"], &[("TESTBED_EXTERNAL_ENDPOINT", &endpoint)]).await;

    collector.send("metrics", &metrics()).await;
    collector.send("traces", &span()).await;
    collector.send("logs", &log_record("sent on")).await;

    sample(&backend, "the counter reaches the backend", |sample| {
        sample.name == "worker_events_processed_total" && sample.label("host_arch") == Some("arm64")
    })
    .await;
    eventually("the span and the record reach the backend", async || {
        let traces = backend.file("traces.jsonl").contains(TRACE_ID);
        (traces && backend.file("logs.jsonl").contains("sent on")).then_some(())
    })
    .await;
}

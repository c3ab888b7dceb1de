use test_support::{Collector, RedisServer, ServiceProcess, eventually};

#[tokio::test]
async fn traces_metrics_and_logs_are_exported_over_otlp() {
    let collector = Collector::start().await;
    let redis = RedisServer::start().await;
    let arguments = ["--redis-url", &redis.url(), "--instance-id", "ingest-7"];
    let service = ServiceProcess::start_exporting("ingest-api", &arguments, Some(&collector.url()));
    service.ready().await;
    let event = r#"{"source":"/s","type":"t"}"#;
    let request =
        reqwest::Client::new().post(service.url("/v1/events")).header("content-type", "application/json");
    assert_eq!(request.body(event).send().await.expect("answered").status(), 202);
    for (path, text) in [
        ("/v1/traces", "POST /v1/events"),
        ("/v1/traces", "send testbed:{0}:events"),
        ("/v1/traces", "ingest-7"),
        ("/v1/metrics", "ingest.events.accepted"),
        ("/v1/metrics", "http.server.request.duration"),
        ("/v1/logs", "listening"),
    ] {
        eventually(&format!("{text} in {path}"), async || collector.has(path, text).then_some(())).await;
    }
    let stored = crate::stored(&redis, 0).await;
    assert!(stored[0].1.contains("-01\""), "a sampled context is in the event: {}", stored[0].1);
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use test_support::{RedisServer, Running, ServiceProcess, eventually};

/// All bytes that were posted to each path.
type Received = Arc<Mutex<HashMap<String, Vec<u8>>>>;

async fn receive(State(received): State<Received>, uri: Uri, body: Bytes) {
    received.lock().expect("lock").entry(uri.path().to_owned()).or_default().extend_from_slice(&body);
}

/// Strings stand in protobuf messages as they are.
fn contains(received: &Received, path: &str, text: &str) -> bool {
    let received = received.lock().expect("lock");
    received.get(path).is_some_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn traces_metrics_and_logs_are_exported_over_otlp() {
    let received = Received::default();
    let router = Router::new().fallback(receive).with_state(Arc::clone(&received));
    let collector = Running::start(|listener, shutdown| async move {
        Ok(axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await?)
    })
    .await;
    let redis = RedisServer::start().await;
    let arguments = ["--redis-url", &redis.url(), "--instance-id", "ingest-7"];
    let service = ServiceProcess::start_exporting("ingest-api", &arguments, Some(&collector.url("")));
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
        eventually(&format!("{text} in {path}"), async || contains(&received, path, text).then_some(()))
            .await;
    }
    let stored = crate::stored(&redis, 0).await;
    assert!(stored[0].1.contains("-01\""), "a sampled context is in the event: {}", stored[0].1);
}

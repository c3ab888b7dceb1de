//! The level of the log is changed while the program runs, by those who may. One test: a process has one log.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use clap::Parser;
use observability::metrics::Registry;
use observability::{Identity, LogOutput, TelemetryArgs};
use service::config::Secret;
use service::health::{Readiness, routes};
use tower::ServiceExt as _;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

fn health(token: Option<&Secret>) -> Router {
    routes("test", "test-1", &Readiness::default(), &Registry::new(), token)
}

async fn ask(router: Router, method: Method, body: &str, token: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri("/loglevel");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = router.oneshot(request).await.expect("answered");
    let status = response.status();
    let body = to_bytes(response.into_body(), 64 * 1024).await.expect("a body");
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn level_is_changed_while_the_program_runs() {
    assert_eq!(ask(health(None), Method::GET, "", None).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let flags = ["test", "--telemetry", "off", "--log-level", "info", "--log-format", "text"];
    let identity = Identity {
        service: "test",
        version: "1",
        instance: String::new(),
        revision: None,
        attributes: vec![],
    };
    let telemetry = observability::init(&identity, &Program::parse_from(flags).telemetry, LogOutput::Stdout)
        .expect("the first of this process");
    assert!(!tracing::enabled!(tracing::Level::DEBUG));

    let answer = ask(health(None), Method::PUT, " info,log_level=debug\n", None).await;
    assert_eq!(answer, (StatusCode::OK, "info,log_level=debug\n".to_owned()));
    assert!(tracing::enabled!(tracing::Level::DEBUG));
    assert!(!tracing::enabled!(target: "redis", tracing::Level::DEBUG));
    assert_eq!(ask(health(None), Method::GET, "", None).await.1, "info,log_level=debug\n");

    let (status, problem) = ask(health(None), Method::PUT, "loud", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem.contains("urn:testbed:problem:invalid-parameter"), "{problem}");
    assert!(problem.contains("is not a level"), "{problem}");
    let (status, _) = ask(health(None), Method::PUT, &"x".repeat(2000), None).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);

    let token = Secret::new("hunter2");
    let guarded = || health(Some(&token));
    assert_eq!(ask(guarded(), Method::PUT, "debug", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(guarded(), Method::GET, "", Some("hunter3")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(guarded(), Method::PUT, "warn", Some("hunter2")).await.0, StatusCode::OK);
    assert!(!tracing::enabled!(tracing::Level::INFO));
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await.expect("telemetry ends");
}

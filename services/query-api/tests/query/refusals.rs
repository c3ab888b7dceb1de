use clap::Parser as _;
use query_api::config::Args;

use crate::fixture::{WorkerCache, line};

#[tokio::test]
async fn faults_of_a_request_name_the_parameter() {
    let cache = WorkerCache::new();
    let query = cache.query(&[]).await;
    for (path, field) in [
        ("/v1/events?sorce=a", "sorce"),
        ("/v1/events?limit=1001", "limit"),
        ("/v1/events?limit=0", "limit"),
        ("/v1/events?order=up", "order"),
        ("/v1/events?since=yesterday", "since"),
        ("/v1/events?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("/v1/events?cursor=abc", "cursor"),
        ("/v1/events?source=", "source"),
        ("/v1/events?type=a&type=b", "type"),
        ("/v1/events?source=%ff", "query"),
        ("/v1/events/17", "position"),
        ("/v1/events/1-1.0?verbose=1", "verbose"),
        ("/v1/sources?limit=many", "limit"),
        ("/v1/sources/%ff/latest", "source"),
        ("/v1/summary?by=weekday", "by"),
        ("/v1/summary?limit=-1", "limit"),
        ("/v1/runs/%ff/audit", "runid"),
        ("/v1/runs/run/audit?since=0", "since"),
        ("/v1/pipeline?partition=0", "partition"),
    ] {
        let answer = reqwest::get(query.service.url(path)).await.expect("answered");
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(
            (&problem["type"], &problem["field"]),
            (&"urn:testbed:problem:invalid-parameter".into(), &field.into()),
            "{path}: {problem}"
        );
    }
}

#[tokio::test]
async fn cursor_of_another_query_is_refused() {
    let mut cache = WorkerCache::new();
    cache.store(0, "worker-0", &[line("/s", "t", "run", 0), line("/s", "t", "run", 1)]);
    let query = cache.query(&[]).await;
    let page = query.answer("/v1/events?limit=1&source=%2Fs").await;
    let next = page["next"].as_str().expect("a second page");
    assert_eq!(query.get(&format!("/v1/events?limit=5&source=%2Fs&cursor={next}")).await.0, 200);
    let (status, problem) = query.get(&format!("/v1/events?limit=1&cursor={next}")).await;
    assert_eq!((status, &problem["field"]), (400, &"cursor".into()), "{problem}");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let cache = WorkerCache::new();
    let query = cache.query(&[]).await;
    assert_eq!(query.get("/v1/event").await.1["type"], "urn:testbed:problem:not-found");
    assert_eq!(query.get("/v1/events/1-1.0").await.1["type"], "urn:testbed:problem:not-found");
    let answer = reqwest::Client::new().post(query.service.url("/v1/events")).send().await.expect("answered");
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn api_needs_the_token_and_health_does_not() {
    let cache = WorkerCache::new();
    let file = cache.directory.path().join("token");
    std::fs::write(&file, "s3cret\n").expect("written");
    let query = cache.query(&["--auth-token-file", file.to_str().expect("UTF-8")]).await;
    for path in ["/v1/events", "/v1/sources", "/v1/summary", "/v1/pipeline", "/v1/runs/r/audit"] {
        assert_eq!(query.get(path).await.0, 401, "{path}");
    }
    for path in ["/livez", "/readyz", "/statz", "/openapi.json"] {
        assert_eq!(query.text(path).await.0, 200, "{path}");
    }
    let request = reqwest::Client::new().get(query.service.url("/v1/events")).bearer_auth("s3cret");
    assert_eq!(request.send().await.expect("answered").status(), 200);
}

#[tokio::test]
async fn query_that_takes_too_long_is_given_up() {
    let mut cache = WorkerCache::new();
    // Each entry could hold a match, and none does.
    for number in 0..400 {
        let lines: Vec<_> = (0..250)
            .map(|n| if n % 2 == 0 { line("/a", "t", "run", n) } else { line("/a", "u", "other", n) })
            .collect();
        cache.store(number, "worker-0", &lines);
    }
    let query = cache.query(&["--query-deadline-ms", "2"]).await;
    let (status, problem) = query.get("/v1/events?type=t&runid=other").await;
    assert_eq!(
        (status, &problem["type"]),
        (503, &"urn:testbed:problem:deadline-exceeded".into()),
        "{problem}"
    );
}

#[test]
fn faults_of_the_configuration_name_the_variable() {
    for (arguments, variable) in [
        (["--batch-bytes-max", "1000"], "BATCH_BYTES_MAX"),
        (["--query-deadline-ms", "0"], "QUERY_DEADLINE_MS"),
        (["--redis-url", "http://localhost"], "REDIS_URL"),
        (["--auth-token-file", "/does/not/exist"], "AUTH_TOKEN_FILE"),
    ] {
        let args = Args::try_parse_from(["query-api"].iter().chain(&arguments)).expect("well-formed");
        assert_eq!(args.convert().expect_err("a fault").variable, variable);
    }
    for arguments in [["--readers", "0"], ["--partitions", "257"], ["--cache-follow", "maybe"]] {
        assert!(Args::try_parse_from(["query-api"].iter().chain(&arguments)).is_err(), "{arguments:?}");
    }
}

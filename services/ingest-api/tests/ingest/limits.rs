use redis::cmd;
use serde_json::json;
use test_support::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{answer, post, start_with_redis, stored};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

#[tokio::test]
async fn large_bodies_and_events_are_refused() {
    let (redis, service) = start_with_redis(&["--event-bytes-max", "300", "--body-bytes-max", "1000"]).await;
    let event = |size: usize| json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": "x".repeat(size)});
    let (status, problem) =
        answer(post(&service, "application/cloudevents+json", event(300).to_string())).await;
    assert_eq!((status, problem["type"].as_str()), (413, Some("urn:testbed:problem:event-too-large")));
    let (status, problem) =
        answer(post(&service, "application/cloudevents+json", event(2000).to_string())).await;
    assert_eq!((status, problem["type"].as_str()), (413, Some("urn:testbed:problem:body-too-large")));
    assert!(stored(&redis, 0).await.is_empty());
}

#[tokio::test]
async fn body_without_announced_length_is_bounded_too() {
    let (_redis, service) = start_with_redis(&["--event-bytes-max", "300", "--body-bytes-max", "1000"]).await;
    let mut stream = TcpStream::connect(service.address()).await.expect("accepted");
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}800\r\n{}\r\n", "x".repeat(0x800)).as_bytes()).await.expect("sent");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("answered");
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn request_counts_as_active_until_its_client_hangs_up() {
    let (_redis, service) = start_with_redis(&[]).await;
    let has_active = async |count: f64| {
        let answer = reqwest::get(service.url("/statz")).await.expect("answered");
        let statistics: serde_json::Value = answer.json().await.expect("JSON");
        (statistics["gauges"]["http.server.active_requests"]["total"] == count).then_some(())
    };
    let mut stream = TcpStream::connect(service.address()).await.expect("accepted");
    let head =
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    eventually("the request is active", async || has_active(1.0).await).await;
    drop(stream);
    eventually("it is no longer", async || has_active(0.0).await).await;
}

#[tokio::test]
async fn full_backlog_is_answered_with_429_until_workers_catch_up() {
    let (redis, service) = start_with_redis(&["--backlog-events-max", "3"]).await;
    for _ in 0..3 {
        assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 202);
    }
    let response = post(&service, "application/cloudevents+json", EVENT).send().await.expect("answered");
    assert_eq!(
        (response.status().as_u16(), response.headers()["retry-after"].to_str().ok()),
        (429, Some("1"))
    );
    let mut connection = redis.connection().await;
    let counters = events::Keys::new(0).counters;
    cmd("HINCRBY")
        .arg(counters)
        .arg("settled")
        .arg(3)
        .exec_async(&mut connection)
        .await
        .expect("incremented");
    eventually("the service accepts again", async || {
        let (status, _) = answer(post(&service, "application/cloudevents+json", EVENT)).await;
        (status == 202).then_some(())
    })
    .await;
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let (_redis, service) =
        start_with_redis(&["--header-timeout-ms", "200", "--body-timeout-ms", "200"]).await;
    let mut slow_head = TcpStream::connect(service.address()).await.expect("accepted");
    slow_head.write_all(b"POST /v1/events HTTP/1.1\r\n").await.expect("sent");
    let mut rest = Vec::new();
    slow_head.read_to_end(&mut rest).await.expect("closed");
    let mut slow_body = TcpStream::connect(service.address()).await.expect("accepted");
    let head =
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n";
    slow_body.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 12];
    slow_body.read_exact(&mut answer).await.expect("answered");
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let (_redis, service) = start_with_redis(&["--connections-max", "1", "--header-timeout-ms", "300"]).await;
    let holder = TcpStream::connect(service.address()).await.expect("accepted");
    // Answered once the holder, who sends nothing, has been cut.
    assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 202);
    drop(holder);
}

#[tokio::test]
async fn token_is_required_where_one_is_set() {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), "s3cret\n").expect("written");
    let (_redis, service) =
        start_with_redis(&["--auth-token-file", file.path().to_str().expect("UTF-8")]).await;
    let request = || post(&service, "application/cloudevents+json", EVENT);
    assert_eq!(answer(request()).await.0, 401);
    assert_eq!(answer(request().bearer_auth("s3cre")).await.0, 401);
    assert_eq!(answer(request().bearer_auth("s3cret")).await.0, 202);
    let statistics = reqwest::get(service.url("/statz")).await.expect("answered").text().await.expect("text");
    assert!(statistics.contains("error.type=unauthorized\":2"), "{statistics}");
    let open = reqwest::get(service.url("/readyz")).await.expect("answered");
    assert_eq!(open.status(), 200, "health needs no token");
}

//! Latencies count from the intended send time (no coordinated omission), and memory stays bounded.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use super::receiver::{Answer, Receiver};
use super::{Fixture, Run};

/// Serves with axum; stalls once, for `stall`, beginning `after` the first request.
async fn run_with_stall(after: Duration, stall: Duration, flags: &str) -> Run {
    let first_request = Arc::new(std::sync::OnceLock::new());
    let answer = move || {
        let first_request = Arc::clone(&first_request);
        async move {
            let begin = *first_request.get_or_init(Instant::now) + after;
            if (begin..begin + stall).contains(&Instant::now()) {
                sleep_until(begin + stall).await;
            }
            (axum::http::StatusCode::ACCEPTED, Json(serde_json::json!({ "accepted": 1 })))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/v1/events", post(answer))).await.unwrap();
    });
    let run = Fixture::new().run(&url, flags).await;
    server.abort();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn response_time_counts_what_a_stall_makes_requests_wait() {
    let (length_s, stall_s) = (5.0, 0.5);
    let run = run_with_stall(
        Duration::from_secs(2),
        Duration::from_secs_f64(stall_s),
        "--rate 1000 --duration 5s --connections 16",
    )
    .await;
    assert_eq!(run.result.events.accepted, 5000);
    let latency = run.result.latency;
    // The requests of the stall wait between its whole length and nothing, evenly; 1 % of all wait longest.
    let expected_s = stall_s - 0.01 * length_s;
    let p99_s = latency.response_time.p99_us / 1e6;
    assert!((p99_s / expected_s - 1.0).abs() < 0.15, "p99 {p99_s} s, not {expected_s} s");
    assert!(latency.service_time.p50_us < 20_000.0, "{:?}", latency.service_time);
    // At most one request a connection was on its way during the stall: 0.32 % of all.
    assert!(latency.service_time.p99_us < 0.2e6, "{:?}", latency.service_time);
    assert!(latency.send_lateness.p99_us > 0.3e6, "{:?}", latency.send_lateness);
    // The generator itself did not wait for the server.
    assert!(latency.pacing_lateness.p50_us < 50_000.0, "{:?}", latency.pacing_lateness);
    assert!(run.result.late.requests >= 300, "{:?}", run.result.late);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_sent_at_their_time() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let run = Fixture::new().run(&receiver.url(), "--rate 500 --duration 2s --arrivals poisson").await;
    let latency = run.result.latency;
    assert_eq!(latency.send_lateness.count, run.result.requests.sent);
    // How late exactly is for benchmarks: a busy machine must not fail this test.
    assert!(latency.pacing_lateness.p50_us < 50_000.0, "{:?}", latency.pacing_lateness);
    assert!(latency.send_lateness.p50_us < 50_000.0, "{:?}", latency.send_lateness);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_while_the_receiver_is_silent() {
    let receiver = Receiver::start(|_| Answer::Silence).await;
    let before = peak_memory_bytes();
    // 10,000 requests of 60 kB wait: 600 MB, were they kept.
    let flags = "--rate 5000 --duration 2s --payload-bytes 60000 --connections 2 --timeout 500ms";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    assert_eq!(run.result.events.planned, 10_000);
    assert!(run.result.events.unsent > 9_000, "{:?}", run.result.events);
    let grown = peak_memory_bytes() - before;
    assert!(grown < 80 * 1024 * 1024, "grew by {grown} bytes");
}

/// The most memory that this process has had resident.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

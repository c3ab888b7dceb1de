//! Latencies count from the intended send time (no coordinated omission), and memory stays bounded.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

use super::faults::until;
use super::program::{signal, start};
use super::receiver::{Answer, Receiver};
use super::{Fixture, Run};

/// A run at a server that stalls once, and how long it really did.
async fn run_with_stall(after: Duration, stall: Duration, flags: &str) -> (Run, Duration) {
    let first_request = Arc::new(OnceLock::new());
    let stalled = Arc::new(Mutex::new((None, None)));
    let answer = {
        let stalled = Arc::clone(&stalled);
        move || {
            let (first_request, stalled) = (Arc::clone(&first_request), Arc::clone(&stalled));
            async move {
                let begin = *first_request.get_or_init(Instant::now) + after;
                if (begin..begin + stall).contains(&Instant::now()) {
                    sleep_until(begin + stall).await;
                    let mut stalled = stalled.lock().unwrap();
                    stalled.0.get_or_insert(begin);
                    stalled.1.get_or_insert_with(Instant::now);
                }
                (axum::http::StatusCode::ACCEPTED, Json(serde_json::json!({ "accepted": 1 })))
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/v1/events", post(answer))).await.unwrap();
    });
    let run = Fixture::new().run(&url, flags).await;
    server.abort();
    let (begin, end) = *stalled.lock().unwrap();
    (run, end.unwrap() - begin.unwrap())
}

/// The proof that waiting is not omitted: with a stall of S in a run of T at a constant rate, 1 % of all requests wait
/// for longer than S - 0.01 T.
#[tokio::test(flavor = "multi_thread")]
async fn response_time_counts_what_a_stall_makes_requests_wait() {
    let flags = "--rate 500 --duration 20s --connections 16";
    let (run, stall) = run_with_stall(Duration::from_secs(5), Duration::from_secs(1), flags).await;
    assert_eq!(run.result.totals.events.accepted, 10_000);
    let latency = run.result.totals.latency;
    let response_time = latency.response_time.unwrap();
    let (p99_s, expected_s) = (response_time.p99_us / 1e6, stall.as_secs_f64() - 0.2);
    assert!((p99_s / expected_s - 1.0).abs() < 0.05, "p99 {p99_s} s, not {expected_s} s");
    assert!(latency.service_time.p50_us < 20_000.0, "{:?}", latency.service_time);
    // At most one request a connection was on its way during the stall: 0.16 % of all.
    assert!(latency.service_time.p99_us < 0.2e6, "{:?}", latency.service_time);
    assert!(latency.send_lateness.unwrap().p99_us > 0.7e6, "{:?}", latency.send_lateness);
    // The generator itself did not wait for the server.
    assert!(latency.pacing_lateness.unwrap().p50_us < 50_000.0, "{:?}", latency.pacing_lateness);
    assert!(run.result.totals.late.requests >= 300, "{:?}", run.result.totals.late);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_sent_at_their_time() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let run = Fixture::new().run(&receiver.url(), "--rate 500 --duration 2s --arrivals poisson").await;
    let latency = run.result.totals.latency;
    assert_eq!(latency.send_lateness.unwrap().count, run.result.totals.requests.sent);
    // How late exactly is for benchmarks: a busy machine must not fail this test.
    assert!(latency.pacing_lateness.unwrap().p50_us < 50_000.0, "{:?}", latency.pacing_lateness);
    assert!(latency.send_lateness.unwrap().p50_us < 50_000.0, "{:?}", latency.send_lateness);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_while_the_receiver_is_silent() {
    let receiver = Receiver::start(|_| Answer::Silence).await;
    let directory = tempfile::tempdir().unwrap();
    // A process of its own: what other tests take does not count.
    let load = "--rate 5000 --forever --payload-bytes 60000 --connections 2 --timeout 500ms --json";
    let child = start(directory.path(), &format!("--target {} {load}", receiver.url()));
    until(|| receiver.requests() >= 1).await;
    let before = peak_memory_bytes(&child);
    // Two each half second.
    until(|| receiver.requests() >= 12).await;
    let grown = peak_memory_bytes(&child) - before;
    signal(&child, "-TERM").await;
    let output = child.wait_with_output().await.unwrap();
    let result: simulator::RunResult = serde_json::from_slice(&output.stdout).unwrap();
    // 10,000 requests of 60 kB waited: 600 MB, had they been kept.
    assert!(result.totals.events.planned > 10_000, "{:?}", result.totals.events);
    assert!(result.totals.events.sent < 20, "{:?}", result.totals.events);
    assert!(grown < 40 * 1024 * 1024, "grew by {grown} bytes");
}

/// The most memory that a process has had resident.
fn peak_memory_bytes(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

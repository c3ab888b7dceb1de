//! Receivers that refuse, break, stall and lie: every event has exactly one fate, and the right one.

use std::time::Duration;

use measurement::{ObservedRun, SequenceSet, audit};
use simulator::RunError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::receiver::{Answer, Receiver};
use super::{Fixture, Run};

/// A run of 100 requests of two events at a receiver that does the same to all.
async fn run_at(answer: Answer) -> Run {
    let receiver = Receiver::start(move |_| answer.clone()).await;
    let flags = "--rate 400 --duration 500ms --batch 2 --connections 8 --timeout 200ms";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    run.agrees_with(&receiver.received());
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_status_and_kind() {
    let run = run_at(Answer::problem(429, "backlog-full")).await;
    assert_eq!((run.result.totals.events.refused, run.result.totals.events.sent), (200, 200));
    assert_eq!(run.result.totals.refusals["429 backlog-full"], 200);
    let run = run_at(Answer::Status(404, "<html>".to_owned())).await;
    assert_eq!(run.result.totals.refusals["404"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_error_of_a_proxy_leaves_the_request_unknown() {
    let run = run_at(Answer::Status(502, "<html>".to_owned())).await;
    assert_eq!(run.result.totals.unknowns["foreign-error"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn outcome_that_the_receiver_does_not_know_is_unknown() {
    let run = run_at(Answer::problem(503, "outcome-unknown")).await;
    assert_eq!(run.result.totals.unknowns["outcome-unknown"], 200);
    let run = run_at(Answer::problem(503, "redis-unavailable")).await;
    assert_eq!(run.result.totals.refusals["503 redis-unavailable"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_breaks_after_the_request_leaves_it_unknown() {
    for answer in [Answer::Close, Answer::Raw("HTTP/1.1 202 Accepted\r\ncontent-length: 50\r\n\r\n{\"acc")] {
        let run = run_at(answer).await;
        assert_eq!(
            run.result.totals.unknowns.get("connection-broken"),
            Some(&200),
            "{:?}",
            run.result.totals.unknowns
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_is_no_confirmation_leaves_the_request_unknown() {
    for answer in [
        Answer::AcceptFewer,
        Answer::Raw("SMTP ready\r\n\r\n"),
        Answer::Status(202, "fine".to_owned()),
        Answer::Raw("HTTP/1.1 202 Accepted\r\ncontent-length: much\r\n\r\n"),
    ] {
        let run = run_at(answer).await;
        assert_eq!(
            run.result.totals.unknowns.get("protocol-error"),
            Some(&200),
            "{:?}",
            run.result.totals.unknowns
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_comes_too_late_leaves_the_request_unknown() {
    let receiver = Receiver::start(|_| Answer::AcceptAfter(Duration::from_secs(60))).await;
    let flags = "--rate 40 --duration 500ms --connections 40 --timeout 200ms";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    run.agrees_with(&receiver.received());
    assert_eq!(run.result.totals.unknowns["timeout"], 20);
    // A request without an answer has waited for at least the timeout, and counts as such.
    assert_eq!(run.result.totals.latency.response_time.unwrap().count, 20);
    assert!(
        run.result.totals.latency.response_time.unwrap().p50_us >= 199_000.0,
        "{:?}",
        run.result.totals.latency.response_time
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_was_closed_while_idle_costs_no_event() {
    let receiver = Receiver::start(|_| Answer::AcceptAndClose).await;
    let run = Fixture::new().run(&receiver.url(), "--rate 50 --duration 1s --connections 1").await;
    run.agrees_with(&receiver.received());
    // A close that overtakes nothing is seen in time; only a very busy machine delays one by 20 ms.
    assert!(run.result.totals.events.accepted >= 45, "{:?}", run.result.totals.unknowns);
    assert_eq!(run.result.totals.events.refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_before_the_request_is_read_is_a_refusal() {
    let receiver = Receiver::start(|_| Answer::StatusEarly(413)).await;
    let flags = "--rate 2000 --duration 500ms --batch 100 --payload-bytes 60000 --connections 2";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    assert_eq!(run.result.totals.events.accepted, 0);
    // The reset that follows may overtake the answer; then the request is unknown, never accepted or lost.
    let refused = run.result.totals.refusals.get("413").copied().unwrap_or_default();
    assert_eq!(
        refused + run.result.totals.unknowns.get("connection-broken").copied().unwrap_or_default(),
        1000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_over_the_bound_are_unsent() {
    let receiver = Receiver::start(|_| Answer::AcceptAfter(Duration::from_millis(100))).await;
    let flags = "--rate 500 --duration 1s --connections 1 --queue 5 --timeout 1s";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    run.agrees_with(&receiver.received());
    assert_eq!(run.result.totals.events.planned, 500);
    assert!(run.result.totals.events.unsent > 400, "{:?}", run.result.totals.events);
    assert_eq!(receiver.received().sequences, run.ledger.first.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_waits_long_after_the_schedule_is_unsent() {
    let receiver = Receiver::start(|_| Answer::AcceptAfter(Duration::from_millis(100))).await;
    let flags = "--rate 500 --duration 1s --connections 1 --timeout 300ms";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    run.agrees_with(&receiver.received());
    assert!(run.result.totals.events.unsent > 400, "{:?}", run.result.totals.events);
    assert!(run.result.elapsed_s < 10.0, "{}", run.result.elapsed_s);
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_goes_away_and_comes_back_is_used_again() {
    let first = Receiver::start(|_| Answer::Accept).await;
    let (address, url) = (first.address, first.url());
    let running = tokio::spawn(async move {
        Fixture::new().run(&url, "--rate 200 --duration 4s --connections 4 --timeout 1s").await
    });
    until(|| first.requests() >= 50).await;
    let received_before = first.stop();
    until_refused(address).await;
    let second = Receiver::start_at(address, |_| Answer::Accept).await;
    let run = running.await.unwrap();

    let before = received_before().sequences;
    let received = before.union(&second.received().sequences);
    assert!(run.ledger.first.accepted.difference(&received).is_empty());
    assert!(second.requests() > 100, "{} requests after the return", second.requests());
    assert!(before.intersection(&second.received().sequences).is_empty(), "something was sent twice");
    assert!(run.result.totals.events.unknown <= 4, "{:?}", run.result.totals.unknowns);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_a_connection_are_refused_at_once() {
    let nobody = closed_address().await;
    let flags = "--rate 400 --duration 500ms --connections 3 --start-timeout 0";
    let run = Fixture::new().run(&format!("http://{nobody}"), flags).await;
    assert_eq!(run.result.totals.refusals["not-connected"], 200);
    assert_eq!(run.result.totals.latency.service_time.count, 0);
    assert!(run.result.elapsed_s < 5.0, "{}", run.result.elapsed_s);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_without_a_receiver_waits_for_one() {
    let nobody = closed_address().await;
    let flags = "--arrivals closed --duration 300ms --connections 3 --start-timeout 0";
    let run = Fixture::new().run(&format!("http://{nobody}"), flags).await;
    assert_eq!(run.result.totals.events.planned, 0);
    assert!(run.result.elapsed_s < 5.0, "{}", run.result.elapsed_s);
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_starts_later_is_waited_for() {
    let address = closed_address().await;
    let running = tokio::spawn(async move {
        Fixture::new().run(&format!("http://{address}"), "--rate 100 --duration 200ms --connections 2").await
    });
    let receiver = Receiver::start_at(address, |_| Answer::Accept).await;
    let run = running.await.unwrap();
    assert_eq!(run.result.totals.events.accepted, 20);
    run.agrees_with(&receiver.received());
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_is_never_there_is_an_error() {
    let nobody = closed_address().await;
    let fixture = Fixture::new();
    let config = fixture.config(&format!("http://{nobody}"), "--start-timeout 100ms");
    let error = simulator::run(config, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_run_leaves_its_results() {
    let receiver = Receiver::start(|index| if index < 50 { Answer::Accept } else { Answer::Silence }).await;
    let url = receiver.url();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let running = tokio::spawn(async move {
        let flags = "--rate 1000 --duration 1h --connections 4 --timeout 1h";
        Fixture::new().run_until(&url, flags, stop).await
    });
    until(|| receiver.requests() >= 52).await;
    shutdown.cancel();
    let run = running.await.unwrap();
    assert!(run.result.interrupted);
    assert!(run.result.totals.events.accepted >= 50, "{:?}", run.result.totals.events);
    assert_eq!(run.result.totals.unknowns.get("interrupted"), Some(&run.result.totals.events.unknown));
    assert!(run.result.elapsed_s < 30.0, "{}", run.result.elapsed_s);
    run.agrees_with(&receiver.received());
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_of_a_chaotic_run_passes_the_audit() {
    let receiver = Receiver::start(|index| match index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 {
        0 => Answer::Close,
        1 => Answer::problem(429, "backlog-full"),
        2 => Answer::AcceptAfter(Duration::from_secs(1)),
        3 => Answer::problem(503, "outcome-unknown"),
        _ => Answer::Accept,
    })
    .await;
    let flags = "--rate 2000 --duration 2s --batch 5 --connections 16 --timeout 100ms --arrivals poisson";
    let run = Fixture::new().run(&receiver.url(), flags).await;
    let received = receiver.received();
    run.agrees_with(&received);
    let events = run.result.totals.events;
    assert!(events.accepted > 0 && events.refused > 0 && events.unknown > 0, "{events:?}");

    // A pipeline that keeps exactly what it has not refused.
    let kept = received.sequences.difference(&run.ledger.first.refused);
    assert!(audit(&run.ledger, &observed(&kept)).passed());
    // One that keeps what it has refused, and one that loses what it has accepted.
    assert_eq!(audit(&run.ledger, &observed(&received.sequences)).phantom_refused, run.ledger.first.refused);
    assert_eq!(audit(&run.ledger, &observed(&run.ledger.first.unknown)).lost, run.ledger.first.accepted);
}

fn observed(present: &SequenceSet) -> ObservedRun {
    ObservedRun {
        runid: "run-1".to_owned(),
        events: present.len(),
        distinct: present.len(),
        ranges: present.clone(),
        complete: true,
        ..ObservedRun::default()
    }
}

/// An address at which nobody listens.
pub(crate) async fn closed_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the condition comes true");
}

/// Returns once nobody listens at the address any more.
pub(crate) async fn until_refused(address: std::net::SocketAddr) {
    let waiting = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the receiver goes away");
}

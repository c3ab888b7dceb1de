//! The generator's judgement of runs that went wrong: each is reported as what it is, with whose fault it is and what to
//! do. How late requests were depends on what else the machine does, and is not asserted.

use std::time::Duration;

use simulator::verdict::{Origin, Reason, Severity, Status};
use tokio::time::Instant;

use super::faults::{until, until_refused};
use super::receiver::{Answer, Receiver};
use super::{Fixture, Run};

/// What a busy machine may do to any run.
const OF_THE_MACHINE: [&str; 6] =
    ["pacing-lateness", "late", "rate-error", "lane-cpu", "clock-step", "timer-resolution"];

async fn run_at(answer: Answer, flags: &str) -> Run {
    let receiver = Receiver::start(move |_| answer.clone()).await;
    Fixture::new().run(&receiver.url(), flags).await
}

/// The reason of a rule, which has to be there, as bad as this.
fn expect<'a>(run: &'a Run, check: &str, severity: Severity) -> &'a Reason {
    let reasons = &run.result.verdict.reasons;
    let reason = run.reason(check).unwrap_or_else(|| panic!("no {check} in {reasons:#?}"));
    assert_eq!(reason.severity, severity, "{reason:?}");
    assert!(reason.measured > reason.limit, "{reason:?}");
    assert_eq!(reason.phase.as_deref(), Some("measure"));
    reason
}

/// Checks that the receiver is to blame, and what there is to do about it.
fn expect_target(reason: &Reason, message: &str, remedy: &str) {
    assert_eq!(reason.origin, Origin::Target, "{reason:?}");
    assert!(reason.message.contains(message), "{reason:?}");
    assert!(reason.remedy.contains(remedy), "{reason:?}");
}

/// Checks that the verdict has no other reasons than these, but for those of the machine.
fn expect_only(run: &Run, checks: &[&str]) {
    for reason in &run.result.verdict.reasons {
        let check = reason.check.as_str();
        assert!(checks.contains(&check) || OF_THE_MACHINE.contains(&check), "{reason:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_run_has_nothing_against_it() {
    let run = run_at(Answer::Accept, "--rate 100 --duration 2s").await;
    expect_only(&run, &[]);
    let run = run_at(Answer::Accept, "--arrivals closed --duration 500ms --connections 2").await;
    expect_only(&run, &["closed-loop"]);
    assert_ne!(run.result.verdict.status, Status::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_refuses_everything_is_no_measurement() {
    let flags = "--rate 200 --duration 500ms";
    for (answer, message, remedy) in [
        (Answer::problem(401, "unauthorized"), "refuses everything: 401", "--auth-token-file"),
        (Answer::problem(429, "backlog-full"), "refuses everything: 429", "lower the rate"),
        (Answer::Status(404, String::new()), "refuses everything: 404", "log"),
    ] {
        let run = run_at(answer, flags).await;
        assert_eq!(run.result.verdict.status, Status::Invalid);
        expect_target(expect(&run, "refused", Severity::Invalid), message, remedy);
        expect_only(&run, &["refused"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn some_refusals_make_a_result_suspect() {
    let receiver = Receiver::start(|index| match index % 10 {
        0 => Answer::problem(429, "backlog-full"),
        _ => Answer::Accept,
    })
    .await;
    let run = Fixture::new().run(&receiver.url(), "--rate 200 --duration 1s").await;
    let refused = expect(&run, "refused", Severity::Suspect);
    expect_target(refused, "20 of 200 events were refused: mostly 429 backlog-full", "lower the rate");
    assert_eq!((refused.measured, refused.unit.as_str()), (10.0, "%"));
    expect_only(&run, &["refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_connections_to_a_slow_receiver_leave_requests_unsent() {
    let answer = Answer::AcceptAfter(Duration::from_millis(100));
    let run = run_at(answer, "--rate 300 --duration 1s --connections 1 --queue 20 --timeout 1s").await;
    assert_eq!(run.result.verdict.status, Status::Invalid);
    let reasons = [expect(&run, "rate-error", Severity::Invalid), expect(&run, "unsent", Severity::Suspect)];
    expect(&run, "late", Severity::Note);
    // On a busy machine the generator is late itself, says so, and takes the blame.
    if run.reason("pacing-lateness").is_none() && run.reason("lane-cpu").is_none() {
        for reason in reasons {
            expect_target(reason, "every connection was waiting for the target", "--connections");
        }
    }
    expect_only(&run, &["rate-error", "unsent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_leave_no_measurement() {
    let run = run_at(Answer::Close, "--rate 200 --duration 500ms").await;
    assert_eq!(run.result.verdict.status, Status::Invalid);
    let unknown = expect(&run, "unknown", Severity::Invalid);
    expect_target(unknown, "100 events have no answer that can be relied on (connection-broken)", "log");
    expect_only(&run, &["unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_http_are_not_from_the_service() {
    for answer in [Answer::Raw("SSH-2.0-OpenSSH_9.9\r\n\r\n"), Answer::AcceptFewer] {
        let run = run_at(answer, "--rate 200 --duration 500ms --batch 2").await;
        assert_eq!(run.result.verdict.status, Status::Invalid);
        expect_target(expect(&run, "protocol-error", Severity::Suspect), "100 events", "--target");
        expect_target(expect(&run, "unknown", Severity::Invalid), "protocol-error", "log");
        expect_only(&run, &["protocol-error", "unknown"]);
    }
}

/// How long the receiver is there and away, in turn.
const STAY: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_is_away_half_of_the_time_is_found_out() {
    let mut receiver = Receiver::start(|_| Answer::Accept).await;
    let (address, url) = (receiver.address, receiver.url());
    let flags = "--rate 200 --duration 3s --connections 4 --timeout 1s";
    let mut running = tokio::spawn(async move { Fixture::new().run(&url, flags).await });
    until(|| receiver.requests() > 0).await;
    let mut next = Instant::now();
    let run = loop {
        next += STAY;
        tokio::select! {
            run = &mut running => break run.unwrap(),
            () = tokio::time::sleep_until(next) => {}
        }
        drop(receiver.stop());
        next += STAY;
        tokio::select! {
            run = &mut running => break run.unwrap(),
            () = tokio::time::sleep_until(next) => {}
        }
        until_refused(address).await;
        receiver = Receiver::start_at(address, |_| Answer::Accept).await;
    };
    expect_target(
        expect(&run, "refused", Severity::Suspect),
        "mostly not-connected",
        "reachable at --target",
    );
    expect_target(
        expect(&run, "connect-failures", Severity::Suspect),
        "attempts to connect failed",
        "restarted",
    );
    assert!(run.result.totals.events.accepted > 50, "{:?}", run.result.totals.events);
    expect_only(&run, &["refused", "connect-failures", "unknown", "unsent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_out_of_reach_is_the_fault_of_the_generator() {
    let flags = "--rate 5000000 --duration 1s --connections 4 --timeout 500ms";
    let run = run_at(Answer::Accept, flags).await;
    assert_eq!(run.result.verdict.status, Status::Invalid);
    let reason = expect(&run, "rate-error", Severity::Invalid);
    assert_eq!(reason.origin, Origin::Generator, "{reason:?}");
    assert!(reason.message.contains("the generator did not keep up"), "{reason:?}");
    assert!(reason.remedy.contains("--threads"), "{reason:?}");
    assert_eq!(expect(&run, "unsent", Severity::Suspect).origin, Origin::Generator);
    assert_eq!(expect(&run, "pacing-lateness", Severity::Invalid).origin, Origin::Generator);
    // Every one of them is accounted for.
    assert_eq!(run.result.totals.events.planned, 5_000_000);
    assert!(run.result.elapsed_s < 60.0, "{}", run.result.elapsed_s);
}

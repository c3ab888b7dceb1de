//! Whole runs against real connections: what the receiver does must be what the ledger says.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod faults;
mod program;
mod receiver;
mod timing;

use std::time::Duration;

use clap::Parser as _;
use measurement::{Ledger, LedgerFile};
use receiver::{Answer, Received, Receiver};
use simulator::config::Args;
use simulator::{Config, RunError, RunResult};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A run in a directory of its own.
struct Fixture {
    results: TempDir,
}

/// A finished run, checked for what holds of every run.
struct Run {
    result: RunResult,
    ledger: Ledger,
}

impl Fixture {
    fn new() -> Self {
        Self { results: tempfile::tempdir().unwrap() }
    }

    fn config(&self, target: &str, flags: &str) -> Config {
        let results = self.results.path().to_str().unwrap();
        let fixed = ["simulator", "--run-id", "run-1", "--results", results, "--target", target];
        let args = Args::try_parse_from(fixed.into_iter().chain(flags.split_whitespace())).unwrap();
        Config { shows_progress: false, ..args.convert().unwrap() }
    }

    async fn run(&self, target: &str, flags: &str) -> Run {
        self.run_until(target, flags, CancellationToken::new()).await
    }

    async fn run_until(&self, target: &str, flags: &str, shutdown: CancellationToken) -> Run {
        let result = simulator::run(self.config(target, flags), shutdown).await.unwrap();
        let text = std::fs::read_to_string(self.results.path().join("run-1/ledger.json")).unwrap();
        let file: LedgerFile = serde_json::from_str(&text).unwrap();
        file.check().unwrap();
        assert_eq!(file.runid, "run-1");
        Run { result, ledger: file.ledger }.checked()
    }
}

impl Run {
    fn checked(self) -> Self {
        let Self { result, ledger } = &self;
        let events = result.events;
        assert_eq!(events.planned, events.sent + events.unsent);
        assert_eq!(events.sent, events.accepted + events.refused + events.unknown);
        assert_eq!(events.sent, ledger.sent.len());
        assert_eq!(events.accepted, ledger.accepted.len());
        assert_eq!(events.refused, ledger.refused.len());
        assert_eq!(events.unknown, ledger.unknown.len());
        assert_eq!(events.unsent, ledger.unsent.len());
        assert_eq!(events.refused, result.refusals.values().sum::<u64>());
        assert_eq!(events.unknown, result.unknowns.values().sum::<u64>());
        let requests = result.requests;
        assert_eq!(requests.planned, requests.sent + requests.unsent);
        assert_eq!(requests.sent, requests.accepted + requests.refused + requests.unknown);
        assert_eq!(requests.planned * result.plan.batch_events, events.planned);
        self
    }

    /// Checks that the ledger does not contradict what reached the receiver.
    fn agrees_with(&self, received: &Received) {
        let Self { ledger, .. } = self;
        assert_eq!(received.repeated, 0, "something was sent twice");
        assert!(ledger.accepted.difference(&received.sequences).is_empty());
        assert!(received.sequences.difference(&ledger.sent).is_empty());
        assert!(received.sequences.intersection(&ledger.unsent).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_the_receiver_once() {
    for (flags, events) in [("", 400), ("--batch 10", 400), ("--batch 10 --content-type ndjson", 400)] {
        let receiver = Receiver::start(|_| Answer::Accept).await;
        let flags = format!("--rate 400 --duration 1s --arrivals constant --connections 4 {flags}");
        let run = Fixture::new().run(&receiver.url(), &flags).await;
        let received = receiver.received();
        run.agrees_with(&received);
        assert_eq!(run.ledger.accepted.ranges().collect::<Vec<_>>(), [0..=events - 1]);
        assert_eq!(received.sequences, run.ledger.accepted);
        assert_eq!(received.connections, 4);
        assert_eq!(run.result.latency.response_time.count, run.result.requests.accepted);
        assert!(!run.result.interrupted);
        let rates = run.result.rates;
        assert!((rates.sent_events_per_s / rates.planned_events_per_s - 1.0).abs() < 0.05, "{rates:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_keeps_every_connection_busy() {
    let receiver = Receiver::start(|_| Answer::AcceptAfter(Duration::from_millis(20))).await;
    let run = Fixture::new().run(&receiver.url(), "--arrivals closed --duration 1s --connections 5").await;
    run.agrees_with(&receiver.received());
    // 5 connections × 50 answers a second, less what a busy machine takes.
    assert!((100..=260).contains(&run.result.events.accepted), "{:?}", run.result.events);
    assert_eq!(run.result.latency.send_lateness.count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_an_earlier_run_are_kept() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let fixture = Fixture::new();
    fixture.run(&receiver.url(), "--duration 100ms").await;
    let again = fixture.config(&receiver.url(), "--duration 100ms");
    let error = simulator::run(again, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::ResultsExist { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn summary_and_json_show_the_counts() {
    let receiver = Receiver::start(|index| match index {
        0..3 => Answer::problem(429, "backlog-full"),
        _ => Answer::Accept,
    })
    .await;
    let run = Fixture::new().run(&receiver.url(), "--rate 100 --duration 200ms").await;
    let summary = simulator::summary(&run.result);
    for line in [
        "  planned                20  100.00 %             20        100.0",
        "  accepted               17   85.00 %             17         85.0",
        "  refused                 3   15.00 %              3",
        "  refused: 3 × 429 backlog-full",
    ] {
        assert!(summary.lines().any(|found| found == line), "{line:?} is not in\n{summary}");
    }
    let json = serde_json::to_value(&run.result).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["events"]["accepted"], 17);
    assert_eq!(json["refusals"]["429 backlog-full"], 3);
    assert_eq!(json["plan"]["seed"], 1);
}

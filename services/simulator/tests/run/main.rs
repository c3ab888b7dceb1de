//! Whole runs against real connections: what the receiver does must be what the ledger says.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod deliberate;
mod endless;
mod faults;
mod phases;
mod program;
mod receiver;
mod refusals;
mod shards;
mod timing;
mod verdicts;

use std::time::Duration;

use clap::Parser as _;
use measurement::{Ledger, LedgerFile};
use receiver::{Answer, Received, Receiver};
use simulator::config::RunArgs;
use simulator::result::Figures;
use simulator::tally::Counts;
use simulator::verdict::Reason;
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
        let fixed = ["run", "--run-id", "run-1", "--results", results, "--target", target];
        let args = RunArgs::try_parse_from(fixed.into_iter().chain(flags.split_whitespace())).unwrap();
        Config { shows_progress: false, ..args.convert().unwrap() }
    }

    async fn run(&self, target: &str, flags: &str) -> Run {
        self.run_until(target, flags, CancellationToken::new()).await
    }

    async fn run_until(&self, target: &str, flags: &str, shutdown: CancellationToken) -> Run {
        let result = simulator::run(self.config(target, flags), shutdown).await.unwrap();
        let text = std::fs::read_to_string(self.results.path().join("run-1/ledger.json")).unwrap();
        let file: LedgerFile = serde_json::from_str(&text).unwrap();
        file.ledger.check().unwrap();
        assert_eq!(file.runid, "run-1");
        Run { result, ledger: file.ledger }.checked()
    }
}

impl Run {
    /// Checks what holds of every run: nothing is counted twice or not at all.
    fn checked(self) -> Self {
        let Self { result, ledger } = &self;
        let mut all = Sums::default();
        let mut measured = Sums::default();
        for phase in &result.phases {
            all.add(&phase.figures);
            if phase.measured {
                measured.add(&phase.figures);
            }
        }
        let mut totals = Sums::default();
        totals.add(&result.totals);
        assert_eq!(totals, if result.phases.iter().any(|phase| phase.measured) { measured } else { all });
        for counts in [all.requests, all.events, all.repeated, all.malformed] {
            assert_eq!(counts.planned, counts.sent + counts.unsent);
            assert_eq!(counts.sent, counts.accepted + counts.refused + counts.unknown);
        }
        let Sums { events, repeated, malformed, .. } = all;
        let first = &ledger.first;
        assert_eq!(first.accepted.len(), events.accepted);
        assert_eq!(first.refused.len(), events.refused + malformed.refused);
        // What is malformed and was accepted may be there, and must not.
        assert_eq!(first.unknown.len(), events.unknown + malformed.unknown + malformed.accepted);
        assert_eq!(first.unsent.len(), events.unsent + malformed.unsent);
        let repeats = &ledger.repeats;
        assert_eq!(repeats.accepted.len(), repeated.accepted);
        assert_eq!(repeats.refused.len(), repeated.refused);
        assert_eq!(repeats.unknown.len(), repeated.unknown);
        assert_eq!(repeats.unsent.len(), repeated.unsent);
        assert_eq!(all.refusals, events.refused + repeated.refused + malformed.refused);
        assert_eq!(all.unknowns, events.unknown + repeated.unknown + malformed.unknown);
        if result.plan.batch.min == result.plan.batch.max {
            let planned = events.planned + repeated.planned + malformed.planned;
            assert_eq!(all.requests.planned * u64::from(result.plan.batch.min), planned);
        }
        self
    }

    /// Checks that the ledger does not contradict what reached the receiver.
    fn agrees_with(&self, received: &Received) {
        let Ledger { first, repeats } = &self.ledger;
        assert_eq!((received.surplus, received.altered), (0, 0), "sent a third time, or in other words");
        assert!(received.repeated.difference(&repeats.sent()).is_empty(), "sent twice and not said so");
        assert!(first.accepted.difference(&received.sequences).is_empty());
        assert!(repeats.accepted.difference(&received.sequences).is_empty());
        let sent = first.sent().union(&repeats.sent());
        assert!(received.sequences.difference(&sent).is_empty());
        assert!(received.sequences.is_disjoint(&first.unsent.difference(&repeats.sent())));
    }

    /// What the verdict says by one of its rules, if it does.
    fn reason(&self, check: &str) -> Option<&Reason> {
        self.result.verdict.reasons.iter().find(|reason| reason.check == check)
    }
}

/// Counts of several phases.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    requests: Counts,
    events: Counts,
    repeated: Counts,
    malformed: Counts,
    refusals: u64,
    unknowns: u64,
}

impl Sums {
    fn add(&mut self, figures: &Figures) {
        self.requests.add(&figures.requests);
        self.events.add(&figures.events);
        self.repeated.add(&figures.repeated_events);
        self.malformed.add(&figures.malformed_events);
        self.refusals += figures.refusals.values().sum::<u64>();
        self.unknowns += figures.unknowns.values().sum::<u64>();
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
        assert_eq!(run.ledger.first.accepted.ranges().collect::<Vec<_>>(), [0..=events - 1]);
        assert_eq!(received.sequences, run.ledger.first.accepted);
        assert_eq!(received.connections, 4);
        assert_eq!(
            run.result.totals.latency.response_time.unwrap().count,
            run.result.totals.requests.accepted
        );
        assert!(!run.result.interrupted);
        let rates = run.result.totals.rates;
        assert!((rates.sent_events_per_s / rates.planned_events_per_s - 1.0).abs() < 0.05, "{rates:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_keeps_every_connection_busy() {
    let receiver = Receiver::start(|_| Answer::AcceptAfter(Duration::from_millis(20))).await;
    let run = Fixture::new().run(&receiver.url(), "--arrivals closed --duration 1s --connections 5").await;
    run.agrees_with(&receiver.received());
    // 5 connections × 50 answers a second, less what a busy machine takes.
    assert!((100..=260).contains(&run.result.totals.events.accepted), "{:?}", run.result.totals.events);
    assert_eq!(run.result.totals.latency.send_lateness, None);
    assert_eq!(run.result.totals.latency.response_time, None);
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
    assert_eq!(json["version"], 3);
    assert_eq!(json["events"]["accepted"], 17);
    assert_eq!(json["refusals"]["429 backlog-full"], 3);
    assert_eq!(json["plan"]["seed"], 1);
}

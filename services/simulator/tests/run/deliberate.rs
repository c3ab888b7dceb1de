//! Repetitions and malformed requests: sent as planned, counted apart, and told to the auditor.

use measurement::SequenceSet;
use simulator::verdict::{Origin, Severity};

use super::receiver::{Answer, Received, Receiver};
use super::{Fixture, Run};

async fn run(answer: Answer, flags: &str) -> (Run, Received) {
    let receiver = Receiver::start(move |_| answer.clone()).await;
    let run = Fixture::new().run(&receiver.url(), flags).await;
    let received = receiver.received();
    run.agrees_with(&received);
    (run, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn repetition_is_the_same_bytes_again_and_counted_apart() {
    for form in ["--batch 1", "--batch 1-5 --content-type batch", "--batch 3 --content-type ndjson"] {
        let flags = format!("--rate 600 --duration 1s --connections 4 --duplicates 0.3 {form}");
        let (run, received) = run(Answer::Accept, &flags).await;
        let totals = &run.result.totals;
        let (planned, repeated) = (totals.events.planned, totals.repeated_events);
        // In addition to the rate.
        assert!((594..=606).contains(&planned), "{form}: {planned}");
        assert!((0.15..0.45).contains(&(repeated.planned as f64 / planned as f64)), "{form}: {repeated:?}");
        assert_eq!(totals.events.accepted, planned);
        assert_eq!(received.sequences, everything(planned));
        assert_eq!(received.repeated, run.ledger.repeats.accepted);
        assert_eq!(received.repeated.len(), repeated.planned);
        assert_eq!(totals.malformed_events.planned, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_a_part_of_the_rate_and_counted_apart() {
    for form in ["--batch 1", "--batch 3 --content-type batch", "--batch 3 --content-type ndjson"] {
        let flags = format!("--rate 600 --duration 1s --connections 4 --malformed 0.2 {form}");
        let (run, received) = run(Answer::AcceptValid, &flags).await;
        let totals = &run.result.totals;
        let (good, bad) = (totals.events, totals.malformed_events);
        assert_eq!(good.planned + bad.planned, 600);
        assert!((60..=180).contains(&bad.planned), "{form}: {bad:?}");
        assert_eq!((good.accepted, bad.refused), (good.planned, bad.planned), "{form}");
        assert_eq!(received.sequences, run.ledger.first.accepted);
        assert_eq!(run.ledger.first.refused, everything(600).difference(&received.sequences));
        assert_eq!(received.malformed * u64::from(run.result.plan.batch.min), bad.planned);
        assert_eq!(totals.refusals["400 invalid-event"], bad.planned);
        // The receiver did what it should.
        assert_eq!(run.reason("refused"), None);
        assert_eq!(run.reason("malformed-accepted"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_accepts_malformed_requests_is_at_fault() {
    let flags = "--rate 600 --duration 1s --connections 4 --malformed 0.2";
    let (run, received) = run(Answer::Accept, flags).await;
    let bad = run.result.totals.malformed_events;
    assert_eq!(bad.accepted, received.malformed);
    assert_eq!(run.ledger.first.unknown.len(), bad.accepted);
    let reason = run.reason("malformed-accepted").expect("a reason");
    assert_eq!((reason.severity, reason.origin), (Severity::Suspect, Origin::Target));
    assert_eq!((reason.measured, reason.phase.as_deref()), (bad.accepted as f64, Some("measure")));
    assert!(reason.remedy.contains("fault of the target"), "{}", reason.remedy);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_repeats_and_spoils_as_well() {
    let flags = "--arrivals closed --duration 1s --connections 4 --threads 2 --batch 1-4 --content-type batch \
                 --duplicates 0.3 --malformed 0.2";
    let (run, received) = run(Answer::AcceptValid, flags).await;
    let totals = &run.result.totals;
    assert!(totals.requests.accepted > 100, "{:?}", totals.requests);
    let share = |events: u64| events as f64 / totals.events.planned as f64;
    assert!((0.15..0.45).contains(&share(totals.repeated_events.planned)), "{:?}", totals.repeated_events);
    assert!((0.1..0.4).contains(&share(totals.malformed_events.planned)), "{:?}", totals.malformed_events);
    assert_eq!(totals.events.accepted, totals.events.planned);
    assert_eq!(totals.repeated_events.accepted, totals.repeated_events.planned);
    assert_eq!(totals.malformed_events.refused, totals.malformed_events.planned);
    assert_eq!(received.repeated, run.ledger.repeats.accepted);
    assert_eq!(received.sequences, run.ledger.first.accepted);
}

/// The numbers of as many events.
fn everything(events: u64) -> SequenceSet {
    SequenceSet::from_ranges([[0, events - 1]]).unwrap()
}

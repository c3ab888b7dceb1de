//! What the simulator does wrong on purpose, all the way through.

use crate::harness::{Options, Pipeline};

#[tokio::test]
async fn duplicates_are_there_twice_and_malformed_requests_not_at_all() {
    let pipeline = Pipeline::start(Options::default()).await;
    let flags =
        ["--rate", "2000", "--duration", "3s", "--batch", "2", "--duplicates", "0.05", "--malformed", "0.02"];
    let run = pipeline.load("wrong-on-purpose", &flags).await;
    let verdict = pipeline.audit_holds(&run).await;

    let figures = &run.result.totals;
    let (events, repeated, malformed) = (figures.events, figures.repeated_events, figures.malformed_events);
    // Each kind by itself: valid and malformed requests together are the rate, repetitions come on top.
    assert_eq!(events.planned + malformed.planned, 6000);
    assert!((60..240).contains(&malformed.planned), "2 %: {malformed:?}");
    assert!((150..600).contains(&repeated.planned), "5 %: {repeated:?}");
    assert_eq!((events.accepted, repeated.accepted), (events.planned, repeated.planned), "{figures:?}");
    assert_eq!((malformed.refused, malformed.sent), (malformed.planned, malformed.planned));
    let refusals: u64 = figures.refusals.values().sum();
    assert_eq!(refusals, malformed.refused);
    for (reason, events) in &figures.refusals {
        assert!(["400 malformed", "422 invalid-event"].contains(&reason.as_str()), "{reason}");
        assert!(*events > 0);
    }

    assert_eq!(run.ledger.repeats.accepted.len(), repeated.accepted);
    assert_eq!(verdict.queryable, events.accepted);
    assert_eq!((verdict.refused, verdict.unknown, verdict.unsent), (malformed.refused, 0, 0));
    assert_eq!((verdict.repeats.accepted, verdict.repeats.queryable), (repeated.accepted, repeated.accepted));
    assert_eq!(verdict.duplicated, 0, "a sending on purpose is no duplicate");
    assert_eq!(pipeline.rows(run.run).await.len() as u64, events.accepted + repeated.accepted);
}

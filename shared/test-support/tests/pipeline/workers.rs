use events::Keys;
use test_support::eventually;

use crate::harness::{Options, Pipeline, counter, labelled, stream_grows};

const LOAD: [&str; 4] = ["--rate", "500", "--duration", "3s"];

#[tokio::test]
async fn entries_of_a_stalled_worker_are_claimed_by_another() {
    let claim = ["--claim-idle-ms", "500"];
    let pipeline = Pipeline::start(Options { worker: &claim, ..Options::default() }).await;
    let load = pipeline.begin_load("stalled", &LOAD);
    let mut connection = pipeline.connection().await;
    stream_grows(&mut connection, &Keys::new(0).results, 5).await;
    pipeline.worker.signal("STOP");
    // It was waiting for entries, so the next one is delivered to it.
    eventually("the stalled worker holds entries", async || {
        let mut command = redis::cmd("XPENDING");
        command.arg(Keys::new(0).events).arg(events::GROUP);
        let (pending, ..): (u64, redis::Value, redis::Value, redis::Value) =
            command.query_async(&mut connection).await.expect("a group");
        (pending > 0).then_some(())
    })
    .await;
    let other = pipeline.another_worker("worker-2", &claim);
    let run = load.finish().await;
    eventually("the other has claimed", async || {
        (labelled(&other, "worker.entries.received", "delivery=claimed").await > 0).then_some(())
    })
    .await;
    pipeline.worker.signal("CONT");
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
}

#[tokio::test]
async fn poison_in_the_stream_harms_no_other_event() {
    let pipeline = Pipeline::start(Options::default()).await;
    let load = pipeline.begin_load("poison", &LOAD);
    let mut connection = pipeline.connection().await;
    let keys = Keys::new(0);
    stream_grows(&mut connection, &keys.events, 20).await;
    for (n, text) in [("1", "not an event"), ("7", "{}"), ("1", "\u{0}")] {
        let mut command = redis::cmd("XADD");
        command
            .arg(&keys.events)
            .arg("*")
            .arg("v")
            .arg("1")
            .arg("n")
            .arg(n)
            .arg("at")
            .arg("1")
            .arg("by")
            .arg("x");
        command.arg("events").arg(text).exec_async(&mut connection).await.expect("appended");
    }
    let run = load.finish().await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
    stream_grows(&mut connection, &keys.dead, 3).await;
}

#[tokio::test]
async fn full_backlog_refuses_and_loses_nothing() {
    let mut pipeline =
        Pipeline::start(Options { ingest: &["--backlog-events-max", "200"], ..Options::default() }).await;
    pipeline.worker.kill();
    let run = pipeline.load("backlog", &LOAD).await;
    assert!(
        run.ledger.first.accepted.len() >= 200 && run.ledger.first.refused.len() > 1000,
        "{:?}",
        run.ledger
    );
    pipeline.worker.restart();
    let verdict = pipeline.audit_holds(&run).await;
    assert_eq!(verdict.queryable, run.ledger.first.accepted.len());
}

#[tokio::test]
async fn two_workers_share_the_stream() {
    let pipeline = Pipeline::start(Options {
        worker: &["--work-kind", "hash", "--work-amount", "50"],
        ..Options::default()
    })
    .await;
    let other = pipeline.another_worker("worker-2", &[]);
    other.ready().await;
    let run = pipeline.load("two-workers", &LOAD).await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
    let processed = counter(&pipeline.worker, "worker.events.processed").await
        + counter(&other, "worker.events.processed").await;
    assert_eq!(processed, 1500);
}

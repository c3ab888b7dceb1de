use events::Keys;
use observability::trace::attribute as a;
use redis::cmd;
use test_support::{ReceivedSpan, eventually};

use super::{Traced, batch, context, event, one};
use crate::harness::Options;

/// The spans of an event in the worker, by their start.
async fn deliveries(traced: &Traced, trace_id: u128, count: usize) -> Vec<ReceivedSpan> {
    let mut spans = traced
        .collector
        .spans_where(&format!("{count} deliveries"), |spans| {
            let of_event =
                |span: &&ReceivedSpan| span.service() == "process-worker" && span.trace_id == trace_id;
            let found: Vec<_> = spans.iter().filter(of_event).cloned().collect();
            (found.len() >= count).then_some(found)
        })
        .await;
    assert_eq!(spans.len(), count, "{spans:#?}");
    spans.sort_by_key(|span| span.start_ns);
    spans
}

#[tokio::test]
async fn redelivery_of_a_dead_workers_entry_says_so() {
    let claim = ["--claim-idle-ms", "300"];
    let mut traced = Traced::start(Options { worker: &claim, ..Options::default() }).await;
    traced.pipeline.worker.kill();
    let own = context(0xcafe, true);
    traced.post(None, &[event("e-0", Some(own))]).await;
    let mut connection = traced.pipeline.connection().await;
    let key = Keys::new(0).events;
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(events::GROUP).arg("dead-worker").arg("STREAMS").arg(&key).arg(">");
    read.exec_async(&mut connection).await.expect("delivered");
    traced.pipeline.worker.restart();
    let span = deliveries(&traced, own.trace_id, 1).await.remove(0);
    assert_eq!((span.attribute(a::DELIVERY), span.attribute(a::DELIVERY_COUNT)), ("claimed", "2"));
    assert_eq!(span.attribute(a::OUTCOME), "stored");
    let spans = traced.complete(own.trace_id).await;
    let batch = batch(&spans, "process-worker", own.trace_id);
    assert_eq!((batch.attribute(a::DELIVERY), batch.attribute(a::DELIVERY_COUNT)), ("claimed", "2"));
}

#[tokio::test]
async fn failing_event_has_a_span_for_each_delivery() {
    let arguments = ["--work-kind", "json", "--deliveries-max", "3", "--retry-delay-ms", "10"];
    let traced = Traced::start(Options { worker: &arguments, ..Options::default() }).await;
    let (own, neighbour) = (context(0xcafe, true), context(0xbeef, true));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let failing = event("bad", Some(own)).replacen("{", &format!(r#"{{"data":{deep},"#), 1);
    traced.post(None, &[failing, event("good", Some(neighbour))]).await;
    let (bad, good) =
        (deliveries(&traced, own.trace_id, 3).await, deliveries(&traced, neighbour.trace_id, 3).await);
    let told = |spans: &[ReceivedSpan]| -> Vec<[String; 4]> {
        let told = |span: &ReceivedSpan| {
            [a::DELIVERY, a::DELIVERY_COUNT, a::OUTCOME, a::ERROR_TYPE]
                .map(|name| span.attribute(name).to_owned())
        };
        spans.iter().map(told).collect()
    };
    assert_eq!(
        told(&bad),
        [
            ["new", "1", "retried", "work"],
            ["retried", "2", "retried", "work"],
            ["retried", "3", "dead-lettered", "work"]
        ]
    );
    assert_eq!(
        told(&good),
        [["new", "1", "retried", ""], ["retried", "2", "retried", ""], ["retried", "3", "stored", ""]]
    );
    assert!(bad.iter().all(|span| span.is_error) && good.iter().all(|span| !span.is_error));
    let spans = traced.complete(own.trace_id).await;
    let queried = one(&spans, "query-api", |span| span.trace_id == own.trace_id);
    assert_eq!(queried.attribute(a::OUTCOME), "dead-lettered");
    eventually("the log says so in the trace of the event", async || {
        let has = |bytes: &[u8]| traced.collector.has("/v1/logs", bytes);
        (has(b"events dead-lettered") && has(&own.trace_id.to_be_bytes())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn restarted_worker_drains_what_it_was_given() {
    let mut traced = Traced::start(Options::default()).await;
    traced.pipeline.worker.kill();
    let own = context(0xcafe, true);
    traced.post(None, &[event("e-0", Some(own))]).await;
    let mut connection = traced.pipeline.connection().await;
    eventually("the entry is delivered to the worker that is down", async || {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(events::GROUP).arg("worker-1").arg("STREAMS").arg(Keys::new(0).events).arg(">");
        read.exec_async(&mut connection).await.ok()
    })
    .await;
    traced.pipeline.worker.restart();
    let span = deliveries(&traced, own.trace_id, 1).await.remove(0);
    assert_eq!((span.attribute(a::DELIVERY), span.attribute(a::DELIVERY_COUNT)), ("drained", "2"));
}

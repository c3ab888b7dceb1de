use test_support::eventually;

use crate::{Worker, append, event, read_as, redis_with_connection, results};

/// Nobody claims, so that what is pending stays so.
const PATIENT: [&str; 2] = ["--claim-idle-ms", "3600000"];

#[tokio::test]
async fn holder_of_the_lease_reports_the_streams() {
    let (redis, mut connection) = redis_with_connection().await;
    append(&mut connection, 0, &[event(0)]).await;
    read_as(&mut connection, "gone").await;
    let worker = Worker::start(&redis.url(), "worker-1", &PATIENT).await;
    append(&mut connection, 0, &[event(1)]).await;
    results(&mut connection, 0, 1).await;
    let gauges = eventually("both entries are seen, and that one is settled", async || {
        let gauges = worker.statistics().await["gauges"].take();
        let is_settled = gauges["stream.pending.entries"]["by"]["partition=0"] == 1.0;
        (gauges["stream.entries"]["by"]["stream=events,partition=0"] == 2.0 && is_settled).then_some(gauges)
    })
    .await;
    assert_eq!(gauges["stream.entries"]["by"]["stream=dead,partition=0"], 0.0);
    assert_eq!(gauges["stream.consumer.pending.entries"]["by"]["partition=0,consumer=gone"], 1.0);
    assert!(gauges["stream.pending.age"]["by"]["partition=0"].as_f64() > Some(0.0), "{gauges}");
    let other = Worker::start(&redis.url(), "worker-2", &PATIENT).await;
    assert!(other.statistics().await["gauges"].get("stream.entries").is_none());
}

#[tokio::test]
async fn lease_that_another_worker_has_taken_ends_the_report() {
    let (redis, mut connection) = redis_with_connection().await;
    let worker = Worker::start(&redis.url(), "worker-1", &["--trim-interval-ms", "100"]).await;
    let is_reported = async |worker: &Worker| {
        let reported = worker.statistics().await["gauges"].get("stream.entries").is_some();
        (reported, worker.statistic("gauges", "worker.lease.held").await)
    };
    eventually("the lease is held", async || (is_reported(&worker).await == (true, 1.0)).then_some(())).await;
    let lease = events::Keys::new(0).lease;
    redis::cmd("SET").arg(lease).arg("another").exec_async(&mut connection).await.expect("set");
    eventually("the lease is lost", async || (is_reported(&worker).await == (false, 0.0)).then_some(()))
        .await;
}

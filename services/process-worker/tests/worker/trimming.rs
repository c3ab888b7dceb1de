use events::Keys;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use test_support::eventually;

use crate::{Worker, append, event, read_as, redis_with_connection, results};

const SHORT: [&str; 6] =
    ["--events-retention-s", "1", "--results-retention-s", "1", "--trim-interval-ms", "50"];

async fn length(connection: &mut MultiplexedConnection, key: &str) -> u64 {
    cmd("XLEN").arg(key).query_async(connection).await.expect("a stream")
}

/// Nodes of a stream are trimmed whole: small nodes make trimming visible.
async fn small_nodes(connection: &mut MultiplexedConnection) {
    cmd("CONFIG").arg("SET").arg("stream-node-max-entries").arg(1).exec_async(connection).await.expect("set");
}

#[tokio::test]
async fn acknowledged_entries_are_trimmed_after_their_retention() {
    let (redis, mut connection) = redis_with_connection().await;
    small_nodes(&mut connection).await;
    let worker = Worker::start(&redis.url(), "worker-1", &SHORT).await;
    for sequence in 0..10 {
        append(&mut connection, 0, &[event(sequence)]).await;
    }
    results(&mut connection, 0, 10).await;
    let keys = Keys::new(0);
    eventually("both streams are trimmed", async || {
        (length(&mut connection, &keys.events).await <= 1
            && length(&mut connection, &keys.results).await <= 1)
            .then_some(())
    })
    .await;
    eventually("what was trimmed is counted", async || {
        (worker.statistic("counters", "worker.entries.trimmed").await >= 18.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn settled_entries_go_early_when_a_stream_takes_too_much_memory() {
    let (redis, mut connection) = redis_with_connection().await;
    small_nodes(&mut connection).await;
    let bound = ["--retention-bytes-max", "100000", "--trim-interval-ms", "50"];
    let worker = Worker::start(&redis.url(), "worker-1", &bound).await;
    let keys = Keys::new(0);
    for sequence in 0..2000 {
        append(&mut connection, 0, &[event(sequence)]).await;
    }
    worker.counts("worker.events.processed", 2000.0).await;
    for key in [&keys.events, &keys.results] {
        eventually("the stream is within its bound", async || {
            let usage: u64 =
                cmd("MEMORY").arg("USAGE").arg(key).query_async(&mut connection).await.expect("a stream");
            (usage <= 110_000).then_some(())
        })
        .await;
    }
    assert!(length(&mut connection, &keys.events).await > 10, "not much more than the excess is trimmed");
}

#[tokio::test]
async fn nothing_pending_and_nothing_unfollowed_is_trimmed() {
    let (redis, mut connection) = redis_with_connection().await;
    small_nodes(&mut connection).await;
    let keys = Keys::new(0);
    append(&mut connection, 0, &[event(0)]).await;
    read_as(&mut connection, "stuck").await;
    let now_ms = service::clock::unix_us() / 1000;
    let report = format!("0-0 {now_ms}");
    cmd("HSET")
        .arg(&keys.followers)
        .arg("query-1")
        .arg(report)
        .exec_async(&mut connection)
        .await
        .expect("set");
    let worker = Worker::start(&redis.url(), "worker-1", &SHORT).await;
    for sequence in 1..10 {
        append(&mut connection, 0, &[event(sequence)]).await;
    }
    results(&mut connection, 0, 9).await;
    let entry = append(&mut connection, 0, &[event(10)]).await;
    eventually("the retention is over", async || {
        let (seconds, _): (u64, u64) = cmd("TIME").query_async(&mut connection).await.expect("time");
        (seconds * 1000 > entry.ms + 2500).then_some(())
    })
    .await;
    assert_eq!(worker.statistic("gauges", "worker.lease.held").await, 1.0);
    assert_eq!(length(&mut connection, &keys.events).await, 11);
    assert_eq!(length(&mut connection, &keys.results).await, 10);
}

#[tokio::test]
async fn one_worker_at_a_time_trims() {
    let (redis, mut connection) = redis_with_connection().await;
    // A lease of 3 s, which a busy machine does not miss.
    let seldom = ["--trim-interval-ms", "1000"];
    let first = Worker::start(&redis.url(), "worker-1", &seldom).await;
    eventually("the first holds the lease", async || {
        (first.statistic("gauges", "worker.lease.held").await == 1.0).then_some(())
    })
    .await;
    let second = Worker::start(&redis.url(), "worker-2", &seldom).await;
    append(&mut connection, 0, &[event(0)]).await;
    results(&mut connection, 0, 1).await;
    assert_eq!(second.statistic("gauges", "worker.lease.held").await, 0.0);
    first.service.stop().await;
    eventually("the second takes over", async || {
        (second.statistic("gauges", "worker.lease.held").await == 1.0).then_some(())
    })
    .await;
}

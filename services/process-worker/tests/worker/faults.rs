use redis::cmd;
use test_support::{BreakableLink, RedisOptions, RedisServer, Running, eventually};

use crate::{Worker, append, event, pending_count, redis_with_connection, results};

#[tokio::test]
async fn redis_that_is_down_at_the_start_is_waited_for() {
    let mut redis = RedisServer::prepare(RedisOptions::default());
    let directory = tempfile::tempdir().expect("temporary directory");
    let args = <process_worker::config::Args as clap::Parser>::try_parse_from([
        "process-worker".as_ref(),
        "--redis-url".as_ref(),
        redis.url().as_ref(),
        "--cache-path".as_ref(),
        directory.path().join("worker.db").as_os_str(),
    ]);
    let config = args.expect("arguments are valid").convert().expect("configuration is valid");
    let service = Running::start(|listener, shutdown| process_worker::run(config, listener, shutdown)).await;
    let readiness = reqwest::get(service.url("/readyz")).await.expect("answered");
    assert_eq!(readiness.status(), 503);
    redis.restart().await;
    service.ready().await;
    let mut connection = redis.connection().await;
    append(&mut connection, 0, &[event(0)]).await;
    results(&mut connection, 0, 1).await;
}

#[tokio::test]
async fn lost_group_is_created_again_from_the_start() {
    let (redis, mut connection) = redis_with_connection().await;
    let worker = Worker::start(&redis.url(), "worker-1", &[]).await;
    append(&mut connection, 0, &[event(0)]).await;
    results(&mut connection, 0, 1).await;
    cmd("FLUSHALL").exec_async(&mut connection).await.expect("flushed");
    append(&mut connection, 0, &[event(1)]).await;
    assert_eq!(results(&mut connection, 0, 1).await[0].1, [1]);
    worker.counts("worker.events.processed", 2.0).await;
}

#[tokio::test]
async fn results_of_an_entry_that_redis_lost_are_published() {
    let redis = RedisServer::start().await;
    let mut connection = redis.connection().await;
    let link = BreakableLink::start(redis.port()).await;
    let worker = Worker::start(&link.url(), "worker-1", &[]).await;
    link.hold_commands("outcomes");
    append(&mut connection, 0, &[event(0)]).await;
    link.holds().await;
    cmd("FLUSHALL").exec_async(&mut connection).await.expect("flushed");
    link.heal();
    assert_eq!(results(&mut connection, 0, 1).await[0].1, [0]);
    worker.counts("worker.events.processed", 1.0).await;
}

#[tokio::test]
async fn results_are_published_once_when_the_answer_of_the_script_is_lost() {
    let redis = RedisServer::start().await;
    let mut connection = redis.connection().await;
    let link = BreakableLink::start(redis.port()).await;
    let worker = Worker::start(&link.url(), "worker-1", &[]).await;
    append(&mut connection, 0, &[event(0)]).await;
    results(&mut connection, 0, 1).await;
    for sequence in 1..20 {
        append(&mut connection, 0, &[event(sequence)]).await;
        link.cut();
    }
    let mut sequences: Vec<_> =
        results(&mut connection, 0, 20).await.into_iter().flat_map(|(_, s)| s).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..20).collect::<Vec<_>>());
    eventually("nothing is pending", async || (pending_count(&mut connection, 0).await == 0).then_some(()))
        .await;
    worker.service.stop().await;
}

#[tokio::test]
async fn entry_that_another_worker_settled_is_not_published_again() {
    let redis = RedisServer::start().await;
    let mut connection = redis.connection().await;
    let link = BreakableLink::start(redis.port()).await;
    let arguments = ["--claim-idle-ms", "300"];
    let stalled = Worker::start(&link.url(), "stalled", &arguments).await;
    link.hold_commands("outcomes");
    append(&mut connection, 0, &[event(0)]).await;
    link.holds().await;
    // Nor does it keep its claim.
    link.hold_commands("X");
    let other = Worker::start(&redis.url(), "other", &arguments).await;
    results(&mut connection, 0, 1).await;
    assert_eq!(other.received("claimed").await, 1);
    link.heal();
    stalled.counts("worker.entries.superseded", 1.0).await;
    assert_eq!(results(&mut connection, 0, 1).await[0].1, [0]);
    assert_eq!(stalled.statistic("counters", "worker.events.processed").await, 0.0);
}

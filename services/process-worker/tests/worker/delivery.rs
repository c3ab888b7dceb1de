use events::Keys;
use redis::cmd;
use test_support::{RedisOptions, RedisServer, server_programs};

use crate::{Worker, append, event, field, pending_count, range, read_as, redis_with_connection, results};

#[tokio::test]
async fn entry_is_stored_acknowledged_and_published_once() {
    for program in server_programs() {
        let redis = RedisServer::start_with(RedisOptions { program, ..RedisOptions::default() }).await;
        let mut connection = redis.connection().await;
        let worker = Worker::start(&redis.url(), "worker-1", &[]).await;
        let id = append(&mut connection, 0, &[event(0), event(1)]).await;
        assert_eq!(results(&mut connection, 0, 1).await, [(id, vec![0, 1])]);
        assert_eq!(pending_count(&mut connection, 0).await, 0);
        assert_eq!(field(&mut connection, &Keys::new(0).counters, "settled").await.as_deref(), Some("2"));
        worker.counts("worker.events.processed", 2.0).await;
        worker.service.stop().await;
    }
}

#[tokio::test]
async fn every_partition_is_processed() {
    let (redis, mut connection) = redis_with_connection().await;
    let _worker =
        Worker::start(&redis.url(), "worker-1", &["--partitions", "4", "--work-kind", "hash"]).await;
    for partition in 0..4 {
        let id = append(&mut connection, partition, &[event(usize::from(partition))]).await;
        assert_eq!(results(&mut connection, partition, 1).await, [(id, vec![u64::from(partition)])]);
    }
}

#[tokio::test]
async fn own_pending_entries_are_drained_at_the_start() {
    let (redis, mut connection) = redis_with_connection().await;
    let mut ids = Vec::new();
    for sequence in 0..100 {
        ids.push(append(&mut connection, 0, &[event(sequence)]).await);
    }
    read_as(&mut connection, "worker-1").await;
    let worker = Worker::start(&redis.url(), "worker-1", &["--claim-idle-ms", "3600000"]).await;
    let found: Vec<_> = results(&mut connection, 0, 100).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, ids);
    assert_eq!(pending_count(&mut connection, 0).await, 0);
    assert_eq!(worker.received("drained").await, 100);
}

#[tokio::test]
async fn entries_of_a_dead_worker_are_claimed() {
    let (redis, mut connection) = redis_with_connection().await;
    append(&mut connection, 0, &[event(0)]).await;
    read_as(&mut connection, "dead-worker").await;
    let worker = Worker::start(&redis.url(), "worker-1", &["--claim-idle-ms", "200"]).await;
    assert_eq!(results(&mut connection, 0, 1).await[0].1, [0]);
    assert_eq!((worker.received("claimed").await, worker.received("new").await), (1, 0));
}

#[tokio::test]
async fn entries_in_work_are_not_claimed_from_a_slow_worker() {
    let (redis, mut connection) = redis_with_connection().await;
    let slow = ["--claim-idle-ms", "1500", "--work-kind", "hash", "--work-amount", "5000000"];
    let worker = Worker::start(&redis.url(), "slow", &slow).await;
    let other = Worker::start(&redis.url(), "other", &["--claim-idle-ms", "1500"]).await;
    for sequence in 0..4 {
        append(&mut connection, 0, &[event(sequence)]).await;
    }
    results(&mut connection, 0, 4).await;
    assert_eq!((worker.received("claimed").await, other.received("claimed").await), (0, 0));
}

#[tokio::test]
async fn poison_event_goes_alone_to_the_dead_letters() {
    let (redis, mut connection) = redis_with_connection().await;
    let worker = Worker::start(&redis.url(), "worker-1", &[]).await;
    let id = append(&mut connection, 0, &[event(0), "{\"not\":\"an event\"}".to_owned(), event(2)]).await;
    assert_eq!(results(&mut connection, 0, 1).await, [(id, vec![0, 2])]);
    let dead = range(&mut connection, &Keys::new(0).dead).await;
    assert_eq!(dead.len(), 1);
    assert!(dead[0].1.contains(&("position".to_owned(), format!("{id}.1"))), "{dead:?}");
    assert!(dead[0].1.contains(&("event".to_owned(), "{\"not\":\"an event\"}".to_owned())));
    worker.counts("worker.events.processed", 2.0).await;
    worker.counts("worker.events.dead_lettered", 1.0).await;
    assert_eq!(field(&mut connection, &Keys::new(0).counters, "dead").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn entry_of_another_contract_goes_to_the_dead_letters() {
    let (redis, mut connection) = redis_with_connection().await;
    let worker = Worker::start(&redis.url(), "worker-1", &[]).await;
    cmd("XADD")
        .arg(Keys::new(0).events)
        .arg("*")
        .arg("v")
        .arg("9")
        .exec_async(&mut connection)
        .await
        .expect("appended");
    worker.counts("worker.events.dead_lettered", 1.0).await;
    assert_eq!(pending_count(&mut connection, 0).await, 0);
    assert!(range(&mut connection, &Keys::new(0).results).await.is_empty());
}

#[tokio::test]
async fn event_whose_work_fails_is_retried_and_then_dead_lettered() {
    let (redis, mut connection) = redis_with_connection().await;
    let arguments = ["--work-kind", "json", "--deliveries-max", "3", "--retry-delay-ms", "10"];
    let worker = Worker::start(&redis.url(), "worker-1", &arguments).await;
    let deep = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","runid":"r","sequence":"1","data":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let id = append(&mut connection, 0, &[event(0), deep]).await;
    assert_eq!(results(&mut connection, 0, 1).await, [(id, vec![0])]);
    worker.counts("worker.events.retried", 4.0).await;
    assert_eq!((worker.received("new").await, worker.received("retried").await), (1, 2));
    let dead = range(&mut connection, &Keys::new(0).dead).await;
    assert!(dead[0].1.contains(&("deliveries".to_owned(), "3".to_owned())), "{dead:?}");
}

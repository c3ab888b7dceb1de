use events::{EntryId, Keys};
use redis::cmd;
use serde_json::json;
use test_support::{RedisOptions, RedisServer, eventually};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixture::{
    Query, cache_path, config, line, publish, publish_run, redis_with_connection, temporary_directory,
};

#[tokio::test]
async fn redis_that_is_down_at_the_start_is_waited_for() {
    let mut redis = RedisServer::prepare(RedisOptions::default());
    let directory = temporary_directory();
    let query = Query::start(&redis.url(), directory.path(), &[]).await;
    let (status, report) = query.get("/readyz").await;
    assert_eq!((status, &report["conditions"][0]["name"]), (503, &json!("caught-up")));
    redis.restart().await;
    query.service.ready().await;
    publish_run(&mut redis.connection().await, "run", 0..3).await;
    query.audited("run", 3).await;
}

#[tokio::test]
async fn cache_answers_while_redis_is_away() {
    let (mut redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    publish_run(&mut connection, "run", 0..3).await;
    query.audited("run", 3).await;
    redis.kill();
    assert_eq!(query.get("/readyz").await.0, 200);
    assert_eq!(query.answer("/v1/events").await["events"].as_array().map(Vec::len), Some(3));
    let (status, problem) = query.get("/v1/pipeline").await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:testbed:problem:redis-unavailable")));
    let audit = query.answer("/v1/runs/run/audit").await;
    assert_eq!((&audit["events"], &audit["complete"]), (&json!(3), &json!(false)));

    redis.restart().await;
    publish_run(&mut redis.connection().await, "run", 3..5).await;
    query.audited("run", 5).await;
    assert_eq!(query.get("/v1/pipeline").await.0, 200);
    query.counts("counters", "redis.reconnects", 1.0).await;
}

#[tokio::test]
async fn loss_of_all_redis_data_is_noticed() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    publish_run(&mut connection, "before", 0..20).await;
    query.audited("before", 20).await;
    query.counts("gauges", "query.caught_up", 1.0).await;
    cmd("FLUSHALL").exec_async(&mut connection).await.expect("flushed");
    publish_run(&mut connection, "after", 0..5).await;
    let audit = query.audited("after", 5).await;
    assert_eq!((&audit["ranges"], &audit["duplicates_total"]), (&json!([[0, 4]]), &json!(0)));
    // Everything before had been taken in: nothing is missing.
    for (runid, events) in [("before", 20), ("after", 5)] {
        query.completed(runid, events).await;
    }
    let state = query.answer("/v1/pipeline").await;
    assert_eq!((&state["partitions"][0]["gap"], &state["caught_up"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn data_lost_while_the_service_was_away_may_be_missing() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    publish_run(&mut connection, "before", 0..20).await;
    query.audited("before", 20).await;
    query.service.stop().await;
    cmd("FLUSHALL").exec_async(&mut connection).await.expect("flushed");

    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let audit = eventually("the loss is noticed", async || {
        let audit = query.answer("/v1/runs/before/audit").await;
        (audit["complete"] == false).then_some(audit)
    })
    .await;
    assert_eq!(audit["events"], 20);
    assert!(audit["reason"].as_str().expect("a reason").contains("were gone"), "{audit}");
    // A run that began later is not affected.
    publish_run(&mut connection, "after", 0..5).await;
    query.completed("after", 5).await;
}

#[tokio::test]
async fn trimmed_results_are_a_gap() {
    let (redis, mut connection) = redis_with_connection().await;
    publish_run(&mut connection, "run", 0..20).await;
    let trim = |count: usize| cmd("XTRIM").arg(Keys::new(0).results).arg("MAXLEN").arg(count).to_owned();
    trim(5).exec_async(&mut connection).await.expect("trimmed");
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let audit = query.audited("run", 5).await;
    assert_eq!((&audit["ranges"], &audit["complete"]), (&json!([[15, 19]]), &json!(false)), "{audit}");
    assert_eq!(query.answer("/v1/pipeline").await["partitions"][0]["gap"], true);
    publish_run(&mut connection, "later", 0..5).await;
    query.completed("later", 5).await;
    query.service.stop().await;

    // What was followed may be trimmed; the gap from before is remembered.
    trim(0).exec_async(&mut connection).await.expect("trimmed");
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    assert_eq!(query.answer("/v1/runs/later/audit").await["complete"], true);
    assert_eq!(query.answer("/v1/runs/run/audit").await["complete"], false);
}

#[tokio::test]
async fn entry_of_another_contract_is_a_gap() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let id = EntryId::new(1_772_366_400_000, 0);
    publish(&mut connection, 0, id, &[line("/s", "t", "run", 0)]).await;
    cmd("XADD")
        .arg(Keys::new(0).results)
        .arg(&["*", "v", "9"])
        .exec_async(&mut connection)
        .await
        .expect("added");
    publish(&mut connection, 0, id.next(), &[line("/s", "t", "run", 1)]).await;
    let audit = query.audited("run", 2).await;
    assert_eq!((&audit["ranges"], &audit["complete"]), (&json!([[0, 1]]), &json!(false)));
}

#[tokio::test]
async fn corrupt_cache_is_built_again() {
    let (redis, mut connection) = redis_with_connection().await;
    publish_run(&mut connection, "run", 0..10).await;
    let directory = temporary_directory();
    std::fs::write(cache_path(directory.path()), [9; 10_000]).expect("written");
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    assert_eq!(query.answer("/v1/runs/run/audit").await["events"], 10);
}

#[tokio::test]
async fn cache_that_turns_out_to_be_damaged_is_deleted_and_the_service_ends() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let id = EntryId::new(1_772_366_400_000, 0);
    publish(&mut connection, 0, id, &[line("/s", "t", "run", 0)]).await;
    query.audited("run", 1).await;
    query.service.stop().await;

    // The table of entries is the only one that has the id on a page of the kind "leaf of an index".
    let path = cache_path(directory.path());
    let mut bytes = std::fs::read(&path).expect("readable");
    let id_bytes = &id.ms.to_be_bytes()[2..];
    let is_entries = |page: &&mut [u8]| page[0] == 0x0a && page.windows(6).any(|bytes| bytes == id_bytes);
    bytes.chunks_mut(4096).find(is_entries).expect("a page of entries").fill(0xee);
    std::fs::write(&path, bytes).expect("writable");

    publish(&mut connection, 0, id.next(), &[line("/s", "t", "run", 1)]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
    let config = config(&redis.url(), directory.path(), &[]);
    let error = query_api::run(config, listener, CancellationToken::new()).await.expect_err("damaged");
    assert!(format!("{error:#}").contains("the next start builds it again"), "{error:#}");
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    assert_eq!(query.answer("/v1/runs/run/audit").await["events"], 2);
}

use std::collections::BTreeSet;

use events::{EntryId, Keys};
use redis::cmd;
use serde_json::json;
use test_support::{RedisOptions, RedisServer, eventually, server_programs};

use crate::fixture::{Query, line, publish, publish_run, redis_with_connection, temporary_directory};

#[tokio::test]
async fn published_events_become_queryable() {
    for program in server_programs() {
        let redis = RedisServer::start_with(RedisOptions { program, ..RedisOptions::default() }).await;
        let mut connection = redis.connection().await;
        let directory = temporary_directory();
        let query = Query::ready(&redis.url(), directory.path(), &[]).await;
        let lines = [line("/s", "t", "run", 0), String::new(), line("/s", "t", "run", 2)];
        let id = EntryId::new(1_772_366_400_000, 7);
        publish(&mut connection, 0, id, &lines).await;
        let audit = query.completed("run", 2).await;
        assert_eq!(audit["ranges"], json!([[0, 0], [2, 2]]), "{audit}");
        let row = query.answer(&format!("/v1/events/{id}.2")).await;
        assert_eq!(row["event"]["sequence"], "2");
        query.counts("counters", "query.entries.followed", 1.0).await;
        let statistics = query.answer("/statz").await;
        assert_eq!(statistics["counters"]["query.entries.followed"]["total"], 1);
        assert_eq!(statistics["counters"]["query.events.stored"]["total"], 2);
        assert_eq!(statistics["histograms"]["query.freshness"]["count"], 1);
        query.service.stop().await;
    }
}

#[tokio::test]
async fn service_is_ready_once_it_has_what_was_there() {
    let (redis, mut connection) = redis_with_connection().await;
    publish_run(&mut connection, "run", 0..1500).await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let audit = query.answer("/v1/runs/run/audit").await;
    assert_eq!((&audit["events"], &audit["complete"]), (&json!(1500), &json!(true)), "{audit}");
    let pipeline = query.answer("/v1/pipeline").await;
    assert_eq!((&pipeline["ready"], &pipeline["caught_up"]), (&json!(true), &json!(true)));
    assert_eq!(pipeline["partitions"][0]["cache_position"], pipeline["partitions"][0]["results_last"]);
    assert_eq!(pipeline["cache"]["rows"], 1500);
}

#[tokio::test]
async fn restart_goes_on_where_the_cache_ends() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    publish_run(&mut connection, "run", 0..100).await;
    query.audited("run", 100).await;
    query.service.stop().await;

    publish_run(&mut connection, "run", 100..130).await;
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let audit = query.answer("/v1/runs/run/audit").await;
    assert_eq!((&audit["ranges"], &audit["duplicates_total"]), (&json!([[0, 129]]), &json!(0)));
    query.counts("counters", "query.entries.followed", 30.0).await;
}

#[tokio::test]
async fn every_partition_is_followed() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &["--partitions", "4"]).await;
    // The same entry id in each: positions of partitions differ.
    let id = EntryId::new(1_772_366_400_000, 0);
    for partition in 0..4_u8 {
        let lines = [line(&format!("/s/{partition}"), "t", "run", usize::from(partition))];
        publish(&mut connection, partition, id, &lines).await;
    }
    assert_eq!(query.completed("run", 4).await["ranges"], json!([[0, 3]]));
    let page = query.answer("/v1/events?order=asc").await;
    let positions: BTreeSet<_> =
        page["events"].as_array().expect("a list").iter().map(|row| row["position"].to_string()).collect();
    assert_eq!(positions.len(), 4);
    for partition in 0..4 {
        let state = &query.answer("/v1/pipeline").await["partitions"][partition];
        assert_eq!((&state["partition"], &state["results_behind"]), (&json!(partition), &json!(0)));
        let followers = Keys::new(partition as u8).followers;
        let report = eventually("the position is registered", async || {
            let report: String =
                cmd("HGET").arg(&followers).arg("query-1").query_async(&mut connection.clone()).await.ok()?;
            (!report.starts_with("0-0 ")).then_some(report)
        })
        .await;
        let (position, at_ms) = report.split_once(' ').expect("two parts");
        assert_eq!(json!(position), state["cache_position"]);
        let age_ms = service::clock::unix_us() / 1000 - at_ms.parse::<i64>().expect("a number");
        assert!((0..60_000).contains(&age_ms), "{report}");
    }
}

#[tokio::test]
async fn entry_that_is_published_twice_is_stored_once() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let id = EntryId::new(1_772_366_400_000, 0);
    for _ in 0..2 {
        publish(&mut connection, 0, id, &[line("/s", "t", "run", 0)]).await;
    }
    publish(&mut connection, 0, id.next(), &[line("/s", "t", "run", 1)]).await;
    let audit = query.audited("run", 2).await;
    assert_eq!((&audit["events"], &audit["duplicates_total"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn pipeline_shows_what_is_on_its_way() {
    let (redis, mut connection) = redis_with_connection().await;
    let directory = temporary_directory();
    let query = Query::ready(&redis.url(), directory.path(), &[]).await;
    let keys = Keys::new(0);
    let empty = query.answer("/v1/pipeline").await;
    assert_eq!(empty["partitions"][0]["results_last"], json!(null));
    for (command, arguments) in [
        ("XADD", vec![keys.events.as_str(), "*", "v", "1"]),
        ("XGROUP", vec!["CREATE", &keys.events, events::GROUP, "0"]),
        ("XREADGROUP", vec!["GROUP", events::GROUP, "worker-0", "STREAMS", &keys.events, ">"]),
        ("HSET", vec![&keys.counters, "accepted", "10", "settled", "7", "dead", "1"]),
    ] {
        cmd(command).arg(&arguments).exec_async(&mut connection).await.expect(command);
    }
    let state = query.answer("/v1/pipeline").await["partitions"][0].take();
    let expected = json!({"accepted": 10, "settled": 7, "backlog": 3, "pending": 1, "dead": 1, "gap": false});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&state[name], value, "{name}");
    }
    assert!(state["oldest_pending_ms"].as_u64().expect("a number") < 60_000);
    let audit = query.answer("/v1/runs/run/audit").await;
    assert_eq!(
        (&audit["complete"], &audit["reason"]),
        (&json!(false), &json!("3 accepted events are not settled yet"))
    );
}

use events::Keys;

use crate::harness::{Options, Pipeline, redis_that_is_down, stream_grows};

const LOAD: [&str; 4] = ["--rate", "500", "--duration", "3s"];

#[tokio::test]
async fn redis_killed_under_load_comes_back_with_its_append_only_file() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    let load = pipeline.begin_load("redis-killed", &LOAD);
    stream_grows(&mut pipeline.connection().await, &Keys::new(0).events, 100).await;
    pipeline.redis.kill();
    pipeline.redis.restart().await;
    let run = load.finish().await;
    let verdict = pipeline.audit_holds(&run).await;
    assert!(verdict.accepted > 500, "the load goes on after the restart: {verdict:?}");
}

#[tokio::test]
async fn redis_that_loses_all_its_data_costs_nothing_that_was_processed() {
    let pipeline = Pipeline::start(Options::default()).await;
    let before = pipeline.load("before-loss", &LOAD).await;
    pipeline.audit_holds(&before).await;
    let mut connection = pipeline.connection().await;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("flushed");
    let after = pipeline.load("after-loss", &LOAD).await;
    assert_eq!(pipeline.audit_holds(&after).await.queryable, 1500);
    assert_eq!(pipeline.audit_holds(&before).await.queryable, 1500);
}

#[tokio::test]
async fn redis_that_is_down_at_the_start_is_waited_for() {
    let mut pipeline = Pipeline::start_with(redis_that_is_down(), Options::default()).await;
    let early = pipeline.load("early", &["--rate", "50", "--duration", "1s"]).await;
    assert_eq!((early.ledger.first.accepted.len(), early.ledger.first.refused.len()), (0, 50));
    pipeline.redis.restart().await;
    let pipeline = pipeline.ready().await;
    let run = pipeline.load("later", &LOAD).await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
    assert_eq!(pipeline.audit_holds(&early).await.queryable, 0);
}

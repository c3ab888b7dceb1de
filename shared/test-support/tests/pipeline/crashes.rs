use events::Keys;
use test_support::{BreakableLink, RedisServer};

use crate::harness::{Options, Pipeline, counter, stream_grows};

const LOAD: [&str; 4] = ["--rate", "500", "--duration", "3s"];

#[tokio::test]
async fn worker_killed_between_commit_and_acknowledgement() {
    let redis = RedisServer::start().await;
    let link = BreakableLink::start(redis.port()).await;
    let options = Options { worker_redis: Some(link.url()), ..Options::default() };
    let mut pipeline = Pipeline::start_with(redis, options).await.ready().await;
    let load = pipeline.begin_load("worker-killed", &LOAD);
    stream_grows(&mut pipeline.connection().await, &Keys::new(0).results, 5).await;
    link.hold_commands("outcomes");
    link.holds().await;
    pipeline.worker.kill();
    link.heal();
    pipeline.worker.restart();
    let run = load.finish().await;
    let verdict = pipeline.audit_holds(&run).await;
    assert_eq!(verdict.queryable, 1500);
    assert!(
        counter(&pipeline.worker, "worker.events.duplicate").await > 0,
        "what was delivered again had been committed"
    );
}

#[tokio::test]
async fn ingest_killed_between_write_and_answer() {
    let redis = RedisServer::start().await;
    let link = BreakableLink::start(redis.port()).await;
    let options = Options { ingest_redis: Some(link.url()), ..Options::default() };
    let mut pipeline = Pipeline::start_with(redis, options).await.ready().await;
    let load = pipeline.begin_load("ingest-killed", &LOAD);
    stream_grows(&mut pipeline.connection().await, &Keys::new(0).events, 20).await;
    link.hold_replies_to("XADD");
    link.holds().await;
    pipeline.ingest.kill();
    link.heal();
    pipeline.ingest.restart();
    let run = load.finish().await;
    let verdict = pipeline.audit_holds(&run).await;
    assert!(verdict.unknown > 0 && verdict.unknown_present > 0, "{verdict:?}");
}

#[tokio::test]
async fn query_service_killed_goes_on_where_its_cache_ends() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    let load = pipeline.begin_load("query-killed", &LOAD);
    stream_grows(&mut pipeline.connection().await, &Keys::new(0).results, 20).await;
    pipeline.query.restart();
    let run = load.finish().await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
}

#[tokio::test]
async fn query_service_without_its_cache_rebuilds_it() {
    let mut pipeline = Pipeline::start(Options::default()).await;
    let run = pipeline.load("cache-lost", &LOAD).await;
    pipeline.audit_holds(&run).await;
    pipeline.query.kill();
    for suffix in ["", "-wal", "-shm"] {
        // Not all of them are always there.
        drop(std::fs::remove_file(pipeline.path(&format!("query.db{suffix}"))));
    }
    pipeline.query.restart();
    pipeline.query.ready().await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1500);
}

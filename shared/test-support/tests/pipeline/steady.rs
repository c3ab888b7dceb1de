use events::Keys;
use test_support::{RedisOptions, RedisServer, ServiceProcess, server_programs};

use crate::harness::{Options, Pipeline};

#[tokio::test]
async fn every_event_can_be_queried_once() {
    for program in server_programs() {
        let redis = RedisServer::start_with(RedisOptions { program, ..RedisOptions::default() }).await;
        let pipeline = Pipeline::start_with(redis, Options::default()).await.ready().await;
        let single =
            pipeline.load("single", &["--rate", "300", "--duration", "2s", "--arrivals", "poisson"]).await;
        let batched =
            pipeline.load("batched", &["--rate", "3000", "--duration", "2s", "--batch", "50"]).await;
        let verdict = pipeline.audit_holds(&single).await;
        assert_eq!((verdict.accepted, verdict.refused, verdict.unknown), (verdict.sent, 0, 0));
        assert_eq!(pipeline.audit_holds(&batched).await.queryable, 6000);
    }
}

#[tokio::test]
async fn four_partitions_lose_nothing() {
    let four = ["--partitions", "4"];
    let pipeline =
        Pipeline::start(Options { ingest: &four, worker: &four, query: &four, ..Options::default() }).await;
    let run = pipeline
        .load("four", &["--rate", "2000", "--duration", "2s", "--batch", "20", "--sources", "200"])
        .await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 4000);
    let mut connection = pipeline.connection().await;
    for keys in Keys::all(4) {
        let length: u64 =
            redis::cmd("XLEN").arg(&keys.events).query_async(&mut connection).await.expect("a stream");
        assert!(length > 0, "{} is used", keys.events);
    }
}

#[tokio::test]
async fn query_service_can_read_the_workers_file() {
    let redis = RedisServer::start().await;
    let mut pipeline = Pipeline::start_with(redis, Options::default()).await;
    let cache = pipeline.path("worker.db");
    let arguments = ["--redis-url", &pipeline.redis.url(), "--cache-path", &cache, "--cache-follow", "off"];
    pipeline.query = ServiceProcess::start("query-api", &arguments);
    let pipeline = pipeline.ready().await;
    let run = pipeline.load("shared-file", &["--rate", "500", "--duration", "2s"]).await;
    assert_eq!(pipeline.audit_holds(&run).await.queryable, 1000);
}

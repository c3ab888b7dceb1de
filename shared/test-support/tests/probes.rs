//! Probes of the simulator through the real services.

use std::time::{Duration, Instant};

use clap::Parser as _;
use observability::metrics::Registry;
use simulator::arrival::{Arrival, Content, Kind};
use simulator::config::{ProbesConfig, RunArgs};
use simulator::probes::{DEADLINE, start};
use test_support::{RedisServer, ServiceProcess, eventually};
use tokio_util::sync::CancellationToken;

const STALL: Duration = Duration::from_millis(500);

#[tokio::test]
async fn probes_measure_how_long_events_take_through_the_pipeline() {
    let redis = RedisServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (url, worker_cache, query_cache) = (redis.url(), path("worker.db"), path("query.db"));
    let ingest = ServiceProcess::start("ingest-api", &["--redis-url", &url]);
    let worker =
        ServiceProcess::start("process-worker", &["--redis-url", &url, "--cache-path", &worker_cache]);
    let query = ServiceProcess::start("query-api", &["--redis-url", &url, "--cache-path", &query_cache]);
    for service in [&ingest, &worker, &query] {
        service.ready().await;
    }
    let config = ProbesConfig { query_url: query.url(""), per_second: 10.0, auth: None };
    let plan = RunArgs::try_parse_from(["run", "--warm-up", "1s"]).unwrap().convert().unwrap().plan;
    let (sender, prober) = start(&config, &plan, DEADLINE, &Registry::new()).unwrap();
    let found = prober.view();
    let send = async |phase, number| {
        let sent = Instant::now();
        let body = accepted(&ingest, number).await;
        sender.offer_accepted(&arrival(phase), &body, sent, sent, Instant::now());
    };

    for number in 0..20 {
        send(0, number).await;
        eventually("it is found", async || (found.look(|so_far| so_far.seen) > number).then_some(())).await;
    }
    worker.signal("STOP");
    let stopped = Instant::now();
    send(1, 20).await;
    eventually("the stall is over", async || (stopped.elapsed() > STALL).then_some(())).await;
    worker.signal("CONT");

    let tallies = prober.finish(&CancellationToken::new()).await;
    assert_eq!((tallies[0].probes, tallies[0].seen, tallies[0].accepted_to_queryable.count()), (20, 20, 20));
    assert_eq!((tallies[1].probes, tallies[1].seen), (1, 1));
    let (quick, stalled) =
        (tallies[0].accepted_to_queryable.quantile(0.5), tallies[1].accepted_to_queryable.quantile(1.0));
    assert!(quick < STALL / 2, "{quick:?}");
    assert!(stalled > STALL / 2, "{stalled:?}");
}

/// The answer of ingest-api that accepted an event.
async fn accepted(ingest: &ServiceProcess, number: u64) -> Vec<u8> {
    let event = format!(
        r#"{{"specversion":"1.0","id":"{number}","source":"/probe","type":"t","data":{{"value":{number}}}}}"#
    );
    let request = reqwest::Client::new()
        .post(ingest.url("/v1/events"))
        .header("content-type", "application/cloudevents+json")
        .body(event);
    let answer = request.send().await.expect("ingest answers");
    assert_eq!(answer.status(), 202);
    answer.bytes().await.expect("a body").to_vec()
}

fn arrival(phase: u16) -> Arrival {
    let content = Content { index: 0, offset: Duration::ZERO, first: 0, events: 1, record: 0 };
    Arrival { index: 0, offset: Duration::ZERO, phase, kind: Kind::New, content }
}

use std::time::{Duration, Instant};

use service::clock::unix_us;
use simulator::RunError;
use simulator::plan::{Plan, Shard};
use simulator::shards::{JoinOptions, LocalClock, join};
use test_support::{RedisServer, eventually};
use tokio_util::sync::CancellationToken;

use crate::harness::{begin, impatient, join_all, patient, plan, refusal, watchful};

#[tokio::test]
async fn shards_with_different_clocks_start_at_the_same_moment() {
    let server = RedisServer::start().await;
    let ahead_us = [0, 3_000_000, -7_200_000_000, 1_234];
    let clocks = ahead_us.map(|by| LocalClock::showing(unix_us() + by));
    let shards: Vec<_> = (0..4)
        .map(|index| {
            begin(
                &server.config(),
                plan(index, 4),
                JoinOptions { clock: clocks[index as usize], ..patient() },
            )
        })
        .collect();
    let mut joined = Vec::new();
    for shard in shards {
        joined.push(shard.await.unwrap().unwrap());
    }
    assert!(joined[0].start > Instant::now(), "shards have time to prepare");
    let now_us = unix_us();
    for (shard, clock) in joined.iter().zip(clocks) {
        let earlier_us = clock.now_us() - clocks[0].now_us();
        let coordinator_us = clocks[0].now_us();
        let later_us = clock.now_us() - coordinator_us;
        let report = shard.clock();
        let said = report.coordinator;
        let is_within = |us: i64| (us as f64 - said.offset_us).abs() <= said.uncertainty_us + 2.0;
        assert!(is_within(earlier_us) || is_within(later_us), "{earlier_us} to {later_us}: {said:?}");
        assert!(said.uncertainty_us < 100_000.0, "{said:?}");

        assert_eq!(shard.start_unix_us, joined[0].start_unix_us);
        assert!((0..10_000_000).contains(&(shard.start_unix_us - now_us)), "{}", shard.start_unix_us);
        let apart = shard.start.max(joined[0].start) - shard.start.min(joined[0].start);
        assert!(apart.as_secs_f64() * 1e6 <= said.uncertainty_us + 2.0, "{apart:?} apart: {said:?}");
    }
    assert!(joined[0].is_coordinator() && !joined[1].is_coordinator());
    assert_eq!(joined[0].clock().coordinator.offset_us.round() as i64 / 100_000, 0);
}

#[tokio::test]
async fn clock_is_measured_again_at_the_end() {
    let server = RedisServer::start().await;
    let mut shard = join_all(&server.config(), 1, &patient()).await.remove(0);
    assert_eq!((shard.clock().redis_after, shard.clock().drift), (None, None));
    let report = shard.measure_end().await;
    let drift = report.drift.unwrap();
    assert!(drift.offset_us.abs() <= drift.uncertainty_us, "one machine has one clock: {drift:?}");
}

#[tokio::test]
async fn missing_shards_are_named_to_all_that_came() {
    let server = RedisServer::start().await;
    let shards = [0, 3].map(|index| begin(&server.config(), plan(index, 5), impatient()));
    for shard in shards {
        let error = shard.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), "shards-missing");
        let message = error.to_string();
        assert!(
            message.starts_with("waited 0.3 s for shards 1, 2") && message.contains("4 of 5"),
            "{message}"
        );
        assert!(message.contains("--start-timeout"), "{message}");
    }
    let shards = join_all(&server.config(), 2, &patient()).await;
    assert_eq!(shards.len(), 2, "a run that never started leaves its id free");
}

#[tokio::test]
async fn living_process_keeps_its_number() {
    let server = RedisServer::start().await;
    let first = begin(&server.config(), plan(1, 2), patient());
    member_is_there(&server, 1).await;
    let message = refusal(&server.config(), plan(1, 2), patient()).await;
    assert!(message.starts_with("shard 1 of run run-1 is taken by host-1; give each process"), "{message}");
    let coordinator = begin(&server.config(), plan(0, 2), patient());
    coordinator.await.unwrap().unwrap();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn place_of_a_dead_process_is_free_again() {
    let server = RedisServer::start().await;
    let dead = begin(&server.config(), plan(1, 2), watchful());
    member_is_there(&server, 1).await;
    dead.abort();
    drop(dead.await);
    join_all(&server.config(), 2, &watchful()).await;
}

#[tokio::test]
async fn run_does_not_start_with_a_dead_shard() {
    let server = RedisServer::start().await;
    let dead = begin(&server.config(), plan(1, 2), watchful());
    member_is_there(&server, 1).await;
    dead.abort();
    drop(dead.await);
    // It dies too lately to be missed at once.
    let options = JoinOptions { start_timeout: Duration::from_millis(600), ..patient() };
    let message = refusal(&server.config(), plan(0, 2), options).await;
    assert!(message.starts_with("waited 0.6 s for shard 1 of 2,"), "{message}");
    silent_for(&server, 1, watchful().lost_after).await;
    let options = JoinOptions { start_timeout: Duration::from_millis(300), ..watchful() };
    let message = refusal(&server.config(), plan(0, 2), options).await;
    assert!(message.starts_with("waited 0.3 s for shard 1 of 2, here: 0 on host-0;"), "{message}");
}

#[tokio::test]
async fn stopped_shard_leaves_its_place() {
    let server = RedisServer::start().await;
    let (config, shutdown) = (server.config(), CancellationToken::new());
    let stop = shutdown.clone();
    let shard = tokio::spawn(async move { join(&config, &plan(1, 2), "host-1", patient(), &stop).await });
    member_is_there(&server, 1).await;
    shutdown.cancel();
    assert!(matches!(shard.await.unwrap(), Err(RunError::StoppedEarly)));
    assert!(!is_member(&server, 1).await);
}

#[tokio::test]
async fn shards_with_another_plan_are_refused() {
    let server = RedisServer::start().await;
    let first = begin(&server.config(), plan(0, 2), patient());
    member_is_there(&server, 0).await;
    let other_seed = Plan { seed: 8, ..plan(1, 2) };
    let message = refusal(&server.config(), other_seed, patient()).await;
    assert!(message.starts_with("shard 0 on host-0 has another plan; all shards of run run-1"), "{message}");
    let other_count = Plan { shard: Shard { index: 1, count: 3 }, ..plan(1, 2) };
    let message = refusal(&server.config(), other_count, patient()).await;
    assert!(message.starts_with("shard 0 on host-0 has --shards 2, this one 3;"), "{message}");
    begin(&server.config(), plan(1, 2), patient()).await.unwrap().unwrap();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn run_id_cannot_be_used_twice() {
    let server = RedisServer::start().await;
    drop(join_all(&server.config(), 2, &patient()).await);
    let message = refusal(&server.config(), plan(1, 2), patient()).await;
    assert_eq!(message, "run run-1 has been started already, choose another run id");
}

#[tokio::test]
async fn redis_that_is_not_there_is_named() {
    let server = RedisServer::prepare(test_support::RedisOptions::default());
    let error = begin(&server.config(), plan(0, 2), impatient()).await.expect("redis answers").unwrap_err();
    assert_eq!(error.kind(), "shards-redis");
    let address = format!("127.0.0.1:{}", server.port());
    assert!(error.to_string().contains(&address), "{error}");
}

async fn is_member(server: &RedisServer, shard: u32) -> bool {
    let mut connection = server.connection().await;
    let key = "testbed:run:{run-1}:shards:members";
    redis::cmd("HEXISTS").arg(key).arg(shard).query_async(&mut connection).await.expect("redis answers")
}

async fn member_is_there(server: &RedisServer, shard: u32) {
    let what = format!("shard {shard} is there");
    eventually(&what, async || is_member(server, shard).await.then_some(())).await;
}

async fn silent_for(server: &RedisServer, shard: u32, longer_than: Duration) {
    let mut connection = server.connection().await;
    let key = "testbed:run:{run-1}:shards:beats";
    let beat: i64 =
        redis::cmd("HGET").arg(key).arg(shard).query_async(&mut connection).await.expect("redis answers");
    eventually("the shard is silent", async || {
        (unix_us() - beat > longer_than.as_micros() as i64).then_some(())
    })
    .await;
}

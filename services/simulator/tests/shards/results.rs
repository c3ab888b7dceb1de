use std::fs;
use std::path::Path;
use std::time::Duration;

use simulator::RunError;
use simulator::shards::{Joined, ShardState, ShardsError, collect};
use tempfile::TempDir;
use test_support::{RedisServer, eventually};
use tokio_util::sync::CancellationToken;

use crate::harness::{join_all, patient, watchful};

const WAIT_MAX: Duration = Duration::from_secs(30);

#[tokio::test]
async fn results_of_all_shards_are_collected_whole() {
    let server = RedisServer::start().await;
    let shards = join_all(&server.config(), 2, &patient()).await;
    // Longer than two chunks.
    let large: Vec<u8> = (0..16 * 1024 * 1024 + 1).map(|at: u32| (at % 251) as u8).collect();
    for (shard, joined) in shards.iter().enumerate() {
        publish(
            joined,
            &[("result.json", format!("result {shard}").as_bytes()), ("empty", b""), ("log", &large)],
        )
        .await;
    }
    let into = tempfile::tempdir().unwrap();
    let collected = collect(&server.config(), "run-1", into.path()).await.unwrap();
    assert_eq!(collected.directory, into.path().join("run-1"));
    assert_eq!(collected.report.in_state(ShardState::Done), [0, 1]);
    for shard in 0..2 {
        let directory = collected.directory.join(format!("shard-{shard}-of-2"));
        assert_eq!(fs::read_to_string(directory.join("result.json")).unwrap(), format!("result {shard}"));
        assert_eq!(fs::read(directory.join("empty")).unwrap(), b"");
        assert!(fs::read(directory.join("log")).unwrap() == large, "not the same bytes");
    }
    assert_eq!(names_in(into.path()), ["run-1"]);
    let again = collect(&server.config(), "run-1", into.path()).await.unwrap_err();
    assert!(matches!(again, RunError::ResultsExist { .. }), "{again}");
}

#[tokio::test]
async fn damaged_results_are_not_collected_at_all() {
    let server = RedisServer::start().await;
    let shards = join_all(&server.config(), 2, &patient()).await;
    for joined in &shards {
        publish(joined, &[("result.json", b"result")]).await;
    }
    let mut connection = server.connection().await;
    let key = "testbed:run:{run-1}:shards:files:1:result.json:0";
    let deleted: u64 = redis::cmd("DEL").arg(key).query_async(&mut connection).await.unwrap();
    assert_eq!(deleted, 1);
    let into = tempfile::tempdir().unwrap();
    let error = collect(&server.config(), "run-1", into.path()).await.unwrap_err();
    assert!(error.to_string().starts_with("result.json of shard 1 is not whole"), "{error}");
    assert!(names_in(into.path()).is_empty());
}

#[tokio::test]
async fn unknown_run_is_said_to_be_unknown() {
    let server = RedisServer::start().await;
    let into = tempfile::tempdir().unwrap();
    let error = collect(&server.config(), "run-1", into.path()).await.unwrap_err();
    assert!(matches!(error, RunError::Shards(ShardsError::UnknownRun { .. })), "{error}");
}

#[tokio::test]
async fn everything_expires() {
    let server = RedisServer::start().await;
    let shards = join_all(&server.config(), 1, &patient()).await;
    publish(&shards[0], &[("result.json", b"result")]).await;
    let mut connection = server.connection().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 5, "{keys:?}");
    for key in keys {
        let ttl_s: i64 = redis::cmd("TTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!((86_000..=86_400).contains(&ttl_s), "{key}: {ttl_s}");
    }
}

#[tokio::test]
async fn coordinator_tells_finished_running_and_lost_shards_apart() {
    let server = RedisServer::start().await;
    let mut shards = join_all(&server.config(), 4, &watchful()).await;
    let (dead, running) = (shards.remove(3), shards.remove(2));
    drop(dead);
    shards[1].measure_end().await;
    publish(&shards[1], &[("result.json", b"result")]).await;
    shards[0].measure_end().await;
    let wait_max = watchful().lost_after * 2;
    let report = shards[0].others(wait_max, &CancellationToken::new()).await;
    assert_eq!(report.count, 4);
    assert_eq!(report.in_state(ShardState::Done), [0, 1]);
    assert_eq!(report.in_state(ShardState::Running), [2]);
    assert_eq!(report.in_state(ShardState::Lost), [3]);
    assert_eq!(report.shards[3].instance.as_deref(), Some("host-3"));
    assert!(report.shards[3].silent_s.unwrap() > watchful().lost_after.as_secs_f64());
    assert_eq!(report.shards[1].clock.as_ref(), Some(shards[1].clock()));
    assert_eq!(report.shards[2].clock, None);
    drop(running);
}

#[tokio::test]
async fn coordinator_waits_for_slower_shards_and_no_longer() {
    let server = RedisServer::start().await;
    let shards = join_all(&server.config(), 2, &watchful()).await;
    let shutdown = CancellationToken::new();
    let (report, ()) = tokio::join!(shards[0].others(WAIT_MAX, &shutdown), async {
        // Long enough to be taken for lost, were it silent.
        tokio::time::sleep(watchful().lost_after * 2).await;
        publish(&shards[1], &[("result.json", b"result")]).await;
    });
    assert_eq!(report.in_state(ShardState::Done), [0, 1]);
}

#[tokio::test]
async fn shard_without_redis_goes_on_and_says_so() {
    let mut server = RedisServer::start().await;
    let mut shards = join_all(&server.config(), 2, &watchful()).await;
    server.kill();
    eventually("beats are missed", async || (shards[0].missed_beats() > 0).then_some(())).await;
    let report = shards[0].measure_end().await;
    assert!(report.redis_after.is_none() && report.missing_because.is_some(), "{report:?}");
    let report = shards[0].others(Duration::ZERO, &CancellationToken::new()).await;
    assert_eq!(report.in_state(ShardState::Unknown), [1]);
    assert!(report.redis_error.is_some());
    let results = results(&[("result.json", b"result")]);
    let error = shards[0].publish(results.path()).await.unwrap_err();
    assert_eq!(error.kind(), "shards-redis");

    server.restart().await;
    shards[0].measure_end().await;
    for joined in &shards {
        joined.publish(results.path()).await.unwrap();
    }
    let report = shards[0].others(WAIT_MAX, &CancellationToken::new()).await;
    assert_eq!(report.in_state(ShardState::Done), [0, 1]);
    assert!(report.shards[0].missed_beats > Some(0), "{report:?}");
    assert!(shards[0].clock().missing_because.is_none(), "measured after all");
}

#[tokio::test]
async fn shards_are_not_lost_because_redis_was_away() {
    let mut server = RedisServer::start().await;
    let shards = join_all(&server.config(), 2, &watchful()).await;
    server.kill();
    // Both beats are older than allowed when the server is back.
    tokio::time::sleep(watchful().lost_after * 2).await;
    server.restart().await;
    let report = shards[0].others(Duration::ZERO, &CancellationToken::new()).await;
    assert_eq!(report.in_state(ShardState::Running), [1], "{report:?}");
}

fn results(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().expect("it works");
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("it works");
    }
    directory
}

async fn publish(joined: &Joined, files: &[(&str, &[u8])]) {
    joined.publish(results(files).path()).await.expect("it works");
}

fn names_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory)
        .expect("it works")
        .map(|entry| entry.expect("it works").file_name().into_string().expect("it works"));
    names.collect()
}

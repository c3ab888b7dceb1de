//! Supervision on a real redis-server and on shell scripts in place of services: dying, hanging, stopping.

use super::plan::tests::plan;
use super::programs::Programs;
use super::*;
use std::path::{Path, PathBuf};

/// The scripts in `tests/programs`, which are kept as files: one that a test had just written could still be open
/// for writing in a process that another test is starting, and would then not be executable.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

fn programs(service: &str, query: &str) -> Programs {
    Programs {
        ingest_api: script(service),
        process_worker: script(service),
        query_api: script(query),
        simulator: script(service),
    }
}

fn stack(plan: Plan, parent: &Path) -> Stack {
    Stack::new(plan, Directory::open(parent).unwrap()).unwrap()
}

async fn stop(stack: &mut Stack) -> (bool, String) {
    let mut said = String::new();
    let is_clean = stack.stop(|line| said.push_str(line)).await;
    (is_clean, said)
}

#[tokio::test]
async fn service_that_dies_at_start_is_named_with_its_status_and_last_words() {
    let parent = tempfile::tempdir().unwrap();
    let mut stack = stack(plan(programs("waits", "dies"), 1), parent.path());
    let message = stack.start().await.unwrap_err().to_string();
    assert!(
        message.starts_with("query-api ended while it was starting: exit status 64; its log "),
        "{message}"
    );
    assert!(message.ends_with("query-api.log ends with:\n  | LISTEN_ADDR: not an address"), "{message}");
    assert_eq!(stop(&mut stack).await, (false, String::new()));
    assert!(stack.parts().iter().all(|part| part.process.end().is_some()));
}

#[tokio::test]
async fn service_that_never_gets_ready_is_named_with_the_reason() {
    let parent = tempfile::tempdir().unwrap();
    let impatient = Plan { ready_timeout: Duration::from_secs(2), ..plan(programs("waits", "waits"), 1) };
    let mut stack = stack(impatient, parent.path());
    let message = stack.start().await.unwrap_err().to_string();
    assert!(
        message.starts_with("not ready in time (see --ready-timeout-s): ingest-api: http://"),
        "{message}"
    );
    assert!(message.contains("does not answer") && message.contains("\nquery-api: "), "{message}");
    assert!(stop(&mut stack).await.0);
}

#[tokio::test]
async fn part_that_ignores_the_request_is_killed_and_named() {
    let parent = tempfile::tempdir().unwrap();
    let plan = Plan {
        ready_timeout: Duration::from_secs(2),
        stop_timeout: Duration::from_millis(200),
        ..plan(programs("ignores", "waits"), 1)
    };
    let mut stack = stack(plan, parent.path());
    stack.start().await.unwrap_err();
    let (is_clean, said) = stop(&mut stack).await;
    assert!(!is_clean);
    assert!(said.contains("ingest-api (pid ") && said.contains("and was killed"), "{said}");
    assert!(!said.contains("query-api (pid "), "{said}");
}

#[tokio::test]
async fn end_of_a_part_is_reported_once() {
    let parent = tempfile::tempdir().unwrap();
    let mut stack = stack(plan(programs("dies", "waits"), 1), parent.path());
    let load = Load { rate: 1.0, duration: None, batch: 1, seed: 1, run: "run".into() };
    stack.start_simulator(&load).unwrap();
    stack.parts()[0].process.wait().await;
    let ended = stack.newly_ended();
    assert_eq!((ended.len(), ended[0].name.as_str(), ended[0].is_fine()), (1, "simulator", false));
    assert!(ended[0].log.ends_with("LISTEN_ADDR: not an address"), "{}", ended[0].log);
    assert!(stack.newly_ended().is_empty());
    assert!(!stop(&mut stack).await.0);
}

#[tokio::test]
async fn own_redis_keeps_its_data_from_one_run_to_the_next() {
    let parent = tempfile::tempdir().unwrap();
    for run in 0..2 {
        // One that dies: of several, those that die after the first are told at the end.
        let mut stack = stack(plan(programs("waits", "dies"), 1), parent.path());
        stack.start().await.unwrap_err();
        let mut connection = stack.redis().connect_once(Duration::from_secs(5)).await.unwrap();
        let length: u64 =
            redis::cmd("RPUSH").arg("runs").arg(run).query_async(&mut connection).await.unwrap();
        assert_eq!(length, run + 1);
        let (name, policy): (String, String) = redis::cmd("CONFIG")
            .arg("GET")
            .arg("maxmemory-policy")
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!((name.as_str(), policy.as_str()), ("maxmemory-policy", "noeviction"));
        assert_eq!(stop(&mut stack).await.1, "");
    }
}

#[tokio::test]
async fn another_redis_on_the_port_is_not_taken_for_ours() {
    let (first_parent, second_parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = Plan { ready_timeout: Duration::from_secs(2), ..plan(programs("dies", "dies"), 1) };
    let mut first = stack(plan.clone(), first_parent.path());
    first.start().await.unwrap_err();
    let mut second = stack(plan, second_parent.path());
    let message = second.start().await.unwrap_err().to_string();
    assert!(message.starts_with("redis ended while it was starting"), "{message}");
    assert!(message.contains("Address already in use"), "{message}");
    stop(&mut second).await;
    stop(&mut first).await;
}

#[tokio::test]
async fn running_redis_that_does_not_answer_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let port = ports::unused(1).unwrap()[0];
    let url = service::config::Secret::new(format!("redis://user:secret@127.0.0.1:{port}"));
    let config = plan::redis_args(url.clone()).convert().unwrap();
    let redis = plan::RedisPlan::Running { url, config };
    let plan = Plan { redis, ready_timeout: Duration::from_millis(100), ..plan(programs("dies", "dies"), 1) };
    let mut stack = stack(plan, parent.path());
    let message = stack.start().await.unwrap_err().to_string();
    assert!(message.starts_with(&format!("redis at 127.0.0.1:{port}: ")), "{message}");
    assert!(message.ends_with("leave out --redis-url to have one started"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn caches_of_another_redis_are_forgotten() {
    let parent = tempfile::tempdir().unwrap();
    let mut stack = stack(plan(programs("dies", "dies"), 1), parent.path());
    let caches = stack.directory().caches();
    std::fs::create_dir_all(&caches).unwrap();
    std::fs::write(caches.join("query-api.db"), "of another").unwrap();
    std::fs::write(caches.join("filled-from"), "other-host:6379\n").unwrap();
    stack.forget_caches_of_another_redis().unwrap();
    assert!(!caches.join("query-api.db").exists());
    std::fs::write(caches.join("query-api.db"), "of our own").unwrap();
    stack.forget_caches_of_another_redis().unwrap();
    assert!(caches.join("query-api.db").exists());
    stop(&mut stack).await;
}

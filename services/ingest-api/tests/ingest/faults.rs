use test_support::{BreakableLink, RedisOptions, RedisServer, Running, eventually};

use crate::{answer, config, post, start, stored};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

#[tokio::test]
async fn redis_that_is_down_at_the_start_is_waited_for() {
    let mut redis = RedisServer::prepare(RedisOptions::default());
    let config = config(&redis.url(), &[]);
    let service = Running::start(|listener, shutdown| ingest_api::run(config, listener, shutdown)).await;
    let (status, problem) = answer(post(&service, "application/cloudevents+json", EVENT)).await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:testbed:problem:redis-unavailable")));
    let readiness = reqwest::get(service.url("/readyz")).await.expect("answered");
    assert_eq!(readiness.status(), 503);
    redis.restart().await;
    service.ready().await;
    assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 202);
}

#[tokio::test]
async fn write_without_confirmation_has_an_unknown_outcome_and_is_not_sent_again() {
    let redis = RedisServer::start().await;
    let link = BreakableLink::start(redis.port()).await;
    let service = start(&link.url(), &["--write-timeout-ms", "300"]).await;
    link.hold_replies_to("XADD");
    let (status, problem) = answer(post(&service, "application/cloudevents+json", EVENT)).await;
    link.heal();
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:testbed:problem:outcome-unknown")));
    assert_eq!(stored(&redis, 0).await.len(), 1);
    service.ready().await;
}

#[tokio::test]
async fn refusal_by_redis_stores_nothing() {
    let options = RedisOptions {
        arguments: ["--maxmemory", "1", "--maxmemory-policy", "noeviction"].map(str::to_owned).to_vec(),
        ..RedisOptions::default()
    };
    let redis = RedisServer::start_with(options).await;
    let service = start(&redis.url(), &[]).await;
    let (status, problem) = answer(post(&service, "application/cloudevents+json", EVENT)).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (503, Some("urn:testbed:problem:redis-unavailable")),
        "{problem}"
    );
    assert!(stored(&redis, 0).await.is_empty());
}

#[tokio::test]
async fn service_goes_on_after_redis_was_killed() {
    let mut redis = RedisServer::start().await;
    let service = start(&redis.url(), &[]).await;
    assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 202);
    redis.kill();
    assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 503);
    redis.restart().await;
    eventually("the service accepts again", async || {
        (answer(post(&service, "application/cloudevents+json", EVENT)).await.0 == 202).then_some(())
    })
    .await;
    assert_eq!(stored(&redis, 0).await.len(), 2, "the append-only file has the first event");
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let options = RedisOptions {
        arguments: ["--requirepass", "hunter2"].map(str::to_owned).to_vec(),
        ..RedisOptions::default()
    };
    let redis = RedisServer::start_with(options).await;
    let wrong = format!("redis://:wrong-pass@127.0.0.1:{}", redis.port());
    let config = config(&wrong, &[]);
    assert!(!format!("{config:?}").contains("wrong-pass"));
    let service = Running::start(|listener, shutdown| ingest_api::run(config, listener, shutdown)).await;
    let reason = eventually("the reason is shown", async || {
        let text = reqwest::get(service.url("/readyz")).await.ok()?.text().await.ok()?;
        (!text.contains("connecting")).then_some(text)
    })
    .await;
    assert!(!reason.contains("wrong-pass"), "{reason}");
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), "hunter2").expect("written");
    let password_file = ["--redis-password-file", file.path().to_str().expect("UTF-8")];
    let service = start(&redis.url(), &password_file).await;
    assert_eq!(answer(post(&service, "application/cloudevents+json", EVENT)).await.0, 202);
}

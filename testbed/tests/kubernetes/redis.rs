//! Redis in the cluster: a real server takes the arguments of the manifest, and has room for what the worker keeps.

use test_support::{RedisOptions, RedisServer};

use crate::objects::{at, list, text};
use crate::quantity::bytes;
use crate::rendering::{ALL, PLACED};
use crate::settings::retention_bytes_max;

/// What a server that was started with the manifest's arguments says of some of its settings.
async fn settings(names: &[&str]) -> Vec<String> {
    let redis = PLACED[0].find("Deployment", "redis").unwrap();
    let container = redis.containers().next().unwrap();
    let mut arguments: Vec<String> = list(at(container, "/args")).iter().map(text).collect();
    assert_eq!(arguments.remove(0), "redis-server");
    let directory = arguments.iter().position(|argument| argument == "--dir").unwrap() + 1;
    // A server of a test begins in a directory of its own.
    ".".clone_into(&mut arguments[directory]);
    let server = RedisServer::start_with(RedisOptions { arguments, ..RedisOptions::default() }).await;
    let mut connection = server.connection().await;
    let mut values = Vec::new();
    for name in names {
        let (_, value): (String, String) =
            redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut connection).await.unwrap();
        values.push(value);
    }
    values
}

#[tokio::test]
async fn redis_keeps_what_was_accepted_or_refuses_it() {
    let values = settings(&["maxmemory-policy", "appendonly", "appendfsync", "save"]).await;
    assert_eq!(values, ["noeviction", "yes", "everysec", ""]);
}

#[tokio::test]
async fn redis_has_room_for_both_streams_and_for_a_rewrite() {
    let memory: u64 = settings(&["maxmemory"]).await[0].parse().unwrap();
    for rendering in ALL.iter().filter(|rendering| rendering.has("redis")) {
        let redis = rendering.find("Deployment", "redis").unwrap();
        let limit = bytes(at(redis.containers().next().unwrap(), "/resources/limits/memory"));
        assert!(memory * 2 <= limit, "{}: {memory} of {limit} bytes", rendering.name);
        // Events and results; the other half is for what waits.
        let kept = retention_bytes_max(rendering) * 2;
        assert!(kept * 2 <= memory, "{}: {kept} of {memory} bytes", rendering.name);
    }
}

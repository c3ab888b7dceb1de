//! The service against a real Redis server.

mod faults;
mod formats;
mod limits;
mod openapi;
mod telemetry;

use clap::Parser as _;
use ingest_api::config::{Args, Config};
use redis::aio::MultiplexedConnection;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use test_support::{RedisServer, Running};

/// A configuration as the command line would give it.
fn config(redis_url: &str, more: &[&str]) -> Config {
    let base = ["ingest-api", "--redis-url", redis_url, "--instance-id", "ingest-1"];
    let args = Args::try_parse_from(base.iter().chain(more)).expect("arguments are valid");
    args.convert().expect("configuration is valid")
}

async fn start(redis_url: &str, more: &[&str]) -> Running {
    let config = config(redis_url, more);
    let service = Running::start(|listener, shutdown| ingest_api::run(config, listener, shutdown)).await;
    service.ready().await;
    service
}

/// A service with a Redis server of its own.
async fn start_with_redis(more: &[&str]) -> (RedisServer, Running) {
    let redis = RedisServer::start().await;
    let service = start(&redis.url(), more).await;
    (redis, service)
}

fn post(service: &Running, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    reqwest::Client::new().post(service.url("/v1/events")).header("content-type", content_type).body(body)
}

/// Status and JSON body.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.expect("the service answers");
    (response.status().as_u16(), response.json().await.expect("the answer is JSON"))
}

/// All stored events of a partition: position and line.
async fn stored(redis: &RedisServer, partition: u8) -> Vec<(String, String)> {
    let mut connection: MultiplexedConnection = redis.connection().await;
    let key = events::Keys::new(partition).events;
    let entries: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut connection).await.expect("a stream");
    let lines = |(id, fields): (String, Vec<(String, String)>)| {
        let text = fields.into_iter().find(|(name, _)| name == "events").expect("an entry has events").1;
        let suffix = if partition > 0 { format!("@{partition}") } else { String::new() };
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.into_iter().enumerate().map(move |(index, line)| (format!("{id}.{index}{suffix}"), line))
    };
    entries.into_iter().flat_map(lines).collect()
}

//! ingest-api against a server that answers with a constant, and against Redis itself.

use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use redis::cmd;
use test_support::free_port;

use crate::ROUNDS;
use crate::load::{self, WRK_SECONDS, event};
use crate::processes::{Process, redis, until};
use crate::report::Report;

const BATCH: usize = 100;

/// What redis-benchmark appends in one measurement.
const XADD_COUNT: usize = 1_000_000;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (server, mut connection) = redis().await;
    let url = server.url();
    let arguments = ["--redis-url", url.as_str(), "--backlog-events-max", "1000000000"];
    let ingest = Process::start("ingest-api", &arguments).await?;
    let (constant_port, _constant) = start_constant().await?;
    let constant_url = format!("http://127.0.0.1:{constant_port}/v1/events");
    let target = ingest.url("/v1/events");
    let single = event(0, 1000);
    let batch = format!("[{}]", (0..BATCH).map(|n| event(n, 1000)).collect::<Vec<_>>().join(","));
    let (mut constant, mut one, mut many, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        constant.push(load::wrk(&constant_url, "application/cloudevents+json", &single, WRK_SECONDS)?);
        one.push(load::wrk(&target, "application/cloudevents+json", &single, WRK_SECONDS)?);
        cmd("FLUSHALL").exec_async(&mut connection).await?;
        many.push(
            load::wrk(&target, "application/cloudevents-batch+json", &batch, WRK_SECONDS)? * BATCH as f64,
        );
        cmd("FLUSHALL").exec_async(&mut connection).await?;
        bare.push(redis_benchmark(server.port(), &single)?);
        cmd("FLUSHALL").exec_async(&mut connection).await?;
    }
    report.add("constant answer of axum, wrk -t1 -c64", "requests/s", constant.clone());
    report.add("ingest-api, one event a request", "requests/s", one.clone());
    report.add_ratio("ingest-api ÷ constant answer", &one, &constant, 0.7);
    report.add("redis-benchmark XADD, pipeline 64", "events/s", bare.clone());
    report.add("ingest-api, 100 events a request", "events/s", many.clone());
    report.add_ratio("ingest-api, 100 events ÷ redis-benchmark XADD", &many, &bare, 1.0);
    report.add("ingest-api resident after the load", "MiB", vec![ingest.resident_mib()?]);
    Ok(())
}

fn redis_benchmark(port: u16, event: &str) -> anyhow::Result<f64> {
    let (port, count) = (port.to_string(), XADD_COUNT.to_string());
    let output = Command::new("redis-benchmark")
        .args([
            "-p", &port, "-c", "32", "-P", "64", "-n", &count, "--csv", "XADD", "bench", "*", "event", event,
        ])
        .output()
        .context("redis-benchmark (Debian: apt-get install redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // The command, which has quotes in it, then the rate and six latencies.
    let rate = text.lines().last().and_then(|line| line.rsplit("\",\"").nth(6));
    rate.and_then(|rate| rate.trim_matches('"').parse().ok())
        .with_context(|| format!("redis-benchmark said: {text}"))
}

async fn start_constant() -> anyhow::Result<(u16, Killed)> {
    let port = free_port();
    let child = Command::new(std::env::current_exe()?)
        .args(["--constant-server", &port.to_string()])
        .stdin(Stdio::null())
        .spawn()?;
    let killed = Killed(child);
    until("the constant server answers", async || {
        Ok(reqwest::get(format!("http://127.0.0.1:{port}/")).await.is_ok().then_some(()))
    })
    .await?;
    Ok((port, killed))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The upper bound of what axum can do with such requests: the body is read, the answer is a constant.
pub(crate) fn serve_constant(port: u16) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let answer = async |_body: axum::body::Bytes| (StatusCode::ACCEPTED, r#"{"accepted":1,"events":[]}"#);
        let router = Router::new().route("/v1/events", post(answer));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        Ok(axum::serve(listener, router).await?)
    })
}

//! From acceptance to the moment an event can be queried, at half of what the pipeline can sustain here.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use events::Keys;
use redis::cmd;
use serde_json::Value;

use crate::processes::{Process, program_path, redis, until};
use crate::report::Report;

/// Events that are pushed through at once to find the pipeline's maximum.
const BURST: usize = 300_000;

/// Seconds of the load, longer than the window of the percentiles.
const LOAD_S: u64 = 15;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (server, mut connection) = redis().await;
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let url = server.url();
    let (worker_cache, query_cache) = (path("worker.db"), path("query.db"));
    let ingest = Process::start("ingest-api", &["--redis-url", &url]).await?;
    let worker =
        Process::start("process-worker", &["--redis-url", &url, "--cache-path", &worker_cache]).await?;
    let query = Process::start("query-api", &["--redis-url", &url, "--cache-path", &query_cache]).await?;

    let started = Instant::now();
    crate::load::fill(&mut connection, BURST).await?;
    let stored = async || anyhow::Ok(counter(&query.statistics().await?, "query.events.stored"));
    until("the burst can be queried", async || Ok((stored().await? >= BURST as u64).then_some(()))).await?;
    let maximum = BURST as f64 / started.elapsed().as_secs_f64();
    report.add("whole pipeline, burst until queryable", "events/s", vec![maximum]);
    report.add("process-worker resident after the burst", "MiB", vec![worker.resident_mib()?]);
    report.add("query-api resident after the burst", "MiB", vec![query.resident_mib()?]);

    let rate = (maximum / 2.0).min(50_000.0).round();
    let arguments = [
        ("--target", ingest.url("")),
        ("--rate", rate.to_string()),
        ("--batch", "50".to_owned()),
        ("--duration", format!("{LOAD_S}s")),
        ("--results", path("results")),
        ("--run-id", "latency".to_owned()),
    ];
    let mut load = tokio::process::Command::new(program_path("simulator")?)
        .arg("run")
        .args(arguments.iter().flat_map(|(name, value)| [*name, value.as_str()]))
        .env("TELEMETRY", "off")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    tokio::time::sleep(Duration::from_secs(LOAD_S - 1)).await;
    let statistics = query.statistics().await?;
    anyhow::ensure!(load.wait().await?.success(), "the load failed");
    let freshness = &statistics["histograms"]["query.freshness"];
    let name = |quantile: &str| format!("accepted → queryable, {quantile}, at {rate} events/s");
    for (quantile, field) in [("p50", "p50"), ("p99", "p99"), ("p99.9", "p999")] {
        let seconds = freshness[field].as_f64().context("no freshness was measured")?;
        report.add(&name(quantile), "ms", vec![seconds * 1e3]);
    }
    let backlog: Vec<Option<u64>> = cmd("HMGET")
        .arg(Keys::new(0).counters)
        .arg("accepted")
        .arg("settled")
        .query_async(&mut connection)
        .await?;
    eprintln!("counters at the end: {backlog:?}");
    Ok(())
}

fn counter(statistics: &Value, name: &str) -> u64 {
    statistics["counters"][name]["total"].as_u64().unwrap_or(0)
}

//! What observing the pipeline costs: throughput and latency without telemetry, with metrics, with 1 % of the traces
//! and with all of them.
//!
//! Where there are four cores or more, the pipeline has the first half of them, and the load and the collector the
//! other: on a cluster the collector has a machine of its own as well.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use testbed::stack::collector::{self, Collector, Ports};

use crate::ROUNDS;
use crate::load::{self, event};
use crate::processes::{Process, program_path, redis, until};
use crate::report::Report;

/// A setting that is compared.
struct Mode {
    name: &'static str,
    telemetry: &'static str,
    trace_stream: &'static str,
    /// What of the pipeline without telemetry should be left.
    aim: f64,
}

const MODES: [Mode; 5] = [
    Mode { name: "off", telemetry: "off", trace_stream: "parent", aim: 1.0 },
    Mode { name: "metrics", telemetry: "metrics", trace_stream: "parent", aim: 0.99 },
    Mode { name: "1 % of the traces", telemetry: "sampled", trace_stream: "parent", aim: 0.97 },
    Mode { name: "all traces", telemetry: "full", trace_stream: "parent", aim: 0.95 },
    Mode { name: "all traces, links", telemetry: "full", trace_stream: "links", aim: 0.95 },
];

/// Seconds of the load under which throughput is measured.
const BURST_S: u32 = 6;

/// Events a second of the load under which latency is measured.
const RATE: u32 = 2000;

/// Seconds of that load, longer than the window of the percentiles.
const LOAD_S: u64 = 11;

/// What one mode gave, one sample a round.
#[derive(Default)]
struct Samples {
    throughput: Vec<f64>,
    /// Share of the spans that reached the collector under the burst.
    exported: Vec<f64>,
    median_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let collector = Sink::start(directory.path()).await?;
    let mut samples: [Samples; MODES.len()] = Default::default();
    for round in 0..ROUNDS {
        // Each mode is the first one once: what the machine does on the side must not always hit the same.
        for index in (0..MODES.len()).map(|index| (index + round) % MODES.len()) {
            let (mode, samples) = (&MODES[index], &mut samples[index]);
            eprintln!("telemetry, round {} of {ROUNDS}: {}", round + 1, mode.name);
            let pipeline = Pipeline::start(mode, &collector).await?;
            samples.throughput.push(pipeline.throughput().await?);
            samples.exported.push(pipeline.spans_exported().await?);
            drop(pipeline);
            let pipeline = Pipeline::start(mode, &collector).await?;
            let (median_ms, p99_ms) = pipeline.latency(mode, &collector).await?;
            samples.median_ms.push(median_ms);
            samples.p99_ms.push(p99_ms);
        }
    }
    let [off, ..] = &samples;
    for (Mode { name, aim, .. }, one) in MODES.iter().zip(&samples) {
        report.add(&format!("pipeline, telemetry: {name}"), "events/s", one.throughput.clone());
        report.add(&format!("accepted → queryable, p50, telemetry: {name}"), "ms", one.median_ms.clone());
        report.add(&format!("accepted → queryable, p99, telemetry: {name}"), "ms", one.p99_ms.clone());
        if one.exported.iter().all(|share| !share.is_nan()) {
            report.add(
                &format!("spans that the collector got in time: {name}"),
                "ratio",
                one.exported.clone(),
            );
        }
        if *aim < 1.0 {
            report.add_ratio(&format!("throughput, {name} ÷ off"), &one.throughput, &off.throughput, *aim);
            report.add_ratio(&format!("median latency, off ÷ {name}"), &off.median_ms, &one.median_ms, *aim);
        }
    }
    Ok(())
}

/// A collector as `testbed up` starts it.
struct Sink {
    collector: Collector,
    process: Child,
}

impl Sink {
    async fn start(directory: &std::path::Path) -> anyhow::Result<Self> {
        let path = Command::new("sh").args(["-c", "echo \"$PATH\""]).output()?.stdout;
        let path = PathBuf::from(String::from_utf8(path)?.trim());
        let beside = program_path("ingest-api")?;
        let beside = beside.parent().context("no directory of programs")?;
        let program = collector::find(beside, Some(path.as_os_str()))?;
        let collector = Collector { program, ports: Ports::unused(None)? };
        let process = pinned(&collector.program.to_string_lossy(), false)
            .args(collector.configure(directory)?)
            .envs(collector.environment(directory))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let health = format!("http://127.0.0.1:{}", collector.ports.health);
        let sink = Self { collector, process };
        until("the collector is healthy", async || Ok(reqwest::get(&health).await.ok())).await?;
        Ok(sink)
    }

    fn environment(&self, mode: &Mode) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut environment = self.collector.environment_of_services().to_vec();
        environment.push(("TELEMETRY", mode.telemetry.into()));
        environment.push(("TRACE_STREAM", mode.trace_stream.into()));
        environment
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Redis and the three services, all fresh.
struct Pipeline {
    _directory: tempfile::TempDir,
    _redis: test_support::RedisServer,
    ingest: Process,
    worker: Process,
    query: Process,
}

impl Pipeline {
    async fn start(mode: &Mode, collector: &Sink) -> anyhow::Result<Self> {
        let (server, _) = redis().await;
        let directory = tempfile::tempdir()?;
        let (url, environment) = (server.url(), collector.environment(mode));
        let cache = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let (worker_cache, query_cache) = (cache("worker.db"), cache("query.db"));
        let start = async |program: &str, more: &[&str]| {
            let arguments: Vec<&str> = ["--redis-url", &url].iter().chain(more).copied().collect();
            Process::start_with(
                pinned(&program_path(program)?.to_string_lossy(), true),
                program,
                &arguments,
                &environment,
            )
            .await
        };
        let backlog = ["--backlog-events-max", "1000000000"];
        Ok(Self {
            ingest: start("ingest-api", &backlog).await?,
            worker: start("process-worker", &["--cache-path", &worker_cache]).await?,
            query: start("query-api", &["--cache-path", &query_cache]).await?,
            _redis: server,
            _directory: directory,
        })
    }

    /// Events a second from the first request until the last event can be queried, with one event a request.
    async fn throughput(&self) -> anyhow::Result<f64> {
        // Without a trace context of its own: whether an event is sampled is then ingest-api's decision.
        let body = event(0, 1000)
            .replace("\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\",", "");
        let started = Instant::now();
        let url = self.ingest.url("/v1/events");
        tokio::task::spawn_blocking(move || load::wrk(&url, "application/cloudevents+json", &body, BURST_S))
            .await??;
        let accepted = counter(&self.ingest.statistics().await?, "ingest.events.accepted");
        let stored = async || anyhow::Ok(counter(&self.query.statistics().await?, "query.events.stored"));
        until("all can be queried", async || Ok((stored().await? >= accepted).then_some(()))).await?;
        Ok(accepted as f64 / started.elapsed().as_secs_f64())
    }

    /// Share of the spans of all services that were exported and not dropped; not a number where there are none.
    async fn spans_exported(&self) -> anyhow::Result<f64> {
        let (mut exported, mut dropped) = (0.0, 0.0);
        for service in [&self.ingest, &self.worker, &self.query] {
            let counters = &service.statistics().await?["counters"];
            let of = |name: &str| counters[name]["by"]["signal=traces"].as_f64().unwrap_or(0.0);
            exported += of("telemetry.items.exported");
            dropped += of("telemetry.items.dropped") + of("telemetry.items.failed");
        }
        Ok(exported / (exported + dropped))
    }

    /// Median and 99th percentile of the time until an event can be queried, ms.
    async fn latency(&self, mode: &Mode, collector: &Sink) -> anyhow::Result<(f64, f64)> {
        let results = tempfile::tempdir()?;
        let mut load =
            tokio::process::Command::from(pinned(&program_path("simulator")?.to_string_lossy(), false))
                .args([
                    "run",
                    "--target",
                    &self.ingest.url(""),
                    "--rate",
                    &RATE.to_string(),
                    "--run-id",
                    "telemetry",
                ])
                .args(["--duration", &format!("{LOAD_S}s"), "--results"])
                .arg(results.path())
                .envs(collector.environment(mode))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
        tokio::time::sleep(Duration::from_secs(LOAD_S - 1)).await;
        let statistics = self.query.statistics().await?;
        anyhow::ensure!(load.wait().await?.success(), "the load failed");
        let freshness = &statistics["histograms"]["query.freshness"];
        let ms =
            |field: &str| anyhow::Ok(freshness[field].as_f64().context("no freshness was measured")? * 1e3);
        Ok((ms("p50")?, ms("p99")?))
    }
}

/// A program on the cores of the pipeline or on the others, where there are enough of them to divide.
fn pinned(program: &str, is_pipeline: bool) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 4 {
        return Command::new(program);
    }
    let half = cores / 2;
    let list = if is_pipeline { format!("0-{}", half - 1) } else { format!("{half}-{}", cores - 1) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &list, program]);
    command
}

fn counter(statistics: &Value, name: &str) -> u64 {
    statistics["counters"][name]["total"].as_u64().unwrap_or(0)
}

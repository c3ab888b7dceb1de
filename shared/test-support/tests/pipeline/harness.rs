//! A pipeline of processes, a load, and the audit.

use std::path::PathBuf;

use clap::Parser as _;
use measurement::{AuditVerdict, Ledger, LedgerFile, ObservedRun};
use redis::aio::MultiplexedConnection;
use simulator::RunResult;
use tempfile::TempDir;
use test_support::{RedisOptions, RedisServer, ServiceProcess, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Redis and one of each service. Each service can be reached through a link of its own by giving another address.
pub(crate) struct Pipeline {
    pub(crate) redis: RedisServer,
    pub(crate) ingest: ServiceProcess,
    pub(crate) worker: ServiceProcess,
    pub(crate) query: ServiceProcess,
    directory: TempDir,
}

/// What differs from the usual pipeline.
#[derive(Default)]
pub(crate) struct Options<'a> {
    pub(crate) ingest: &'a [&'a str],
    pub(crate) worker: &'a [&'a str],
    pub(crate) query: &'a [&'a str],
    /// Addresses of Redis for ingest and the worker, where they are not to be the server's own.
    pub(crate) ingest_redis: Option<String>,
    pub(crate) worker_redis: Option<String>,
    /// Where telemetry goes; none is sent without it.
    pub(crate) collector: Option<String>,
}

/// A load that is under way.
pub(crate) struct Load {
    run: &'static str,
    results: PathBuf,
    task: JoinHandle<RunResult>,
}

/// What a run left behind.
pub(crate) struct Finished {
    pub(crate) run: &'static str,
    pub(crate) result: RunResult,
    pub(crate) ledger: Ledger,
}

impl Pipeline {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start(options: Options<'_>) -> Self {
        let redis = RedisServer::start().await;
        Self::start_with(redis, options).await.ready().await
    }

    /// Starts the services beside a server that may be down, without waiting.
    pub(crate) async fn start_with(redis: RedisServer, options: Options<'_>) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
        let url = redis.url();
        let process = |program: &str, redis_url: &str, own: &[&str], more: &[&str]| {
            let arguments = [&["--redis-url", redis_url], own, more].concat();
            ServiceProcess::start_exporting(program, &arguments, options.collector.as_deref())
        };
        let ingest_url = options.ingest_redis.as_deref().unwrap_or(&url);
        let worker_url = options.worker_redis.as_deref().unwrap_or(&url);
        let (worker_cache, query_cache) = (path("worker.db"), path("query.db"));
        Self {
            ingest: process("ingest-api", ingest_url, &["--instance-id", "ingest-1"], options.ingest),
            worker: process(
                "process-worker",
                worker_url,
                &["--instance-id", "worker-1", "--cache-path", &worker_cache],
                options.worker,
            ),
            query: process(
                "query-api",
                &url,
                &["--instance-id", "query-1", "--cache-path", &query_cache],
                options.query,
            ),
            redis,
            directory,
        }
    }

    pub(crate) async fn ready(self) -> Self {
        self.ingest.ready().await;
        self.worker.ready().await;
        self.query.ready().await;
        self
    }

    /// One more worker, with a cache of its own.
    pub(crate) fn another_worker(&self, name: &str, more: &[&str]) -> ServiceProcess {
        let (url, cache) = (self.redis.url(), self.path(&format!("{name}.db")));
        let arguments =
            [&["--redis-url", url.as_str(), "--instance-id", name, "--cache-path", &cache], more].concat();
        ServiceProcess::start("process-worker", &arguments)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.redis.connection().await
    }

    /// Starts a load of the simulator.
    pub(crate) fn begin_load(&self, run: &'static str, more: &[&str]) -> Load {
        let (target, results) = (self.ingest.url(""), self.path("results"));
        let base = ["run", "--target", &target, "--results", &results, "--run-id", run, "--timeout", "2s"];
        let args =
            simulator::config::RunArgs::try_parse_from(base.iter().chain(more)).expect("arguments are valid");
        let mut config = args.convert().expect("configuration is valid");
        config.shows_progress = false;
        let run_load = simulator::run(config, CancellationToken::new());
        let task = tokio::spawn(async { run_load.await.expect("the load can be run") });
        Load { run, results: results.into(), task }
    }

    /// Runs a load to its end.
    pub(crate) async fn load(&self, run: &'static str, more: &[&str]) -> Finished {
        self.begin_load(run, more).finish().await
    }

    /// Waits until the audit of the run holds and nothing is on its way any more.
    pub(crate) async fn audit_holds(&self, finished: &Finished) -> AuditVerdict {
        let mut last = None;
        let waiting = eventually("the audit holds", async || {
            let verdict = self.audit(finished).await?;
            let holds = verdict.passed() && self.is_drained().await;
            last = Some(format!("{verdict:?}"));
            holds.then_some(verdict)
        });
        let verdict = waiting.await;
        assert_eq!(verdict.queryable, verdict.accepted + verdict.unknown_present, "{last:?}");
        verdict
    }

    /// Waits until this many events of a run are queryable.
    pub(crate) async fn audit_of(&self, run: &str, events: u64) {
        let url = self.query.url(&format!("/v1/runs/{run}/audit"));
        eventually(&format!("{events} events are queryable"), async || {
            let audit: serde_json::Value = reqwest::get(&url).await.ok()?.json().await.ok()?;
            (audit["events"].as_u64() >= Some(events)).then_some(())
        })
        .await;
    }

    pub(crate) async fn audit(&self, finished: &Finished) -> Option<AuditVerdict> {
        let url = self.query.url(&format!("/v1/runs/{}/audit", finished.run));
        let observed: ObservedRun = reqwest::get(url).await.ok()?.json().await.ok()?;
        Some(measurement::audit(&finished.ledger, &observed))
    }

    /// All events of a run, as query-api gives them, in the order in which they were accepted.
    pub(crate) async fn rows(&self, run: &str) -> Vec<serde_json::Value> {
        let url = self.query.url(&format!("/v1/events?runid={run}&order=asc&limit=1000"));
        let (mut rows, mut page_url) = (Vec::new(), url.clone());
        loop {
            let answer = reqwest::get(&page_url).await.expect("answered");
            let mut page: serde_json::Value = answer.json().await.expect("JSON");
            rows.append(page["events"].as_array_mut().expect("events"));
            let Some(next) = page["next"].as_str() else { return rows };
            page_url = format!("{url}&cursor={next}");
        }
    }

    async fn is_drained(&self) -> bool {
        let Ok(answer) = reqwest::get(self.query.url("/v1/pipeline")).await else { return false };
        let pipeline: serde_json::Value = answer.json().await.unwrap_or_default();
        let partitions = pipeline["partitions"].as_array().expect("partitions");
        partitions.iter().all(|partition| partition["pending"] == 0 && partition["results_behind"] == 0)
    }
}

impl Load {
    pub(crate) async fn finish(self) -> Finished {
        let result = self.task.await.expect("the load does not panic");
        let path = self.results.join(self.run).join("ledger.json");
        let text = std::fs::read_to_string(path).expect("a ledger was written");
        let file: LedgerFile = serde_json::from_str(&text).expect("a ledger");
        assert!(result.totals.events.sent > 0);
        Finished { run: self.run, result, ledger: file.ledger }
    }
}

/// The value of a counter in a service's `/statz`.
pub(crate) async fn counter(service: &ServiceProcess, name: &str) -> u64 {
    let statistics = statistics(service).await;
    statistics["counters"][name]["total"].as_u64().unwrap_or_else(|| panic!("{name} in {statistics}"))
}

/// The value of one series of a counter, as `label=value`.
pub(crate) async fn labelled(service: &ServiceProcess, name: &str, labels: &str) -> u64 {
    let statistics = statistics(service).await;
    statistics["counters"][name]["by"][labels].as_u64().unwrap_or_else(|| panic!("{name} in {statistics}"))
}

/// A service's `/statz`.
pub(crate) async fn statistics(service: &ServiceProcess) -> serde_json::Value {
    let answer = reqwest::get(service.url("/statz")).await.expect("answered");
    answer.json().await.expect("JSON")
}

/// Waits until a stream has at least this many entries.
pub(crate) async fn stream_grows(connection: &mut MultiplexedConnection, key: &str, entries: usize) {
    eventually(&format!("{key} has {entries} entries"), async || {
        let length: usize = redis::cmd("XLEN").arg(key).query_async(connection).await.ok()?;
        (length >= entries).then_some(())
    })
    .await;
}

/// A server that is not running yet.
pub(crate) fn redis_that_is_down() -> RedisServer {
    RedisServer::prepare(RedisOptions::default())
}

//! A running service, made-up results, and a cache file as a worker would fill it.

use std::path::{Path, PathBuf};

use cache::{Attributes, EventState, StoredEntry, StoredEvent, Writer, WriterOptions};
use clap::Parser as _;
use events::entry::{EventsEntry, Outcome, ResultsEntry};
use events::{EntryId, Event, Keys};
use query_api::config::{Args, Config};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use serde_json::Value;
use tempfile::TempDir;
use test_support::{RedisServer, Running, eventually};

/// No server listens here.
pub(crate) const NO_REDIS: &str = "redis://127.0.0.1:1";

/// 2026-03-01T12:00:00Z.
pub(crate) const START_MS: u64 = 1_772_366_400_000;

/// A running query service.
pub(crate) struct Query {
    pub(crate) service: Running,
}

impl Query {
    /// Starts with a cache in this directory.
    pub(crate) async fn start(redis_url: &str, directory: &Path, more: &[&str]) -> Self {
        let config = config(redis_url, directory, more);
        Self {
            service: Running::start(|listener, shutdown| query_api::run(config, listener, shutdown)).await,
        }
    }

    /// Starts and waits until it is ready.
    pub(crate) async fn ready(redis_url: &str, directory: &Path, more: &[&str]) -> Self {
        let query = Self::start(redis_url, directory, more).await;
        query.service.ready().await;
        query
    }

    pub(crate) async fn text(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(self.service.url(path)).await.expect("answered");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.text(path).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}")))
    }

    /// The answer to a query that works.
    pub(crate) async fn answer(&self, path: &str) -> Value {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Waits until a counter or gauge in `/statz` has this value, or more.
    pub(crate) async fn counts(&self, kind: &str, name: &str, least: f64) {
        eventually(&format!("{name} is {least}"), async || {
            let statistics = self.answer("/statz").await;
            let value = statistics[kind][name]["total"].as_f64().expect("a metric");
            (value >= least).then_some(())
        })
        .await;
    }

    /// Waits until the audit of a run has this many events.
    pub(crate) async fn audited(&self, runid: &str, events: u64) -> Value {
        self.audit_where(runid, |audit| audit["events"].as_u64() >= Some(events)).await
    }

    /// Waits until the audit of a run covers all that was published for it, and checks their number.
    pub(crate) async fn completed(&self, runid: &str, events: u64) -> Value {
        let is_complete =
            |audit: &Value| audit["events"].as_u64() >= Some(events) && audit["complete"] == true;
        let audit = self.audit_where(runid, is_complete).await;
        assert_eq!(audit["events"], events, "{audit}");
        audit
    }

    async fn audit_where(&self, runid: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/runs/{runid}/audit");
        eventually(&format!("an audit of {runid} as expected"), async || {
            let audit = self.answer(&path).await;
            condition(&audit).then_some(audit)
        })
        .await
    }
}

pub(crate) fn config(redis_url: &str, directory: &Path, more: &[&str]) -> Config {
    let cache = cache_path(directory);
    let cache = cache.to_str().expect("UTF-8");
    let base = ["query-api", "--redis-url", redis_url, "--instance-id", "query-1", "--cache-path", cache];
    let args = Args::try_parse_from(base.iter().chain(more)).expect("arguments are valid");
    args.convert().expect("configuration is valid")
}

pub(crate) fn cache_path(directory: &Path) -> PathBuf {
    directory.join("query.db")
}

pub(crate) fn temporary_directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

pub(crate) fn line(source: &str, kind: &str, runid: &str, sequence: usize) -> String {
    format!(
        r#"{{"specversion":"1.0", "id":"{runid}-{sequence}","source":"{source}","type":"{kind}","runid":"{runid}","sequence":"{sequence}","data":{{"value":{sequence}.5}}}}"#
    )
}

/// A cache file as a worker leaves it.
pub(crate) struct WorkerCache {
    writer: Writer,
    pub(crate) directory: TempDir,
}

impl WorkerCache {
    pub(crate) fn new() -> Self {
        Self::in_directory(temporary_directory())
    }

    pub(crate) fn in_directory(directory: TempDir) -> Self {
        let writer = Writer::open(&cache_path(directory.path()), WriterOptions::default());
        Self { writer: writer.expect("a new cache opens"), directory }
    }

    /// Stores one entry, a second later for each `number`.
    pub(crate) fn store(&mut self, number: u64, worker: &str, lines: &[String]) -> EntryId {
        let parsed: Vec<_> = lines.iter().map(|line| Event::parse(line).expect("an event")).collect();
        let ms = START_MS + number * 1000;
        let stored = (0..).zip(lines.iter().zip(&parsed)).map(|(index, (line, event))| StoredEvent {
            index,
            line,
            state: EventState::Processed {
                attributes: Attributes::new(event, event.value()),
                outcome: Outcome { result: u64::MAX, work_ns: 1200 },
            },
        });
        let entry = StoredEntry {
            id: EntryId::new(ms, 0),
            partition: 0,
            accepted_us: ms as i64 * 1000 + 123,
            processed_us: ms as i64 * 1000 + 2123,
            worker,
            arch: if worker.ends_with('0') { "amd64" } else { "arm64" },
            events: stored.collect(),
        };
        self.writer.store(std::slice::from_ref(&entry), &[]).expect("stored");
        entry.id
    }

    /// A service that reads the file; there is no Redis.
    pub(crate) async fn query(&self, more: &[&str]) -> Query {
        let more: Vec<_> = ["--cache-follow", "off"].iter().chain(more).copied().collect();
        Query::ready(NO_REDIS, self.directory.path(), &more).await
    }
}

/// Publishes an entry's results as a worker would; an empty line is a dead event. The entry's id in `events`
/// is given.
pub(crate) async fn publish(
    connection: &mut MultiplexedConnection,
    partition: u8,
    id: EntryId,
    lines: &[String],
) -> EntryId {
    let text = lines.join("\n");
    let entry = ResultsEntry {
        id,
        events: EventsEntry {
            count: lines.len(),
            accepted_us: service::clock::unix_us(),
            by: "ingest-1",
            events: &text,
        },
        worker: "worker-0",
        arch: "amd64",
        processed_us: service::clock::unix_us(),
        outcomes: lines.iter().map(|line| (!line.is_empty()).then(Outcome::default)).collect(),
    };
    let mut command = cmd("XADD");
    command.arg(Keys::new(partition).results).arg("*");
    for (name, value) in entry.fields() {
        command.arg(name).arg(value.as_ref());
    }
    let added: String = command.query_async(connection).await.expect("added");
    added.parse().expect("a stream id")
}

/// Publishes events of a run, one an entry.
pub(crate) async fn publish_run(
    connection: &mut MultiplexedConnection,
    runid: &str,
    sequences: std::ops::Range<usize>,
) {
    for sequence in sequences {
        let id = EntryId::new(service::clock::unix_us() as u64 / 1000, sequence as u64);
        publish(connection, 0, id, &[line("/s", "t", runid, sequence)]).await;
    }
}

pub(crate) async fn redis_with_connection() -> (RedisServer, MultiplexedConnection) {
    let redis = RedisServer::start().await;
    let connection = redis.connection().await;
    (redis, connection)
}

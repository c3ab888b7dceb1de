//! The service against real Redis and Valkey servers.

mod delivery;
mod faults;
mod streams;
mod trimming;

use clap::Parser as _;
use events::entry::{EventsEntry, ResultsEntry};
use events::{EntryId, Keys};
use process_worker::config::Args;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use tempfile::TempDir;
use test_support::{RedisServer, Running, eventually};

/// A running worker with a cache of its own.
struct Worker {
    service: Running,
    _directory: TempDir,
}

impl Worker {
    async fn start(redis_url: &str, name: &str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let cache = directory.path().join("worker.db");
        let cache = cache.to_str().expect("UTF-8");
        let base = ["process-worker", "--redis-url", redis_url, "--instance-id", name, "--cache-path", cache];
        let args = Args::try_parse_from(base.iter().chain(more)).expect("arguments are valid");
        let config = args.convert().expect("configuration is valid");
        let service =
            Running::start(|listener, shutdown| process_worker::run(config, listener, shutdown)).await;
        service.ready().await;
        Self { service, _directory: directory }
    }

    /// The value of a counter or gauge in `/statz`.
    async fn statistic(&self, kind: &str, name: &str) -> f64 {
        let statistics = self.statistics().await;
        statistics[kind][name]["total"].as_f64().unwrap_or_else(|| panic!("{name} in {statistics}"))
    }

    async fn statistics(&self) -> serde_json::Value {
        let answer = reqwest::get(self.service.url("/statz")).await.expect("answered");
        answer.json().await.expect("JSON")
    }

    /// How many entries have come in this way.
    async fn received(&self, delivery: &str) -> u64 {
        let statistics = self.statistics().await;
        let by = &statistics["counters"]["worker.entries.received"]["by"];
        by[format!("delivery={delivery}")].as_u64().unwrap_or_else(|| panic!("{delivery} in {by}"))
    }

    async fn counts(&self, name: &str, expected: f64) {
        eventually(&format!("{name} is {expected}"), async || {
            (self.statistic("counters", name).await >= expected).then_some(())
        })
        .await;
        assert_eq!(self.statistic("counters", name).await, expected, "{name}");
    }
}

fn event(sequence: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{sequence}","source":"/s","type":"t","runid":"r","sequence":"{sequence}"}}"#
    )
}

/// Appends an entry as ingest would.
async fn append(connection: &mut MultiplexedConnection, partition: u8, lines: &[String]) -> EntryId {
    let text = lines.join("\n");
    let entry = EventsEntry {
        count: lines.len(),
        accepted_us: service::clock::unix_us(),
        by: "ingest-1",
        events: &text,
    };
    let mut command = cmd("XADD");
    command.arg(Keys::new(partition).events).arg("*");
    for (name, value) in entry.fields() {
        command.arg(name).arg(value.as_ref());
    }
    let id: String = command.query_async(connection).await.expect("appended");
    id.parse().expect("a stream id")
}

type RawEntries = Vec<(String, Vec<(String, String)>)>;

async fn range(connection: &mut MultiplexedConnection, key: &str) -> RawEntries {
    cmd("XRANGE").arg(key).arg("-").arg("+").query_async(connection).await.expect("a stream")
}

/// Waits until `results` has this many entries, and gives the ids of the entries in `events`, and their sequences.
async fn results(
    connection: &mut MultiplexedConnection,
    partition: u8,
    count: usize,
) -> Vec<(EntryId, Vec<u64>)> {
    let key = Keys::new(partition).results;
    let entries = eventually(&format!("{count} results"), async || {
        let entries = range(connection, &key).await;
        (entries.len() >= count).then_some(entries)
    })
    .await;
    assert_eq!(entries.len(), count);
    let decode = |(_, fields): &(String, Vec<(String, String)>)| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let entry = ResultsEntry::decode(&fields).expect("results follow the contract");
        let stored = entry.events.lines().zip(&entry.outcomes).filter(|(_, outcome)| outcome.is_some());
        let sequences = stored.filter_map(|(line, _)| events::Event::parse(line).ok()?.sequence).collect();
        (entry.id, sequences)
    };
    entries.iter().map(decode).collect()
}

async fn field(connection: &mut MultiplexedConnection, key: &str, field: &str) -> Option<String> {
    cmd("HGET").arg(key).arg(field).query_async(connection).await.expect("a hash")
}

async fn pending_count(connection: &mut MultiplexedConnection, partition: u8) -> u64 {
    let mut command = cmd("XPENDING");
    command.arg(Keys::new(partition).events).arg(events::GROUP);
    let (count, ..): (u64, redis::Value, redis::Value, redis::Value) =
        command.query_async(connection).await.expect("a group");
    count
}

/// Delivers everything new to another consumer, which never settles it.
async fn read_as(connection: &mut MultiplexedConnection, consumer: &str) {
    let key = Keys::new(0).events;
    let create = cmd("XGROUP")
        .arg("CREATE")
        .arg(&key)
        .arg(events::GROUP)
        .arg("0")
        .arg("MKSTREAM")
        .exec_async(connection)
        .await;
    assert!(create.is_ok() || create.is_err_and(|error| error.code() == Some("BUSYGROUP")));
    let mut command = cmd("XREADGROUP");
    command.arg("GROUP").arg(events::GROUP).arg(consumer).arg("STREAMS").arg(&key).arg(">");
    command.exec_async(connection).await.expect("delivered");
}

async fn redis_with_connection() -> (RedisServer, MultiplexedConnection) {
    let redis = RedisServer::start().await;
    let connection = redis.connection().await;
    (redis, connection)
}

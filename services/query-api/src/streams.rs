//! What is asked of Redis about streams, and how its answers are read.

use std::collections::HashMap;
use std::time::Duration;

use events::{EntryId, Keys};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, Value, cmd};

/// What Redis says of a stream. All zero where there is no such key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamInfo {
    /// The last id that was given out.
    pub(crate) last: EntryId,
    /// Entries that were ever added.
    pub(crate) added: u64,
    /// Entries that are there.
    pub(crate) length: u64,
    pub(crate) first_entry: Option<EntryId>,
    pub(crate) last_entry: Option<EntryId>,
}

/// An entry as Redis gave it.
#[derive(Debug)]
pub(crate) struct RawEntry {
    pub(crate) id: EntryId,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl RawEntry {
    /// Size of all fields, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// # Errors
/// What Redis or the network says; a missing key is none.
pub(crate) async fn info(connection: &mut MultiplexedConnection, key: &str) -> RedisResult<StreamInfo> {
    let answer: RedisResult<HashMap<String, Value>> =
        cmd("XINFO").arg("STREAM").arg(key).query_async(connection).await;
    match answer {
        Ok(fields) => Ok(read_info(&fields)),
        Err(error) if is_missing_key(&error) => Ok(StreamInfo::default()),
        Err(error) => Err(error),
    }
}

/// Entries after a position; waits for some up to `block`.
///
/// # Errors
/// What Redis or the network says.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    key: &str,
    after: EntryId,
    count: usize,
    block: Duration,
) -> RedisResult<Vec<RawEntry>> {
    let mut command = cmd("XREAD");
    // 0 would wait for ever.
    command.arg("COUNT").arg(count).arg("BLOCK").arg(block.as_millis().max(1) as u64);
    command.arg("STREAMS").arg(key).arg(after.to_string());
    Ok(read_entries(command.query_async(connection).await?))
}

/// Tells the workers how far this service has come: what they must not trim.
///
/// # Errors
/// What Redis or the network says.
pub(crate) async fn register(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    instance: &str,
    position: EntryId,
    now_us: i64,
) -> RedisResult<()> {
    let report = format!("{position} {}", now_us / 1000);
    cmd("HSET").arg(&keys.followers).arg(instance).arg(report).exec_async(connection).await
}

/// Whether an error says that a stream or its group does not exist.
pub(crate) fn is_missing_key(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.detail().is_some_and(|detail| detail.contains("no such key"))
}

fn read_info(fields: &HashMap<String, Value>) -> StreamInfo {
    let number = |name| match fields.get(name) {
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    };
    let entry = |name| match fields.get(name) {
        Some(Value::Array(parts)) => parts.first().and_then(id),
        _ => None,
    };
    StreamInfo {
        last: fields.get("last-generated-id").and_then(id).unwrap_or_default(),
        added: number("entries-added"),
        length: number("length"),
        first_entry: entry("first-entry"),
        last_entry: entry("last-entry"),
    }
}

/// The answer of XREAD for one stream, in the form of either protocol version.
fn read_entries(answer: Value) -> Vec<RawEntry> {
    let entries = match answer {
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(mut pair)) => pair.pop(),
            _ => None,
        },
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        _ => None,
    };
    match entries {
        Some(Value::Array(entries)) => entries.into_iter().filter_map(entry).collect(),
        _ => Vec::new(),
    }
}

fn entry(value: Value) -> Option<RawEntry> {
    let Value::Array(pair) = value else { return None };
    let [entry_id, Value::Array(flat)] = <[Value; 2]>::try_from(pair).ok()? else { return None };
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) = (flat.next(), flat.next()) {
        fields.push((name, value));
    }
    Some(RawEntry { id: id(&entry_id)?, fields })
}

fn id(value: &Value) -> Option<EntryId> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}

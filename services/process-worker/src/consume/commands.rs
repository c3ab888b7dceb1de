//! The Redis commands of the reading stage.

use std::time::Duration;

use events::{EntryId, GROUP, Keys};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, Value, cmd};

use crate::decode::{RawEntry, claim_reply, read_reply};

/// An entry that a consumer was given and has not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) id: EntryId,
    /// Deliveries so far.
    pub(crate) deliveries: u64,
}

/// Creates the group, from the first entry on, where it is missing.
pub(super) async fn create_group(connection: &mut MultiplexedConnection, keys: &Keys) -> RedisResult<()> {
    let mut command = cmd("XGROUP");
    command.arg("CREATE").arg(&keys.events).arg(GROUP).arg("0").arg("MKSTREAM");
    match command.query_async::<()>(connection).await {
        Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
        _ => Ok(()),
    }
}

pub(super) async fn read_new(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    consumer: &str,
    count: usize,
    block: Duration,
) -> RedisResult<Vec<RawEntry>> {
    let mut command = cmd("XREADGROUP");
    command.arg("GROUP").arg(GROUP).arg(consumer).arg("COUNT").arg(count);
    command.arg("BLOCK").arg(block.as_millis() as u64).arg("STREAMS").arg(&keys.events).arg(">");
    Ok(read_reply(command.query_async(connection).await?))
}

/// The pending entries of one or all consumers that have been idle for `idle`, after an id, in order.
pub(super) async fn pending(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    consumer: Option<&str>,
    idle: Duration,
    after: Option<EntryId>,
    count: usize,
) -> RedisResult<Vec<Pending>> {
    let start = after.map_or_else(|| "-".to_owned(), |id| id.next().to_string());
    let mut command = cmd("XPENDING");
    command
        .arg(&keys.events)
        .arg(GROUP)
        .arg("IDLE")
        .arg(idle.as_millis() as u64)
        .arg(start)
        .arg("+")
        .arg(count);
    if let Some(consumer) = consumer {
        command.arg(consumer);
    }
    let found: Vec<(String, String, u64, u64)> = command.query_async(connection).await?;
    found
        .into_iter()
        .map(|(id, _, _, deliveries)| {
            let id =
                id.parse().map_err(|_| RedisError::from((redis::ErrorKind::Parse, "not a stream id")))?;
            Ok(Pending { id, deliveries })
        })
        .collect()
}

/// Takes entries over, which counts as a delivery. Those that were settled meanwhile are left out.
pub(super) async fn claim(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    consumer: &str,
    idle: Duration,
    pending: &[Pending],
) -> RedisResult<Vec<RawEntry>> {
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = cmd("XCLAIM");
    command.arg(&keys.events).arg(GROUP).arg(consumer).arg(idle.as_millis() as u64);
    for one in pending {
        command.arg(one.id.to_string());
    }
    let reply: Value = command.query_async(connection).await?;
    let mut entries = claim_reply(reply);
    for entry in &mut entries {
        let before = pending.iter().find(|one| one.id == entry.id).map_or(0, |one| one.deliveries);
        entry.deliveries = before + 1;
    }
    Ok(entries)
}

/// Resets the idle time of entries without counting a delivery. Where the group is lost there are no claims.
pub(crate) async fn refresh(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    consumer: &str,
    ids: &[EntryId],
) -> RedisResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut command = cmd("XCLAIM");
    command.arg(&keys.events).arg(GROUP).arg(consumer).arg(0);
    for id in ids {
        command.arg(id.to_string());
    }
    match command.arg("JUSTID").exec_async(connection).await {
        Err(error) if error.code() != Some("NOGROUP") => Err(error),
        _ => Ok(()),
    }
}

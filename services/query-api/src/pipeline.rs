//! The state of the whole pipeline, by asking Redis.

use std::time::Duration;

use events::{EntryId, GROUP, Keys};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};
use serde::Serialize;
use service::redis::{RedisConfig, describe};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::follow::Progress;
use crate::streams;

/// Longest wait for Redis: whoever asks would rather know that it does not answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One partition of the streams.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PartitionState {
    pub(crate) partition: u8,
    /// Events that ingest has accepted since Redis has data.
    pub(crate) accepted: u64,
    /// Events whose entries the workers have settled, dead-lettered ones included.
    pub(crate) settled: u64,
    /// Accepted and not settled events.
    pub(crate) backlog: u64,
    /// Entries that a worker was given and has not settled.
    pub(crate) pending: u64,
    /// How long the oldest pending entry has been in the stream; 0 without one.
    pub(crate) oldest_pending_ms: u64,
    /// Dead-lettered events.
    pub(crate) dead: u64,
    /// The entry of the results stream up to which the cache has come; null where a worker fills the cache.
    pub(crate) cache_position: Option<String>,
    /// The last entry of the results stream; null while there is none.
    pub(crate) results_last: Option<String>,
    /// Entries of the results stream that the cache does not have yet.
    pub(crate) results_behind: u64,
    /// Whether results were gone before the cache could take them.
    pub(crate) gap: bool,
}

/// Asks Redis through one connection, which is made when it is first needed and whenever it is lost.
pub(crate) struct Pipeline {
    config: RedisConfig,
    keys: Vec<Keys>,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Pipeline {
    pub(crate) fn new(config: &RedisConfig, partitions: u16) -> Self {
        Self { config: config.clone(), keys: Keys::all(partitions), connection: Mutex::default() }
    }

    /// The state of all partitions. Without `progress` a worker fills the cache.
    ///
    /// # Errors
    /// A Redis that does not answer.
    pub(crate) async fn partitions(
        &self,
        progress: Option<&Progress>,
    ) -> Result<Vec<PartitionState>, ApiError> {
        match timeout(TIMEOUT, self.ask(progress)).await {
            Ok(answer) => answer.map_err(|error| ApiError::Redis(describe(&error))),
            Err(_) => Err(ApiError::Redis(format!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    }

    async fn ask(&self, progress: Option<&Progress>) -> RedisResult<Vec<PartitionState>> {
        let mut connection = self.connection().await?;
        let mut states = Vec::with_capacity(self.keys.len());
        for keys in &self.keys {
            match state(&mut connection, keys, progress).await {
                Ok(state) => states.push(state),
                Err(error) => {
                    *self.connection.lock().await = None;
                    return Err(error);
                }
            }
        }
        Ok(states)
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        match &*connection {
            Some(connection) => Ok(connection.clone()),
            None => Ok(connection.insert(self.config.connect_once(TIMEOUT).await?).clone()),
        }
    }
}

async fn state(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    progress: Option<&Progress>,
) -> RedisResult<PartitionState> {
    // The counters, then the results, then the cache: what one step had is never missing in the next one.
    let (accepted, settled, dead): (Option<u64>, Option<u64>, Option<u64>) = cmd("HMGET")
        .arg(&keys.counters)
        .arg(&["accepted", "settled", "dead"])
        .query_async(connection)
        .await?;
    let (accepted, settled) = (accepted.unwrap_or(0), settled.unwrap_or(0));
    let (pending, oldest) = pending(connection, keys).await?;
    let (seconds, micros): (u64, u64) = cmd("TIME").query_async(connection).await?;
    let now_ms = seconds * 1000 + micros / 1000;
    let results = streams::info(connection, &keys.results).await?;
    let progress = progress.map(|progress| progress.of(keys.partition));
    let followed = progress.map(|progress| progress.followed);
    Ok(PartitionState {
        partition: keys.partition,
        accepted,
        settled,
        backlog: accepted.saturating_sub(settled),
        pending,
        oldest_pending_ms: oldest.map_or(0, |oldest| now_ms.saturating_sub(oldest.ms)),
        dead: dead.unwrap_or(0),
        cache_position: followed.map(|followed| followed.position.to_string()),
        results_last: (results.last > EntryId::ZERO).then(|| results.last.to_string()),
        results_behind: followed.map_or(0, |followed| {
            let is_behind = followed.position < results.last;
            // Counts may disagree for a moment after Redis has lost data, positions do not.
            if is_behind { results.added.saturating_sub(followed.entries).max(1) } else { 0 }
        }),
        gap: progress.is_some_and(|progress| progress.gap.is_some()),
    })
}

/// Number of pending entries, and the first of them.
async fn pending(connection: &mut MultiplexedConnection, keys: &Keys) -> RedisResult<(u64, Option<EntryId>)> {
    let answer = cmd("XPENDING").arg(&keys.events).arg(GROUP).query_async(connection).await;
    let summary: (u64, Option<String>, Value, Value) = match answer {
        Ok(summary) => summary,
        Err(error) if streams::is_missing_key(&error) => return Ok((0, None)),
        Err(error) => return Err(error),
    };
    Ok((summary.0, summary.1.and_then(|id| id.parse().ok())))
}

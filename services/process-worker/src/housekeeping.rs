//! What a partition needs besides its pipeline: keeping the claims of slow batches, and trimming the streams, which
//! one worker at a time does under a lease.

mod streams;

use std::sync::Arc;
use std::time::Duration;

use events::{EntryId, GROUP, Keys};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script, cmd};
use service::redis::Link;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::RetentionConfig;
use crate::consume::{Deliveries, commands};
use crate::telemetry::Instruments;

use self::streams::StreamState;

pub(crate) use self::streams::LeasedStreams;

/// The lease outlives this many missed renewals.
const LEASE_INTERVALS: u32 = 3;

/// How often the streams are looked at for the metrics.
const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);

/// A query service that has not reported for this time no longer holds back the trimming of its results.
const FOLLOWER_SILENCE_MS: u64 = 600_000;

/// Takes the lease, or renews one's own. Keys: lease. Arguments: token, milliseconds.
const ACQUIRE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
";

/// Gives one's own lease back. Keys: lease. Arguments: token.
const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
";

/// Trims both streams, only while the lease is one's own. Keys: lease, events, results. Arguments: token, first id to
/// keep of each.
const TRIM: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[2]) + redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[3])
";

/// The housekeeping of one partition.
pub(crate) struct Housekeeper {
    pub(crate) keys: Arc<Keys>,
    pub(crate) link: Link,
    pub(crate) name: String,
    pub(crate) claim_idle: Duration,
    pub(crate) retention: RetentionConfig,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) streams: LeasedStreams,
    pub(crate) instruments: Instruments,
}

impl Housekeeper {
    /// Works until `shutdown` is cancelled, then gives the lease back.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let token = format!("{}-{:016x}", self.name, rand::random::<u64>());
        while let Some(mut connection) = self.link.connect(&shutdown).await {
            tokio::select! {
                () = shutdown.cancelled() => {
                    self.streams.remove(self.keys.partition);
                    let released = self.lease(RELEASE, &token, &mut connection).await;
                    // The lease expires by itself where this fails.
                    if let Err(error) = released {
                        tracing::debug!(%error, "the lease was not released");
                    }
                    return;
                }
                result = self.keep(&token, &mut connection) => if let Err(error) = result {
                    self.streams.remove(self.keys.partition);
                    self.link.lost(&error);
                }
            }
        }
    }

    /// Only ends with an error.
    async fn keep(&self, token: &str, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let mut claims = interval(self.claim_idle / 4);
        let mut trims = interval(self.retention.trim_interval);
        let mut observations = interval(OBSERVE_INTERVAL);
        for ticks in [&mut claims, &mut trims, &mut observations] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut is_held = false;
        loop {
            tokio::select! {
                _ = claims.tick() => {
                    commands::refresh(connection, &self.keys, &self.name, &self.deliveries.in_flight()).await?;
                }
                _ = trims.tick() => {
                    let was_held = is_held;
                    is_held = self.lease(ACQUIRE, token, connection).await? == 1;
                    match (was_held, is_held) {
                        (false, true) => self.observe(connection).await?,
                        (true, false) => self.streams.remove(self.keys.partition),
                        _ => {}
                    }
                    if is_held {
                        self.trim(token, connection).await?;
                    }
                }
                _ = observations.tick() => if is_held {
                    self.observe(connection).await?;
                }
            }
        }
    }

    async fn observe(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let state = StreamState::read(connection, &self.keys).await?;
        self.streams.set(self.keys.partition, state);
        Ok(())
    }

    async fn lease(
        &self,
        script: &str,
        token: &str,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<i64> {
        let lease_ms = (self.retention.trim_interval * LEASE_INTERVALS).as_millis() as u64;
        Script::new(script).key(&self.keys.lease).arg(token).arg(lease_ms).invoke_async(connection).await
    }

    async fn trim(&self, token: &str, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let (seconds, _): (u64, u64) = cmd("TIME").query_async(connection).await?;
        let before =
            |retention: Duration| EntryId::new(seconds.saturating_sub(retention.as_secs()) * 1000, 0);
        let Some(settled) = self.first_unsettled(connection).await? else { return Ok(()) };
        let oversize = self.end_of_excess(&self.keys.events, connection).await?;
        let events = before(self.retention.events).max(oversize).min(settled);
        let followed = self.first_unfollowed(seconds * 1000, connection).await?;
        let oversize = self.end_of_excess(&self.keys.results, connection).await?;
        let results =
            before(self.retention.results).max(oversize).min(followed.unwrap_or(EntryId::new(u64::MAX, 0)));
        let script = Script::new(TRIM);
        let mut invocation = script.key(&self.keys.lease);
        invocation.key(&self.keys.events).key(&self.keys.results);
        invocation.arg(token).arg(events.to_string()).arg(results.to_string());
        let trimmed: i64 = invocation.invoke_async(connection).await?;
        self.instruments.entries_trimmed.add(u64::try_from(trimmed).unwrap_or(0));
        Ok(())
    }

    /// Where a stream that takes too much memory should begin, as if its entries were spread evenly over time. The next
    /// trims correct the estimate.
    async fn end_of_excess(&self, key: &str, connection: &mut MultiplexedConnection) -> RedisResult<EntryId> {
        let usage: Option<u64> = cmd("MEMORY").arg("USAGE").arg(key).query_async(connection).await?;
        let excess = usage.unwrap_or(0).saturating_sub(self.retention.bytes_max);
        if excess == 0 {
            return Ok(EntryId::ZERO);
        }
        let info: redis::streams::StreamInfoStreamReply =
            cmd("XINFO").arg("STREAM").arg(key).query_async(connection).await?;
        let ms = |id: &str| id.parse().map_or(0, |id: EntryId| id.ms);
        let (first, last) = (ms(&info.first_entry.id), ms(&info.last_generated_id));
        let share = excess as f64 / usage.unwrap_or(1) as f64;
        // At least the first millisecond goes, or a burst would stay.
        let excess_ms = (last.saturating_sub(first) as f64 * share).ceil().max(1.0);
        Ok(EntryId::new(first + excess_ms as u64, 0))
    }

    /// The first entry that the group has not acknowledged: pending, or not yet delivered. `None` without a group.
    async fn first_unsettled(&self, connection: &mut MultiplexedConnection) -> RedisResult<Option<EntryId>> {
        let mut command = cmd("XPENDING");
        command.arg(&self.keys.events).arg(GROUP);
        let (_, first_pending, ..): (u64, Option<String>, Option<String>, redis::Value) =
            match command.query_async(connection).await {
                Err(error) if error.code() == Some("NOGROUP") => return Ok(None),
                reply => reply?,
            };
        if let Some(id) = first_pending {
            return Ok(id.parse().ok());
        }
        let groups: redis::streams::StreamInfoGroupsReply =
            cmd("XINFO").arg("GROUPS").arg(&self.keys.events).query_async(connection).await?;
        let group = groups.groups.iter().find(|group| group.name == GROUP);
        Ok(group.and_then(|group| group.last_delivered_id.parse::<EntryId>().ok()).map(EntryId::next))
    }

    /// The first entry of the results that a living query service has not followed; `None` where there is none.
    async fn first_unfollowed(
        &self,
        now_ms: u64,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Option<EntryId>> {
        let followers: Vec<(String, String)> =
            cmd("HGETALL").arg(&self.keys.followers).query_async(connection).await?;
        let position = |(_, report): &(String, String)| {
            let (id, reported_ms) = report.split_once(' ')?;
            let is_alive = reported_ms.parse::<u64>().ok()? + FOLLOWER_SILENCE_MS > now_ms;
            is_alive.then(|| id.parse::<EntryId>().ok())?.map(EntryId::next)
        };
        Ok(followers.iter().filter_map(position).min())
    }
}

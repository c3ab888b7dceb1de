//! What became of the shards of a run, as Redis shows it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use service::redis::{RedisConfig, describe};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::clock::ClockReport;
use super::keys::Keys;
use super::member::Member;
use super::publish::Done;
use super::{JoinOptions, RESPONSE_TIMEOUT};

/// The usual time after which a shard that is not heard of is lost.
pub(super) const LOST_AFTER: Duration = Duration::from_secs(6);
/// How often the coordinator looks for the others at the end.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What became of all shards of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardsReport {
    /// How many the run has.
    pub count: u32,
    /// Each of them, in the order of their numbers.
    pub shards: Vec<ShardReport>,
    /// What Redis said, where it could not be asked; then the others are unknown.
    pub redis_error: Option<String>,
}

/// What became of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardReport {
    /// From 0.
    pub shard: u32,
    /// Where it runs, if it was ever there.
    pub instance: Option<String>,
    /// What became of it.
    pub state: ShardState,
    /// Seconds for which nothing had been heard of it, unless it is done.
    pub silent_s: Option<f64>,
    /// What it says of its clock when it is done.
    pub clock: Option<ClockReport>,
    /// Signs of life of it that did not reach Redis.
    pub missed_beats: Option<u64>,
}

/// What became of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// It has finished, and its results are there.
    Done,
    /// It lives and has not finished.
    Running,
    /// It is not heard of any more, or never was.
    Lost,
    /// Redis could not be asked.
    Unknown,
}

impl ShardsReport {
    /// The numbers of the shards in a state.
    pub fn in_state(&self, state: ShardState) -> Vec<u32> {
        self.shards.iter().filter(|shard| shard.state == state).map(|shard| shard.shard).collect()
    }
}

/// All that Redis knows of the shards at one moment.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Unix microseconds by the clock of Redis.
    pub(super) now_us: i64,
    pub(super) members: HashMap<u32, Member>,
    pub(super) beats: HashMap<u32, i64>,
    pub(super) done: HashMap<u32, Done>,
}

impl View {
    pub(super) fn is_alive(&self, shard: u32, lost_after: Duration) -> bool {
        self.members.contains_key(&shard) && self.silence(shard).is_some_and(|silence| silence <= lost_after)
    }

    /// For how long nothing has been heard of a shard; none where it never was.
    fn silence(&self, shard: u32) -> Option<Duration> {
        let silent_us = self.now_us - self.beats.get(&shard)?;
        Some(Duration::from_micros(u64::try_from(silent_us).unwrap_or_default()))
    }

    /// What became of the shards of a run. One that is silent is lost only if it could have been heard of for
    /// `listened`.
    pub(super) fn report(&self, count: u32, lost_after: Duration, listened: Duration) -> ShardsReport {
        let shard = |shard| {
            let done = self.done.get(&shard);
            let silence = self.silence(shard);
            let state = match done {
                Some(_) => ShardState::Done,
                None if silence.unwrap_or(Duration::MAX).min(listened) > lost_after => ShardState::Lost,
                None => ShardState::Running,
            };
            ShardReport {
                shard,
                instance: self.members.get(&shard).map(|member| member.instance.clone()),
                state,
                silent_s: silence.filter(|_| done.is_none()).map(|silence| silence.as_secs_f64()),
                clock: done.map(|done| done.clock.clone()),
                missed_beats: done.map(|done| done.missed_beats),
            }
        };
        ShardsReport { count, shards: (0..count).map(shard).collect(), redis_error: None }
    }
}

/// Asks Redis for all that it knows of the shards.
pub(super) async fn look(connection: &mut MultiplexedConnection, keys: &Keys) -> Result<View, RedisError> {
    type Answer = ((i64, i64), HashMap<u32, String>, HashMap<u32, i64>, HashMap<u32, String>);
    let ((seconds, microseconds), members, beats, done): Answer = redis::pipe()
        .atomic()
        .cmd("TIME")
        .hgetall(&keys.members)
        .hgetall(&keys.beats)
        .hgetall(&keys.done)
        .query_async(connection)
        .await?;
    let now_us = seconds * 1_000_000 + microseconds;
    Ok(View { now_us, members: parse(members)?, beats, done: parse(done)? })
}

fn parse<T: DeserializeOwned>(texts: HashMap<u32, String>) -> Result<HashMap<u32, T>, RedisError> {
    let parse = |(shard, text): (u32, String)| Ok((shard, serde_json::from_str(&text)?));
    let parsed: Result<_, serde_json::Error> = texts.into_iter().map(parse).collect();
    parsed.map_err(|error| {
        (ErrorKind::UnexpectedReturnType, "what a shard wrote is not understood", error.to_string()).into()
    })
}

/// Looks until all other shards are done or lost, at most for `wait_max`. `own` counts as done already.
pub(super) async fn wait_for_others(
    redis: &RedisConfig,
    keys: &Keys,
    member: &Member,
    own: &Done,
    options: &JoinOptions,
    wait_max: Duration,
    shutdown: &CancellationToken,
) -> ShardsReport {
    let began = Instant::now();
    let mut listening: Option<(MultiplexedConnection, Instant)> = None;
    loop {
        let looked = match &mut listening {
            Some((connection, since)) => look(connection, keys).await.map(|view| (view, since.elapsed())),
            None => match redis.connect_once(RESPONSE_TIMEOUT).await {
                Ok(mut connection) => {
                    let looked = look(&mut connection, keys).await;
                    listening = Some((connection, Instant::now()));
                    looked.map(|view| (view, Duration::ZERO))
                }
                Err(error) => Err(error),
            },
        };
        let report = match looked {
            Ok((mut view, listened)) => {
                view.members.insert(member.index, member.clone());
                view.done.insert(member.index, own.clone());
                view.report(member.count, options.lost_after, listened)
            }
            Err(error) => {
                listening = None;
                unknown(member, own, describe(&error))
            }
        };
        let is_settled = report.in_state(ShardState::Running).is_empty() && report.redis_error.is_none();
        if is_settled || began.elapsed() >= wait_max || shutdown.is_cancelled() {
            return report;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep(POLL_INTERVAL) => {}
        }
    }
}

fn unknown(member: &Member, own: &Done, error: String) -> ShardsReport {
    let mut report = View::default().report(member.count, Duration::MAX, Duration::ZERO);
    for shard in &mut report.shards {
        shard.state = ShardState::Unknown;
        if shard.shard == member.index {
            shard.state = ShardState::Done;
            shard.instance = Some(member.instance.clone());
            shard.clock = Some(own.clock.clone());
            shard.missed_beats = Some(own.missed_beats);
        }
    }
    report.redis_error = Some(error);
    report
}

/// `shard 3`, `shards 1, 2`.
pub(super) fn names(shards: &[u32]) -> String {
    let numbers: Vec<String> = shards.iter().map(u32::to_string).collect();
    format!("{} {}", if shards.len() == 1 { "shard" } else { "shards" }, numbers.join(", "))
}

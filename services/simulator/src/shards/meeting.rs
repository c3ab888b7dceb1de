//! The start barrier: all shards take their places, shard 0 sets the start, everyone reads it.

use std::time::{Duration, Instant};

use measurement::clock::ClockOffset;
use observability::log::LIFECYCLE;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use serde::Deserialize;
use service::redis::{RedisConfig, describe};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::clock::{self, LocalClock, ShardClock};
use super::keys::Keys;
use super::member::Member;
use super::report::{View, look, names};
use super::{JoinOptions, RESPONSE_TIMEOUT, ShardsError, scripts};
use crate::RunError;

/// How often a waiting shard asks. A hundred shards are then a thousand questions a second, which Redis does not feel.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The start is at least this far ahead when it is set: shards learn of it within [`POLL_INTERVAL`] and then measure
/// their clocks once more.
const LEAD_MIN: Duration = Duration::from_millis(500);
/// The lead in longest round trips of all shards, where that is more: twice the exchanges of a clock measurement.
const LEAD_ROUND_TRIPS: u32 = 40;

/// What a shard brings back from the meeting.
pub(super) struct Met {
    pub(super) member: Member,
    pub(super) start: Instant,
    pub(super) start_unix_us: i64,
    pub(super) clock: ShardClock,
}

/// The value of [`Keys::start`].
#[derive(Debug, Clone, Deserialize)]
struct Start {
    /// Unix microseconds by the clock of Redis.
    at_us: i64,
    /// What the coordinator measured of the clock of Redis.
    coordinator: ClockOffset,
}

/// A shard that waits for the others.
struct Meeting<'a> {
    redis: &'a RedisConfig,
    keys: &'a Keys,
    options: &'a JoinOptions,
    member: Member,
    connection: Option<MultiplexedConnection>,
    /// Who has our place, and when that process was last heard of.
    holder: Option<(Member, String)>,
    /// Who was there at the last look.
    present: Vec<String>,
    missing: Vec<u32>,
    /// Who counts as there and has not asked lately.
    quiet: Vec<u32>,
    /// Since when all have been there, Unix microseconds by the clock of Redis. A shard that has died a moment ago still
    /// seems to be there, so the start is set only when all have been heard of after this.
    complete_since_us: Option<i64>,
}

/// Why a step of the meeting did not work.
enum Failure {
    /// Connect again.
    Redis(RedisError),
    /// There is no point in trying again.
    Final(ShardsError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

/// Waits until the run has a start, at most for the start timeout.
pub(super) async fn meet(
    redis: &RedisConfig,
    keys: &Keys,
    member: Member,
    options: &JoinOptions,
    shutdown: &CancellationToken,
) -> Result<Met, RunError> {
    let missing = (0..member.count).filter(|shard| *shard != member.index).collect();
    let mut meeting = Meeting {
        redis,
        keys,
        options,
        member,
        connection: None,
        holder: None,
        present: Vec::new(),
        missing,
        quiet: Vec::new(),
        complete_since_us: None,
    };
    match shutdown.run_until_cancelled(meeting.wait()).await {
        Some(Ok((start, clock))) => Ok(meeting.met(&start, clock)?),
        Some(Err(error)) => Err(error.into()),
        None => {
            // Nobody waits for a shard that is gone: its place is free at once, or at the latest when it counts as lost.
            drop(meeting.leave().await);
            Err(RunError::StoppedEarly)
        }
    }
}

impl Meeting<'_> {
    async fn wait(&mut self) -> Result<(Start, ClockOffset), ShardsError> {
        let began = Instant::now();
        loop {
            let failure = match self.step().await {
                Ok(Some(agreed)) => return Ok(agreed),
                Ok(None) => None,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Redis(error)) => {
                    self.connection = None;
                    Some(describe(&error))
                }
            };
            if began.elapsed() >= self.options.start_timeout {
                return self.give_up(failure).await;
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Asks for the start once; sets it where this is the coordinator and everyone is there.
    async fn step(&mut self) -> Result<Option<(Start, ClockOffset)>, Failure> {
        let mut connection = self.connect().await?;
        let Some(start) = self.take_place(&mut connection).await? else {
            if self.holder.is_none() {
                let view = look(&mut connection, self.keys).await?;
                self.notice(&view);
                match self.complete_since_us.filter(|_| self.missing.is_empty()) {
                    Some(since_us) if self.member.index == 0 => {
                        self.set_start(&mut connection, &view, since_us).await?;
                    }
                    Some(_) => {}
                    None => self.complete_since_us = self.missing.is_empty().then_some(view.now_us),
                }
            }
            return Ok(None);
        };
        let start = read_start(&start, self.redis)?;
        let measured = clock::measure(&mut connection, &self.options.clock).await?;
        Ok(Some((start, measured.offset)))
    }

    async fn connect(&mut self) -> Result<MultiplexedConnection, Failure> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let mut connection = self.redis.connect_once(RESPONSE_TIMEOUT).await?;
        let measured = clock::measure(&mut connection, &self.options.clock).await?;
        self.member.round_trip_us = measured.longest_round_trip_us;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    /// The start as Redis has it, where this shard has its place and there is one.
    async fn take_place(
        &mut self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<String>, Failure> {
        let Keys { run_id, members, beats, start, .. } = self.keys;
        let (verdict, detail, beat): (String, String, String) = Script::new(scripts::MEET)
            .key(members)
            .key(beats)
            .key(start)
            .arg(self.member.index)
            .arg(self.member.to_json())
            .arg(self.options.lost_after.as_micros() as u64)
            .arg(Keys::expiry_s())
            .invoke_async(connection)
            .await?;
        let holder = self.holder.take();
        let run_id = run_id.clone();
        match verdict.as_str() {
            "start" => Ok(Some(detail)),
            "started" => Err(Failure::Final(ShardsError::Started { run_id })),
            "taken" => {
                let member = self.other(&detail)?;
                // A process that died a moment ago is heard of no more, and its place becomes free.
                if holder.is_some_and(|(held_by, last)| held_by.token == member.token && last != beat) {
                    return Err(Failure::Final(self.taken(&member)));
                }
                self.holder = Some((member, beat));
                Ok(None)
            }
            "differs" => {
                let other = self.other(&detail)?;
                let difference = self.member.difference(&other);
                let (shard, instance) = (other.index, other.instance);
                Err(Failure::Final(ShardsError::Differs { run_id, shard, instance, difference }))
            }
            _ => Ok(None),
        }
    }

    fn other(&self, text: &str) -> Result<Member, Failure> {
        serde_json::from_str(text).map_err(|_| Failure::Final(not_understood(self.redis)))
    }

    fn taken(&self, holder: &Member) -> ShardsError {
        let (run_id, shard) = (self.keys.run_id.clone(), self.member.index);
        ShardsError::Taken { run_id, shard, holder: holder.instance.clone() }
    }

    /// Says who is missing, whenever that changes.
    fn notice(&mut self, view: &View) {
        let is_here = |shard: &u32| view.is_alive(*shard, self.options.lost_after);
        let (present, missing): (Vec<u32>, Vec<u32>) = (0..self.member.count).partition(is_here);
        self.present = present
            .iter()
            .filter_map(|shard| Some(format!("{shard} on {}", view.members.get(shard)?.instance)))
            .collect();
        self.quiet =
            present.iter().copied().filter(|shard| !view.is_alive(*shard, POLL_INTERVAL * 3)).collect();
        if missing != self.missing && !missing.is_empty() {
            tracing::info!(
                target: LIFECYCLE,
                "waiting for {} of {}",
                names(&missing),
                self.member.count
            );
        }
        self.missing = missing;
    }

    async fn set_start(
        &self,
        connection: &mut MultiplexedConnection,
        view: &View,
        since_us: i64,
    ) -> Result<(), Failure> {
        let measured = clock::measure(connection, &self.options.clock).await?;
        let longest = view.members.values().map(|member| member.round_trip_us).max().unwrap_or_default();
        let lead = LEAD_MIN.max(Duration::from_micros(longest) * LEAD_ROUND_TRIPS) + POLL_INTERVAL;
        let coordinator = serde_json::to_string(&measured.offset).expect("numbers can be written");
        let _: i64 = Script::new(scripts::START)
            .key(&self.keys.members)
            .key(&self.keys.beats)
            .key(&self.keys.start)
            .arg(self.member.count)
            .arg(since_us)
            .arg(lead.as_micros() as u64)
            .arg(coordinator)
            .arg(Keys::expiry_s())
            .invoke_async(connection)
            .await?;
        Ok(())
    }

    /// Leaves, unless the start came at the last moment. `failure` is what Redis said last.
    async fn give_up(&mut self, failure: Option<String>) -> Result<(Start, ClockOffset), ShardsError> {
        let waited_s = self.options.start_timeout.as_secs_f64();
        let unreachable = |reason: String| ShardsError::Redis {
            address: self.redis.address(),
            reason: format!("cannot be used within {waited_s} s: {reason}"),
        };
        if let Some(reason) = failure {
            return Err(unreachable(reason));
        }
        if let Some((holder, _)) = &self.holder {
            return Err(self.taken(holder));
        }
        match self.leave().await {
            Ok(Some((start, offset))) => Ok((start, offset)),
            Ok(None) => Err(ShardsError::Missing {
                run_id: self.keys.run_id.clone(),
                waited_s,
                missing: names(if self.missing.is_empty() { &self.quiet } else { &self.missing }),
                count: self.member.count,
                present: self.present.join(", "),
            }),
            Err(Failure::Redis(error)) => Err(unreachable(describe(&error))),
            Err(Failure::Final(error)) => Err(error),
        }
    }

    /// Gives the place up; the start, where the run has begun instead.
    async fn leave(&self) -> Result<Option<(Start, ClockOffset)>, Failure> {
        let Some(mut connection) = self.connection.clone() else { return Ok(None) };
        let start: String = Script::new(scripts::LEAVE)
            .key(&self.keys.members)
            .key(&self.keys.beats)
            .key(&self.keys.start)
            .arg(self.member.index)
            .arg(&self.member.token)
            .invoke_async(&mut connection)
            .await?;
        if start.is_empty() {
            return Ok(None);
        }
        let measured = clock::measure(&mut connection, &self.options.clock).await?;
        Ok(Some((read_start(&start, self.redis)?, measured.offset)))
    }

    fn met(self, start: &Start, redis: ClockOffset) -> Result<Met, ShardsError> {
        let clock: LocalClock = self.options.clock;
        let local_us = start.at_us - redis.offset_us.round() as i64;
        let late_us = clock.now_us() - local_us;
        if late_us > 0 {
            return Err(ShardsError::MissedStart { late_ms: late_us / 1000 });
        }
        Ok(Met {
            member: self.member,
            start: clock.instant_of(local_us),
            start_unix_us: start.at_us,
            clock: ShardClock::new(redis, &start.coordinator),
        })
    }
}

fn read_start(text: &str, redis: &RedisConfig) -> Result<Start, Failure> {
    serde_json::from_str(text).map_err(|_| Failure::Final(not_understood(redis)))
}

/// Only another version of the program could have written it.
pub(super) fn not_understood(redis: &RedisConfig) -> ShardsError {
    let reason = "holds something else under the keys of this run, choose another run id".to_owned();
    ShardsError::Redis { address: redis.address(), reason }
}

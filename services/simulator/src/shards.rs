//! Several simulators that send one run: they meet in Redis, start at the same moment, show that they are alive, and
//! leave their results there. Redis has no part in the load: a shard that loses it goes on sending.
//!
//! The keys of a run, which expire a day after they were last used, are described in `docs/simulator-shards.md`.

mod clock;
mod collect;
mod error;
mod heartbeat;
mod keys;
mod meeting;
mod member;
mod publish;
mod report;
mod scripts;

use std::path::Path;
use std::time::{Duration, Instant};

use measurement::clock::ClockOffset;
use service::redis::{RedisConfig, describe};
use tokio_util::sync::CancellationToken;

use crate::RunError;
use crate::plan::Plan;

pub use clock::{ClockDifference, ClockReport, LocalClock};
pub use collect::{Collected, collect};
pub use error::ShardsError;
pub use report::{ShardReport, ShardState, ShardsReport};

use clock::ShardClock;
use heartbeat::Heartbeat;
use keys::Keys;
use member::Member;
use publish::Done;

/// Longest wait for an answer of Redis. A shard of which nothing is heard counts as lost only after several of these.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The same where results are transferred: a part of a file over a slow link of an edge device.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(60);

/// How shards wait for each other.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// How long to wait for Redis and for the other shards before the run.
    pub start_timeout: Duration,
    /// Time between two signs of life.
    pub beat_interval: Duration,
    /// A shard that has not been heard of for this long is lost; several beats, so that one may be late.
    pub lost_after: Duration,
    /// The clock of this machine.
    pub clock: LocalClock,
}

impl JoinOptions {
    /// The usual intervals, and the clock of this machine.
    pub fn new(start_timeout: Duration) -> Self {
        Self {
            start_timeout,
            beat_interval: Duration::from_secs(2),
            lost_after: report::LOST_AFTER,
            clock: LocalClock::of_this_machine(),
        }
    }
}

/// A shard whose run begins. It shows that it is alive until it is dropped.
#[derive(Debug)]
pub struct Joined {
    /// When the run starts, by the monotonic clock of this machine.
    pub start: Instant,
    /// The same moment by the clock of Redis, Unix microseconds: one number for all shards.
    pub start_unix_us: i64,
    redis: RedisConfig,
    keys: Keys,
    member: Member,
    options: JoinOptions,
    clock: ShardClock,
    heartbeat: Heartbeat,
}

/// How far the clock of Redis is ahead of this machine's.
///
/// # Errors
/// Redis that cannot be asked.
pub async fn redis_clock(redis: &RedisConfig) -> Result<ClockOffset, ShardsError> {
    let unusable = |error| ShardsError::Redis {
        address: redis.address(),
        reason: format!("does not tell the time: {}", describe(&error)),
    };
    let mut connection = redis.connect_once(RESPONSE_TIMEOUT).await.map_err(unusable)?;
    let measured = clock::measure(&mut connection, &LocalClock::of_this_machine()).await;
    Ok(measured.map_err(unusable)?.offset)
}

/// Meets the other shards of the plan's run and agrees on its start, which is a little ahead of the return.
///
/// # Errors
/// [`RunError::Shards`] where they do not come together, [`RunError::StoppedEarly`] where `shutdown` comes first.
pub async fn join(
    redis: &RedisConfig,
    plan: &Plan,
    instance: &str,
    options: JoinOptions,
    shutdown: &CancellationToken,
) -> Result<Joined, RunError> {
    let keys = Keys::new(&plan.run_id);
    let met = meeting::meet(redis, &keys, Member::new(plan, instance), &options, shutdown).await?;
    let heartbeat = Heartbeat::start(redis, &keys, &met.member, options.beat_interval);
    Ok(Joined {
        start: met.start,
        start_unix_us: met.start_unix_us,
        redis: redis.clone(),
        keys,
        member: met.member,
        options,
        clock: met.clock,
        heartbeat,
    })
}

impl Joined {
    /// Whether this is shard 0, which set the start and reports about the others.
    pub fn is_coordinator(&self) -> bool {
        self.member.index == 0
    }

    /// What is known of this shard's clock.
    pub fn clock(&self) -> &ClockReport {
        &self.clock.report
    }

    /// Signs of life that did not reach Redis.
    pub fn missed_beats(&self) -> u64 {
        self.heartbeat.missed()
    }

    /// Measures the clock once more, after the run. Without Redis the report keeps why it is missing.
    pub async fn measure_end(&mut self) -> &ClockReport {
        let after = match self.redis.connect_once(RESPONSE_TIMEOUT).await {
            Ok(mut connection) => clock::measure(&mut connection, &self.options.clock).await,
            Err(error) => Err(error),
        };
        self.clock.ended(after.map_err(|error| describe(&error)));
        &self.clock.report
    }

    /// Waits until every other shard is done or lost, at most for `wait_max`, and says what became of each. This
    /// shard counts as done. For the coordinator, after [`Joined::measure_end`] and before [`Joined::publish`].
    pub async fn others(&self, wait_max: Duration, shutdown: &CancellationToken) -> ShardsReport {
        let done = self.done(Vec::new());
        report::wait_for_others(
            &self.redis,
            &self.keys,
            &self.member,
            &done,
            &self.options,
            wait_max,
            shutdown,
        )
        .await
    }

    /// Leaves the files of a directory in Redis for [`collect`] and says that this shard is done.
    ///
    /// # Errors
    /// A file that cannot be read, or Redis that does not take it. The files themselves are not touched.
    pub async fn publish(&self, directory: &Path) -> Result<(), ShardsError> {
        publish::publish(&self.redis, &self.keys, &self.member, directory, |files| self.done(files)).await
    }

    fn done(&self, files: Vec<publish::File>) -> Done {
        Done { clock: self.clock.report.clone(), missed_beats: self.missed_beats(), files }
    }
}

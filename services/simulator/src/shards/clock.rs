//! The clock of a shard against that of Redis, which all shards can see.

use std::time::{Duration, Instant};

use measurement::clock::{ClockOffset, Exchange};
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::clock::unix_us;

/// Exchanges of a measurement. The shortest of them decides, so that a few slow ones do no harm.
const EXCHANGES: usize = 20;

/// The wall clock as it was at one moment, continued by the monotonic clock: it never steps, so that what is measured
/// in the course of a run belongs to one clock.
#[derive(Debug, Clone, Copy)]
pub struct LocalClock {
    anchor: Instant,
    anchor_unix_us: i64,
}

impl LocalClock {
    /// The clock of this machine, as it is now.
    pub fn of_this_machine() -> Self {
        Self::showing(unix_us())
    }

    /// A clock that shows `unix_us` now: that of another machine, for tests.
    pub fn showing(unix_us: i64) -> Self {
        Self { anchor: Instant::now(), anchor_unix_us: unix_us }
    }

    /// Unix microseconds.
    pub fn now_us(&self) -> i64 {
        self.anchor_unix_us + self.anchor.elapsed().as_micros() as i64
    }

    /// When it shows `unix_us`; now, where that was before the clock was made.
    pub(super) fn instant_of(&self, unix_us: i64) -> Instant {
        let since_anchor_us = u64::try_from(unix_us - self.anchor_unix_us).unwrap_or_default();
        self.anchor + Duration::from_micros(since_anchor_us)
    }
}

/// What is known of a shard's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockReport {
    /// How far the clock of Redis was ahead of this shard's before the start.
    pub redis_before: ClockDifference,
    /// The same at the end of the run.
    pub redis_after: Option<ClockDifference>,
    /// Why the latter is missing.
    pub missing_because: Option<String>,
    /// How far this shard's clock was ahead of the coordinator's before the start.
    pub coordinator: ClockDifference,
    /// How much the clock of Redis had gained on this shard's from the start to the end.
    pub drift: Option<ClockDifference>,
}

/// How far one clock is ahead of another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockDifference {
    /// Microseconds; negative where it is behind.
    pub offset_us: f64,
    /// The true difference is within this of `offset_us`, in either direction.
    pub uncertainty_us: f64,
}

impl From<ClockOffset> for ClockDifference {
    fn from(ClockOffset { offset_us, uncertainty_us, .. }: ClockOffset) -> Self {
        Self { offset_us, uncertainty_us }
    }
}

/// The clock of a shard over a run: one measurement of Redis before it and one after.
#[derive(Debug)]
pub(super) struct ShardClock {
    before: ClockOffset,
    pub(super) report: ClockReport,
}

impl ShardClock {
    /// `coordinator` is what the coordinator measured of Redis.
    pub(super) fn new(before: ClockOffset, coordinator: &ClockOffset) -> Self {
        let report = ClockReport {
            redis_before: before.into(),
            redis_after: None,
            missing_because: None,
            // Both measured the same clock, so the difference has the sign of the other order.
            coordinator: coordinator.difference(&before).into(),
            drift: None,
        };
        Self { before, report }
    }

    pub(super) fn ended(&mut self, after: Result<Measured, String>) {
        match after {
            Ok(Measured { offset, .. }) => {
                self.report.missing_because = None;
                self.report.redis_after = Some(offset.into());
                self.report.drift = Some(offset.difference(&self.before).into());
            }
            Err(reason) => self.report.missing_because = Some(reason),
        }
    }
}

/// A measurement and how long its exchanges took.
pub(super) struct Measured {
    pub(super) offset: ClockOffset,
    pub(super) longest_round_trip_us: u64,
}

/// Measures how far the clock of Redis is ahead.
pub(super) async fn measure(
    connection: &mut MultiplexedConnection,
    clock: &LocalClock,
) -> Result<Measured, RedisError> {
    let mut exchanges = Vec::with_capacity(EXCHANGES);
    for _ in 0..EXCHANGES {
        let sent_us = clock.now_us();
        let (seconds, microseconds): (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
        let received_us = clock.now_us();
        exchanges.push(Exchange { sent_us, remote_us: seconds * 1_000_000 + microseconds, received_us });
    }
    let offset =
        ClockOffset::estimate(&exchanges).expect("there are exchanges, and a monotonic clock goes forwards");
    let round_trips =
        exchanges.iter().map(|exchange| (exchange.received_us - exchange.sent_us).unsigned_abs());
    Ok(Measured { offset, longest_round_trip_us: round_trips.max().unwrap_or_default() })
}

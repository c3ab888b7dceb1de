//! What the time until an event can be queried consists of.
//!
//! Each stage ends where the next one begins, so that the four of an event add up to the whole, whatever the clocks say: an error
//! of a clock makes one stage longer and a neighbour shorter by the same. Such an error can make a stage negative.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use measurement::Histogram;
use serde::Deserialize;

use super::Probe;

/// A stage. Its ends are moments of two clocks, which are named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the intended to the actual send time, both by the simulator's clock.
    Send,
    /// From sending, by the simulator's clock, until ingest accepted it, by ingest's.
    Accept,
    /// From acceptance, by ingest's clock, until the worker had processed it, by the worker's.
    Process,
    /// From the worker's end, by the worker's clock, until it was found, by the simulator's.
    Publish,
}

/// Times of one stage, those below 0 by themselves, as what is missing to 0.
#[derive(Debug, Clone, Default)]
pub struct StageTally {
    /// Those from 0 up.
    pub distribution: Histogram,
    /// Those below 0.
    pub negative: Histogram,
}

/// What the query API says of an event, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Stamps {
    accepted_at: String,
    processed_at: String,
    work: Work,
}

#[derive(Debug, Deserialize)]
struct Work {
    duration_ns: u64,
}

/// What an answer tells of the way of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    /// In the order of [`Stage::ALL`], in nanoseconds.
    pub(super) stages: [i64; 4],
    /// The work on it, by the worker's clock.
    pub(super) work: Duration,
}

/// The moment at which an answer was there, by both clocks of this machine: wall clocks step, and one look just before cannot
/// be wrong by more than a step in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) at: Instant,
    unix_ns: i64,
}

impl Found {
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), unix_ns: i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Send, Self::Accept, Self::Process, Self::Publish];
}

impl StageTally {
    pub(super) fn add(&mut self, other: &Self) {
        self.distribution.merge(&other.distribution);
        self.negative.merge(&other.negative);
    }

    /// Counts one time, in nanoseconds.
    pub fn record(&mut self, time_ns: i64) {
        let histogram = if time_ns < 0 { &mut self.negative } else { &mut self.distribution };
        histogram.record(Duration::from_nanos(time_ns.unsigned_abs()));
    }
}

/// The way of an event that was found; none where the answer does not say when it was accepted and processed.
pub(super) fn of(probe: &Probe, found: Found, answer: &[u8]) -> Option<Journey> {
    let stamps: Stamps = serde_json::from_slice(answer).ok()?;
    let at_ns = |text: &str| events::unix_us_from_rfc3339(text)?.checked_mul(1000);
    let (accepted_ns, processed_ns) = (at_ns(&stamps.accepted_at)?, at_ns(&stamps.processed_at)?);
    let before = |earlier: Instant, later: Instant| i64::try_from((later - earlier).as_nanos()).ok();
    let send = before(probe.intended, probe.sent)?;
    let sent_ns = found.unix_ns.checked_sub(before(probe.sent, found.at)?)?;
    let stages = [
        send,
        accepted_ns.checked_sub(sent_ns)?,
        processed_ns.checked_sub(accepted_ns)?,
        found.unix_ns.checked_sub(processed_ns)?,
    ];
    Some(Journey { stages, work: Duration::from_nanos(stamps.work.duration_ns) })
}

//! What is counted of requests. Tallies of lanes, of seconds, of phases and of shards are added to each other;
//! adding is exact.

use std::collections::BTreeMap;
use std::time::Duration;

use measurement::Histogram;
use serde::{Deserialize, Serialize};

/// Counts of a part of a run: of a lane, a second, a phase, or of the whole.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests, repetitions and malformed ones among them.
    pub requests: Counts,
    /// Events that were sent for the first time.
    pub events: Counts,
    /// Events of repetitions.
    pub repeated_events: Counts,
    /// Events of malformed requests.
    pub malformed_events: Counts,
    /// From the intended send time to the answer; of a request without one to the timeout. In a closed loop from the
    /// actual send time.
    pub response_time: Histogram,
    /// The same from the actual send time.
    pub service_time: Histogram,
    /// From the intended to the actual send time, waiting for a free connection included. Not in a closed loop.
    pub send_lateness: Histogram,
    /// From the intended send time until the generator had noticed it: the part that is its own. Not in a closed loop.
    pub pacing_lateness: Histogram,
    /// Requests whose send lateness was over [`LATE_AFTER`].
    pub late_requests: u64,
    /// Refused events by status and problem kind.
    pub refusals: BTreeMap<String, u64>,
    /// Events of unknown outcome by reason.
    pub unknowns: BTreeMap<String, u64>,
    /// Connections that were made.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// From the start of the run to the last sending of a request; none where nothing was sent.
    pub last_sent: Option<Duration>,
}

/// A request sent later than this after its time counts as late.
pub const LATE_AFTER: Duration = Duration::from_millis(1);

/// Statuses and problem kinds come from the receiver; more different ones than this are counted together.
const REASONS_MAX: usize = 64;
const OTHER_REASONS: &str = "other";

/// What became of requests, or of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Counts {
    /// All that came due: sent and unsent.
    pub planned: u64,
    /// Accepted, refused and unknown.
    pub sent: u64,
    /// Confirmed by the receiver.
    pub accepted: u64,
    /// Refused by the receiver, or not sent for want of a connection.
    pub refused: u64,
    /// Without an answer that can be relied on.
    pub unknown: u64,
    /// Given up before a connection was free.
    pub unsent: u64,
}

/// Where a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The receiver confirmed its events.
    Accepted,
    /// The receiver does not have them.
    Refused,
    /// The receiver may have them.
    Unknown,
    /// It was given up before a connection was free.
    Unsent,
}

impl Counts {
    /// Counts `number` that came due, were sent unless they are unsent, and have ended.
    pub fn count(&mut self, fate: Fate, number: u64) {
        self.planned += number;
        if fate != Fate::Unsent {
            self.sent += number;
        }
        self.end(fate, number);
    }

    /// Counts the fate of `number` that are counted as planned, and as sent where they were.
    pub fn end(&mut self, fate: Fate, number: u64) {
        *match fate {
            Fate::Accepted => &mut self.accepted,
            Fate::Refused => &mut self.refused,
            Fate::Unknown => &mut self.unknown,
            Fate::Unsent => &mut self.unsent,
        } += number;
    }

    /// Adds.
    pub fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.unsent += other.unsent;
    }
}

impl Tally {
    /// Adds everything that `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.events.add(&other.events);
        self.repeated_events.add(&other.repeated_events);
        self.malformed_events.add(&other.malformed_events);
        self.response_time.merge(&other.response_time);
        self.service_time.merge(&other.service_time);
        self.send_lateness.merge(&other.send_lateness);
        self.pacing_lateness.merge(&other.pacing_lateness);
        self.late_requests += other.late_requests;
        for (reason, events) in &other.refusals {
            add_reason(&mut self.refusals, reason, *events);
        }
        for (reason, events) in &other.unknowns {
            add_reason(&mut self.unknowns, reason, *events);
        }
        self.connects += other.connects;
        self.connect_failures += other.connect_failures;
        self.last_sent = self.last_sent.max(other.last_sent);
    }
}

/// Counts `events` under a reason; reasons beyond [`REASONS_MAX`] share one.
pub fn add_reason(reasons: &mut BTreeMap<String, u64>, reason: &str, events: u64) {
    if let Some(count) = reasons.get_mut(reason) {
        *count += events;
        return;
    }
    let reason = if reasons.len() < REASONS_MAX { reason } else { OTHER_REASONS };
    *reasons.entry(reason.to_owned()).or_default() += events;
}

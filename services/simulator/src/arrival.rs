//! A request as the schedule knows it: everything that its bytes depend on, without the bytes.

use std::ops::RangeInclusive;
use std::time::Duration;

/// One request of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Counts the requests of a run from 0, over all shards. Lane `index % lanes` sends it.
    pub index: u64,
    /// When it is meant to be sent, from the start of the run.
    pub offset: Duration,
    /// The phase that it belongs to.
    pub phase: u16,
    /// What it is.
    pub kind: Kind,
    /// What its events are.
    pub content: Content,
}

/// What a request is to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Events that were not sent before.
    New,
    /// The same bytes as an earlier request, whose content it has. An earlier request is repeated at most once.
    Repeat,
    /// Not valid events.
    Malformed,
}

/// What the events of a request depend on, together with the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The index of the request that had it first, which selects its random stream.
    pub index: u64,
    /// The offset of that request, from which the time of its events comes.
    pub offset: Duration,
    /// The first sequence number.
    pub first: u64,
    /// How many events.
    pub events: u32,
    /// Number of its first record within the trace of the phase; 0 without one.
    pub record: u64,
}

impl Content {
    /// The sequence numbers.
    pub fn sequences(&self) -> RangeInclusive<u64> {
        self.first..=self.first + u64::from(self.events) - 1
    }
}

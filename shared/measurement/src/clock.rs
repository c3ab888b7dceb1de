//! The offset of a remote clock, estimated from exchanges with it: F. Cristian, "Probabilistic clock synchronization",
//! Distributed Computing 3 (1989), <https://doi.org/10.1007/BF01784024>.

use serde::{Deserialize, Serialize};

/// One question for the time and its answer. All times are unix microseconds, rounded down as the `TIME` of Redis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When the question was sent, by the local clock.
    pub sent_us: i64,
    /// What the remote clock said in between.
    pub remote_us: i64,
    /// When the answer was there, by the local clock.
    pub received_us: i64,
}

/// A time is up to this much later than its stamp.
const RESOLUTION_US: f64 = 1.0;

/// How far a remote clock is ahead of the local one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// Remote minus local time in microseconds; negative where the remote clock is behind.
    pub offset_us: f64,
    /// The true offset is within this many microseconds of `offset_us`, in either direction.
    pub uncertainty_us: f64,
    /// Exchanges it was estimated from.
    pub round_trips: u64,
}

impl ClockOffset {
    /// Estimates the offset from the exchange with the shortest round trip: the remote clock was read somewhere within
    /// it, so half of it bounds the error, whatever the two ways took. None where there was no exchange in which the
    /// local clock went forwards.
    ///
    /// The bound holds while no clock is set, and as far as their rates differ by nothing that matters in a round trip.
    pub fn estimate(exchanges: &[Exchange]) -> Option<Self> {
        let round_trip_us = |exchange: &Exchange| exchange.received_us.checked_sub(exchange.sent_us);
        let forwards = exchanges.iter().filter(|exchange| round_trip_us(exchange).is_some_and(|us| us >= 0));
        let best = forwards.min_by_key(|exchange| round_trip_us(exchange))?;
        // Differences of integers first: unix microseconds are near the precision of a float.
        let lowest_us = best.remote_us.checked_sub(best.received_us)? as f64 - RESOLUTION_US;
        let highest_us = best.remote_us.checked_sub(best.sent_us)? as f64 + RESOLUTION_US;
        Some(Self {
            offset_us: f64::midpoint(lowest_us, highest_us),
            uncertainty_us: (highest_us - lowest_us) / 2.0,
            round_trips: exchanges.len() as u64,
        })
    }

    /// How far the remote clock of `self` is ahead of that of `other`, both measured against the same local clock; or
    /// how far two local clocks are apart that measured the same remote one, with the opposite sign. The uncertainties
    /// add up. Measured of one clock at the end (`self`) and at the begin of a run, this is its drift.
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            offset_us: self.offset_us - other.offset_us,
            uncertainty_us: self.uncertainty_us + other.uncertainty_us,
            round_trips: self.round_trips.min(other.round_trips),
        }
    }
}

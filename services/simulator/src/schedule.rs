//! The schedule of a run: when each request is meant to be sent, from the seed alone.
//! It is computed arrival by arrival, so that a run of any length takes the same memory.

use std::time::Duration;

use rand_distr::{Distribution as _, Exp1};

use crate::plan::{Arrivals, Plan};
use crate::random::{ARRIVALS, Stream, stream};

/// One request of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Counts the requests of a run from 0.
    pub index: u64,
    /// When it is meant to be sent, from the start of the run.
    pub offset: Duration,
}

/// The arrivals of an open-loop plan in order. A closed loop has no schedule: there the answers set the pace.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrivals: Arrivals,
    interval_ns: f64,
    end_ns: f64,
    index: u64,
    /// Where the last Poisson arrival was.
    elapsed_ns: f64,
    random: Stream,
}

impl Schedule {
    /// The schedule of `plan`. The same plan gives the same schedule.
    pub fn new(plan: &Plan) -> Self {
        Self {
            arrivals: plan.arrivals,
            interval_ns: plan.request_interval_ns(),
            end_ns: plan.duration_s * 1e9,
            index: 0,
            elapsed_ns: 0.0,
            random: stream(plan.seed, ARRIVALS, 0),
        }
    }

    /// The offset of the next arrival in nanoseconds.
    fn next_ns(&mut self) -> Option<f64> {
        match self.arrivals {
            Arrivals::Constant => Some(self.index as f64 * self.interval_ns),
            Arrivals::Poisson => {
                let gap: f64 = Exp1.sample(&mut self.random);
                self.elapsed_ns += gap * self.interval_ns;
                Some(self.elapsed_ns)
            }
            Arrivals::Closed => None,
        }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        // Half a nanosecond less, so that rounding cannot add an arrival at the very end of a constant schedule.
        let offset_ns = self.next_ns().filter(|offset_ns| *offset_ns < self.end_ns - 0.5)?;
        let arrival = Arrival { index: self.index, offset: Duration::from_nanos(offset_ns.round() as u64) };
        self.index += 1;
        Some(arrival)
    }
}

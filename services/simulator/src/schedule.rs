//! The schedule of a run: when each request is meant to be sent and what it is, from the plan alone. It is computed
//! request by request, so that a run of any length takes the same memory.
//!
//! The same plan gives the same schedule on every machine: logarithm, sine and cosine are those of `libm`, not of the
//! platform, and what else is used (arithmetic, square roots, rounding) is exact by IEEE 754.

mod closed;
mod faults;
mod listing;
mod pace;
mod phase;
mod rate;

use crate::arrival::Arrival;
use crate::plan::Plan;

pub use closed::ClosedArrivals;
pub use listing::{write_csv, write_summary};
pub(crate) use rate::CumulativeRate;

use phase::PhaseSchedule;

/// The requests of all phases that are not closed loops, in the order of their times. In a closed loop answers set the
/// pace, see [`ClosedArrivals`].
#[derive(Debug, Clone)]
pub struct Schedule {
    phases: std::vec::IntoIter<PhaseSchedule>,
    current: Option<PhaseSchedule>,
    index: u64,
    sequence: u64,
    lanes: u64,
    /// Requests of other lanes before the next one of this lane.
    others: u64,
}

impl Schedule {
    /// All requests of all shards and threads. The same plan gives the same schedule.
    pub fn new(plan: &Plan) -> Self {
        Self::every(plan, 1, 0)
    }

    /// The requests of one lane, those with `index % plan.lanes() == lane`. Those of the other lanes are passed over at a
    /// fraction of their cost.
    pub fn lane(plan: &Plan, lane: u64) -> Self {
        Self::every(plan, plan.lanes(), lane)
    }

    fn every(plan: &Plan, lanes: u64, lane: u64) -> Self {
        let phases = 0..plan.phases.len();
        let phases: Vec<_> = phases.filter_map(|phase| PhaseSchedule::new(plan, phase)).collect();
        let mut phases = phases.into_iter();
        Self { current: phases.next(), phases, index: 0, sequence: 0, lanes, others: lane }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let is_wanted = self.others == 0;
            let made = self.current.as_mut()?.next(self.index, &mut self.sequence, is_wanted);
            let Some(arrival) = made else {
                self.current = self.phases.next();
                continue;
            };
            self.index += 1;
            if is_wanted {
                self.others = self.lanes - 1;
                return arrival;
            }
            self.others -= 1;
        }
    }
}

//! The requests of a closed loop: what they are, but not when.

use std::time::Duration;

use super::faults::{Repeats, judge};
use super::pace::draw_batch;
use crate::arrival::{Arrival, Content, Kind};
use crate::plan::{Batch, FaultsPlan, Plan};
use crate::random::{ARRIVALS, stream};

/// Bit of all indices of closed loops; those of schedules stay below.
const INDEX_OF_CLOSED: u64 = 1 << 60;
/// Below are 2^44 requests of a phase, above its number.
const INDEX_PHASE_SHIFT: u32 = 44;
/// Sequence numbers of a phase, where there are several phases.
const SEQUENCE_PHASE_SHIFT: u32 = 40;

/// The requests that one lane sends in a closed-loop phase.
///
/// Request `n` of lane `l` is number `k = n * lanes + l` of the phase. Its index is `2^60 + phase * 2^44 + k`, and its
/// sequence numbers begin with `base + k * batch.max`: different numbers in every lane, phase and loop, with gaps behind
/// smaller batches and at repetitions. `base` is 0 where the phase is the only one, else `(phase + 1) * 2^40`.
#[derive(Debug, Clone)]
pub struct ClosedArrivals {
    phase: u16,
    seed: u64,
    number: u64,
    lanes: u64,
    base: u64,
    batch: Batch,
    faults: FaultsPlan,
    repeats: Repeats,
}

impl ClosedArrivals {
    /// The requests of a lane, which is below `plan.lanes()`.
    pub fn new(plan: &Plan, phase: usize, lane: u64) -> Self {
        let is_only = plan.phases.len() == 1;
        Self {
            phase: phase as u16,
            seed: plan.seed,
            number: lane,
            lanes: plan.lanes(),
            base: if is_only { 0 } else { (phase as u64 + 1) << SEQUENCE_PHASE_SHIFT },
            batch: plan.batch,
            faults: plan.faults,
            repeats: Repeats::default(),
        }
    }

    /// The next request, sent at `offset` from the start of the run. What it is does not depend on when that is, nor on
    /// the lane, unless there are repetitions: those follow their originals on the same lane.
    pub fn next(&mut self, offset: Duration) -> Arrival {
        let number = self.number;
        self.number += self.lanes;
        let index = INDEX_OF_CLOSED | u64::from(self.phase) << INDEX_PHASE_SHIFT | number;
        if let Some(content) = self.repeats.due() {
            return Arrival { index, offset, phase: self.phase, kind: Kind::Repeat, content };
        }
        let mut random = stream(self.seed, ARRIVALS, index);
        let events = draw_batch(self.batch, &mut random);
        let verdict = judge(&self.faults, &mut random);
        let first = self.base + number * u64::from(self.batch.max);
        let content = Content { index, offset, first, events, record: 0 };
        self.repeats.count(verdict.repeat_after.map(|after| (after, content)));
        Arrival { index, offset, phase: self.phase, kind: verdict.kind, content }
    }
}

//! The requests of one phase.

use std::time::Duration;

use super::faults::{Repeats, judge};
use super::pace::{Pace, draw_batch};
use crate::arrival::{Arrival, Content, Kind};
use crate::plan::{Batch, FaultsPlan, Plan};
use crate::random::{ARRIVALS, Stream, stream};

/// What random numbers of a phase are for; each purpose has a stream of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Gaps,
    Batches,
    Faults,
}

/// A phase with a schedule, and how far it has come.
#[derive(Debug, Clone)]
pub(super) struct PhaseSchedule {
    phase: u16,
    start: Duration,
    last_ns: u64,
    pace: Pace,
    batch: Batch,
    batches: Stream,
    faults: FaultsPlan,
    fault_choices: Stream,
    repeats: Repeats,
    /// When the last request was due that is not a repetition.
    last_at: f64,
}

/// The stream of a phase for a purpose.
pub(super) fn phase_stream(seed: u64, phase: usize, purpose: Purpose) -> Stream {
    stream(seed, ARRIVALS, (phase as u64) << 2 | purpose as u64)
}

impl PhaseSchedule {
    /// None for a closed loop.
    pub(super) fn new(plan: &Plan, phase: usize) -> Option<Self> {
        let is_endless = plan.phase_end(phase).is_none();
        let stream = |purpose| phase_stream(plan.seed, phase, purpose);
        let pace = Pace::new(&plan.phases[phase], is_endless, plan.batch, stream(Purpose::Gaps))?;
        let duration_ns = plan.phases[phase].duration().as_nanos() as u64;
        Some(Self {
            phase: phase as u16,
            start: plan.phase_start(phase),
            last_ns: if is_endless { u64::MAX } else { duration_ns.saturating_sub(1) },
            pace,
            batch: plan.batch,
            batches: stream(Purpose::Batches),
            faults: plan.faults,
            fault_choices: stream(Purpose::Faults),
            repeats: Repeats::default(),
            last_at: 0.0,
        })
    }

    /// The next request, or none at the end of the phase. One that is not wanted is only counted.
    pub(super) fn next(
        &mut self,
        index: u64,
        sequence: &mut u64,
        is_wanted: bool,
    ) -> Option<Option<Arrival>> {
        if let Some(content) = self.repeats.due() {
            return Some(is_wanted.then(|| self.repeat(index, content)));
        }
        let batch = draw_batch(self.batch, &mut self.batches);
        let Some(due) = self.pace.next(batch) else {
            return self.repeats.rest().map(|content| is_wanted.then(|| self.repeat(index, content)));
        };
        self.last_at = due.at;
        let verdict = judge(&self.faults, &mut self.fault_choices);
        let first = *sequence;
        *sequence += u64::from(due.events);
        let mut arrival = None;
        let mut repeated = None;
        if is_wanted || verdict.repeat_after.is_some() {
            let offset = self.offset(due.at);
            let content = Content { index, offset, first, events: due.events, record: due.record };
            repeated = verdict.repeat_after.map(|after| (after, content));
            arrival = is_wanted.then_some(Arrival {
                index,
                offset,
                phase: self.phase,
                kind: verdict.kind,
                content,
            });
        }
        self.repeats.count(repeated);
        Some(arrival)
    }

    /// Sent together with the last new request, so that it moves no other request.
    fn repeat(&self, index: u64, content: Content) -> Arrival {
        let offset = self.offset(self.last_at);
        Arrival { index, offset, phase: self.phase, kind: Kind::Repeat, content }
    }

    fn offset(&self, at: f64) -> Duration {
        self.start + Duration::from_nanos(self.pace.offset_ns(at).min(self.last_ns))
    }
}

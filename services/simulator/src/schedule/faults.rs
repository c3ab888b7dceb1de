//! Which requests are wrong on purpose. Own random numbers: a load with faults has its requests at the times of the same
//! load without.

use super::pace::unit_uniform;
use crate::arrival::{Content, Kind};
use crate::plan::FaultsPlan;
use crate::random::Stream;

/// A repetition follows its original after 1 to this many new requests.
pub(super) const DISTANCE_MAX: u64 = 8;

/// What is to become of a new request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// After how many new requests it is repeated, if it is.
    pub(super) repeat_after: Option<u64>,
}

/// Repetitions that are to come. There are never more than [`DISTANCE_MAX`].
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    pending: Vec<(u64, Content)>,
    new_requests: u64,
}

/// Decides on a request.
pub(super) fn judge(plan: &FaultsPlan, random: &mut Stream) -> Verdict {
    if plan.malformed == 0.0 && plan.duplicates == 0.0 {
        return Verdict { kind: Kind::New, repeat_after: None };
    }
    // Always three numbers, so that one share does not move the choices of the other.
    let [malformed, repeated, distance] = [(); 3].map(|()| unit_uniform(random));
    if malformed < plan.malformed {
        return Verdict { kind: Kind::Malformed, repeat_after: None };
    }
    let distance = 1 + (distance * DISTANCE_MAX as f64) as u64;
    Verdict { kind: Kind::New, repeat_after: (repeated < plan.duplicates).then_some(distance) }
}

impl Repeats {
    /// Counts a request that is not a repetition, which is repeated after so many more.
    pub(super) fn count(&mut self, repeated: Option<(u64, Content)>) {
        self.new_requests += 1;
        if let Some((after, content)) = repeated {
            self.pending.push((self.new_requests + after, content));
        }
    }

    /// A repetition that is due now.
    pub(super) fn due(&mut self) -> Option<Content> {
        if self.pending.is_empty() {
            return None;
        }
        let now = self.new_requests;
        let position = self.pending.iter().position(|(due, _)| *due <= now)?;
        Some(self.pending.remove(position).1)
    }

    /// A repetition that is still to come, at the end of a phase.
    pub(super) fn rest(&mut self) -> Option<Content> {
        (!self.pending.is_empty()).then(|| self.pending.remove(0).1)
    }
}

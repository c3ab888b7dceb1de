//! When requests of a phase are due, and with how many events.

use std::sync::Arc;

use rand::Rng as _;

use super::rate::{CumulativeRate, slack};
use crate::plan::{Batch, Load, PhasePlan, ReplayPlan, Spacing};
use crate::random::{Stream, unit};
use crate::trace::Trace;

/// 2^-54: half of the distance of two numbers that [`unit`] gives.
const HALF_UNIT: f64 = f64::EPSILON / 4.0;

/// What sets the pace, and how far it has come.
#[derive(Debug, Clone)]
pub(super) enum Pace {
    Open(OpenPace),
    Replay(ReplayPace),
}

/// A request that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// When, in the pace's own measure; see [`Pace::offset_ns`].
    pub(super) at: f64,
    pub(super) events: u32,
    /// The first record of a trace.
    pub(super) record: u64,
}

/// Arrivals in a time that runs with the rate: there they have the rate 1, and the inverse of the cumulative rate brings
/// them back to real time. For unit exponential gaps this gives an inhomogeneous Poisson process (Çinlar 1975,
/// *Introduction to Stochastic Processes*; Brown et al. 2002, the time-rescaling theorem).
#[derive(Debug, Clone)]
pub(super) struct OpenPace {
    rate: CumulativeRate,
    /// Events that become due in the whole phase, less what rounding may have added: else it could add a request at the
    /// very end.
    total: f64,
    spacing: Spacing,
    batch_mean: f64,
    /// Events that earlier requests have taken.
    taken: u64,
    elapsed: f64,
    gaps: Stream,
}

/// The times of a trace. A request is due with the last of its records, like that of a gateway that collects.
#[derive(Debug, Clone)]
pub(super) struct ReplayPace {
    trace: Arc<Trace>,
    repeats: bool,
    speed: f64,
    record: usize,
    round: u64,
    round_ns: f64,
    end_ns: f64,
}

impl Pace {
    /// The pace of a phase; none of a closed loop. `gaps` is drawn from for Poisson arrivals.
    pub(super) fn new(phase: &PhasePlan, is_endless: bool, batch: Batch, gaps: Stream) -> Option<Self> {
        match &phase.load {
            Load::Open { rate, spacing } => {
                let rate = CumulativeRate::new(rate, phase.duration_s);
                let expected = rate.events_until(phase.duration_s);
                let is_endless = is_endless && expected > 0.0;
                let total = if is_endless { f64::INFINITY } else { expected - slack(expected) };
                let (batch_mean, spacing) = (batch.mean(), *spacing);
                Some(Self::Open(OpenPace { rate, total, spacing, batch_mean, taken: 0, elapsed: 0.0, gaps }))
            }
            Load::Replay(ReplayPlan { speed, repeats, trace, .. }) => {
                let round_ns = (trace.span() + trace.mean_gap()).as_nanos() as f64;
                let end_ns = if is_endless { f64::INFINITY } else { phase.duration_s * 1e9 * speed };
                let (trace, repeats, speed) = (Arc::clone(trace), *repeats, *speed);
                Some(Self::Replay(ReplayPace {
                    trace,
                    repeats,
                    speed,
                    record: 0,
                    round: 0,
                    round_ns,
                    end_ns,
                }))
            }
            Load::Closed => None,
        }
    }

    /// The next request, with `batch` events if there are as many; none at the end of the phase.
    pub(super) fn next(&mut self, batch: u32) -> Option<Due> {
        match self {
            Self::Open(pace) => pace.next(batch),
            Self::Replay(pace) => pace.next(batch),
        }
    }

    /// When a request is due, in nanoseconds from the start of the phase.
    pub(super) fn offset_ns(&self, at: f64) -> u64 {
        let ns = match self {
            Self::Open(pace) => pace.rate.time_of(at) * 1e9,
            Self::Replay(pace) => at / pace.speed,
        };
        (ns + 0.5) as u64
    }
}

impl OpenPace {
    /// Evenly spaced requests take as much of the rate as they have events. Poisson arrivals are independent of their
    /// sizes: gaps of the mean size give a compound Poisson process.
    fn next(&mut self, batch: u32) -> Option<Due> {
        let at = match self.spacing {
            Spacing::Even => {
                let at = self.taken as f64;
                self.taken += u64::from(batch);
                at
            }
            Spacing::Poisson => {
                self.elapsed += unit_exponential(&mut self.gaps) * self.batch_mean;
                self.elapsed
            }
        };
        (at < self.total).then_some(Due { at, events: batch, record: 0 })
    }
}

impl ReplayPace {
    fn next(&mut self, batch: u32) -> Option<Due> {
        if self.record == self.trace.len() {
            if !self.repeats {
                return None;
            }
            self.record = 0;
            self.round += 1;
        }
        let record = self.record;
        let end = self.trace.len().min(record + batch as usize);
        let at = self.round as f64 * self.round_ns + self.trace.offset(end - 1).as_nanos() as f64;
        self.record = end;
        (at < self.end_ns).then_some(Due { at, events: (end - record) as u32, record: record as u64 })
    }
}

/// A number drawn evenly from 0 to below 1.
pub(super) fn unit_uniform(random: &mut Stream) -> f64 {
    unit(random.next_u64())
}

/// A number drawn evenly from a batch's range.
pub(super) fn draw_batch(batch: Batch, random: &mut Stream) -> u32 {
    if batch.min == batch.max {
        return batch.min;
    }
    let choices = u128::from(batch.max - batch.min) + 1;
    // Lemire 2019; what its rejection would correct is below 2^-50.
    batch.min + ((u128::from(random.next_u64()) * choices) >> 64) as u32
}

/// An exponential variate of mean 1 by inversion. Never infinite: the logarithm is of a number above 0.
fn unit_exponential(random: &mut Stream) -> f64 {
    -libm::log(unit_uniform(random) + HALF_UNIT)
}

//! How many events are due until a time, and when how many are due: the integral of a rate and its inverse. Times are
//! seconds from the start of the phase.

use std::f64::consts::TAU;

use crate::plan::RateShape;

/// Bisection halves the bracket each time, Newton's method is much faster.
const ITERATIONS_MAX: usize = 100;

/// The integral of a rate over the time of a phase.
#[derive(Debug, Clone)]
pub(crate) enum CumulativeRate {
    Constant { rate: f64 },
    Burst { high: f64, low: f64, on: f64, cycle: f64 },
    Ramp { from: f64, slope: f64 },
    Step { width: f64, rates: Vec<f64>, starts: Vec<f64> },
    Sinusoid { mean: f64, amplitude: f64, period: f64, phase: f64 },
}

/// Rounding may move a boundary by less than this many events.
pub(super) fn slack(events: f64) -> f64 {
    1e-9 + events * 1e-14
}

impl CumulativeRate {
    pub(crate) fn new(shape: &RateShape, duration_s: f64) -> Self {
        match shape {
            RateShape::Constant { rate_per_s } => Self::Constant { rate: *rate_per_s },
            RateShape::Burst { high_per_s, low_per_s, on_s, off_s } => {
                Self::Burst { high: *high_per_s, low: *low_per_s, on: *on_s, cycle: on_s + off_s }
            }
            RateShape::Ramp { from_per_s, to_per_s } => {
                Self::Ramp { from: *from_per_s, slope: (to_per_s - from_per_s) / duration_s }
            }
            RateShape::Step { rates_per_s } => {
                let width = duration_s / rates_per_s.len() as f64;
                let starts = rates_per_s.iter().scan(0.0, |sum, rate| {
                    let start = *sum;
                    *sum += rate * width;
                    Some(start)
                });
                Self::Step { width, starts: starts.collect(), rates: rates_per_s.clone() }
            }
            RateShape::Sinusoid { mean_per_s, amplitude_per_s, period_s, phase } => Self::Sinusoid {
                mean: *mean_per_s,
                amplitude: *amplitude_per_s,
                period: *period_s,
                phase: *phase,
            },
        }
    }

    /// Events a second at a time.
    pub(crate) fn rate_at(&self, time: f64) -> f64 {
        match self {
            Self::Constant { rate } => *rate,
            Self::Burst { high, low, on, cycle } => {
                if time % cycle < *on {
                    *high
                } else {
                    *low
                }
            }
            Self::Ramp { from, slope } => from + slope * time,
            Self::Step { width, rates, .. } => rates[((time / width) as usize).min(rates.len() - 1)],
            Self::Sinusoid { mean, amplitude, period, phase } => {
                mean + amplitude * libm::sin(TAU * (time / period + phase))
            }
        }
    }

    /// Events that are due before a time.
    pub(crate) fn events_until(&self, time: f64) -> f64 {
        match self {
            Self::Constant { rate } => rate * time,
            Self::Burst { high, low, on, cycle } => {
                let cycles = (time / cycle).floor();
                let rest = time - cycles * cycle;
                cycles * (high * on + low * (cycle - on)) + high * rest.min(*on) + low * (rest - on).max(0.0)
            }
            Self::Ramp { from, slope } => (from + slope * time / 2.0) * time,
            Self::Step { width, rates, starts } => {
                let step = ((time / width) as usize).min(rates.len() - 1);
                starts[step] + rates[step] * (time - step as f64 * width)
            }
            Self::Sinusoid { mean, amplitude, period, phase } => {
                let begin = libm::cos(TAU * phase);
                mean * time + amplitude * period / TAU * (begin - libm::cos(TAU * (time / period + phase)))
            }
        }
    }

    /// The last time at which no more than `events` are due: where the rate is 0 for a while, the end of that while.
    /// Infinite where more never become due. `events` is at least 0; times ascend with it.
    pub(crate) fn time_of(&self, events: f64) -> f64 {
        match self {
            Self::Constant { rate } => events / rate,
            Self::Burst { high, low, on, cycle } => {
                let burst = high * on;
                let events_per_cycle = burst + low * (cycle - on);
                let mut cycles = (events / events_per_cycle).floor();
                let mut rest = events - cycles * events_per_cycle;
                if rest > events_per_cycle - slack(events) {
                    (cycles, rest) = (cycles + 1.0, 0.0);
                }
                let within = if rest < burst - slack(events) {
                    rest.max(0.0) / high
                } else if *low > 0.0 {
                    on + (rest - burst).max(0.0) / low
                } else {
                    *cycle
                };
                cycles * cycle + within
            }
            // The root of a quadratic in the form that does not cancel.
            Self::Ramp { from, slope } => {
                let root = (from * from + 2.0 * slope * events).max(0.0).sqrt();
                if events > 0.0 { 2.0 * events / (from + root) } else { 0.0 }
            }
            Self::Step { width, rates, starts } => {
                let after = starts.partition_point(|start| *start <= events + slack(events));
                let step = after.saturating_sub(1);
                let within = (events - starts[step]).max(0.0) / rates[step];
                if rates[step] > 0.0 { step as f64 * width + within } else { f64::INFINITY }
            }
            Self::Sinusoid { mean, amplitude, period, phase } => {
                let periods = (events / (mean * period)).floor();
                let rest = events - periods * mean * period;
                periods * period + time_in_period([*mean, *amplitude, *period, *phase], rest)
            }
        }
    }
}

/// Newton's method, with bisection where it leaves the bracket. What it starts with depends on the arguments alone, so
/// that the result does not depend on which requests were computed before.
fn time_in_period([mean, amplitude, period, phase]: [f64; 4], events: f64) -> f64 {
    let frequency = TAU / period;
    let begin = libm::cos(TAU * phase);
    let (mut low, mut high) = (0.0, period);
    let mut time = (events / mean).clamp(low, high);
    for _ in 0..ITERATIONS_MAX {
        let (sine, cosine) = libm::sincos(frequency * time + TAU * phase);
        let excess = mean * time + amplitude / frequency * (begin - cosine) - events;
        if excess > 0.0 {
            high = time;
        } else {
            low = time;
        }
        let newton = time - excess / (mean + amplitude * sine);
        let next = if newton >= low && newton <= high { newton } else { f64::midpoint(low, high) };
        let step = (next - time).abs();
        time = next;
        if step <= period * 1e-15 {
            break;
        }
    }
    time
}

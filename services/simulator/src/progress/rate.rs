//! The rate that a plan wants at a moment.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::plan::{Load, Plan, RateShape};

/// Events a second that the schedule of a phase wants of this shard, `offset` after the phase began. None in a closed loop
/// and in a replay, which have no rate of their own.
pub(crate) fn planned_rate(plan: &Plan, phase: usize, offset: Duration) -> Option<f64> {
    let Load::Open { rate, .. } = &plan.phases[phase].load else { return None };
    let (offset_s, length_s) = (offset.as_secs_f64(), plan.phases[phase].duration_s);
    let all_shards = match rate {
        RateShape::Constant { rate_per_s } => *rate_per_s,
        RateShape::Burst { high_per_s, low_per_s, on_s, off_s } => {
            let is_on = offset_s % (on_s + off_s) < *on_s;
            if is_on { *high_per_s } else { *low_per_s }
        }
        RateShape::Ramp { from_per_s, to_per_s } => {
            from_per_s + (to_per_s - from_per_s) * (offset_s / length_s).min(1.0)
        }
        RateShape::Step { rates_per_s } => {
            let step = (offset_s / length_s * rates_per_s.len() as f64) as usize;
            rates_per_s.get(step).or(rates_per_s.last()).copied()?
        }
        RateShape::Sinusoid { mean_per_s, amplitude_per_s, period_s, phase } => {
            mean_per_s + amplitude_per_s * (TAU * (offset_s / period_s + phase)).sin()
        }
    };
    Some(all_shards / f64::from(plan.shard.count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Shard, Spacing};
    use crate::progress::tests::plan;

    /// The rates at some seconds of a phase of ten seconds.
    fn rates(rate: RateShape, seconds: [f64; 4]) -> [f64; 4] {
        let mut plan = plan();
        plan.phases[0].duration_s = 10.0;
        plan.phases[0].load = Load::Open { rate, spacing: Spacing::Even };
        seconds.map(|second| planned_rate(&plan, 0, Duration::from_secs_f64(second)).unwrap())
    }

    #[test]
    fn shapes_have_their_rates() {
        let burst = RateShape::Burst { high_per_s: 50.0, low_per_s: 2.0, on_s: 1.0, off_s: 3.0 };
        assert_eq!(rates(burst, [0.0, 0.9, 1.0, 4.5]), [50.0, 50.0, 2.0, 50.0]);
        let ramp = RateShape::Ramp { from_per_s: 100.0, to_per_s: 0.0 };
        assert_eq!(rates(ramp, [0.0, 5.0, 10.0, 11.0]), [100.0, 50.0, 0.0, 0.0]);
        let step = RateShape::Step { rates_per_s: vec![1.0, 2.0] };
        assert_eq!(rates(step, [0.0, 4.9, 5.0, 10.0]), [1.0, 1.0, 2.0, 2.0]);
        let sinusoid =
            RateShape::Sinusoid { mean_per_s: 8.0, amplitude_per_s: 4.0, period_s: 4.0, phase: 0.25 };
        assert_eq!(rates(sinusoid, [0.0, 1.0, 2.0, 4.0]).map(f64::round), [12.0, 8.0, 4.0, 12.0]);
    }

    #[test]
    fn shard_has_its_share() {
        let mut plan = plan();
        plan.shard = Shard { index: 1, count: 4 };
        assert_eq!(planned_rate(&plan, 1, Duration::ZERO), Some(500.0));
    }

    #[test]
    fn closed_loop_has_none() {
        let mut plan = plan();
        plan.phases[0].load = Load::Closed;
        assert_eq!(planned_rate(&plan, 0, Duration::ZERO), None);
    }
}

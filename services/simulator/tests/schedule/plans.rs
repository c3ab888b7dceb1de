//! Plans to test with.

use simulator::plan::{ContentType, Load, PhasePlan, Plan, RateShape, Spacing};

pub(super) const CONSTANT: RateShape = RateShape::Constant { rate_per_s: 10_000.0 };

pub(super) fn phase(name: &str, duration_s: f64, load: Load) -> PhasePlan {
    PhasePlan { name: name.to_owned(), duration_s, is_measured: true, load }
}

pub(super) fn open(rate: RateShape, spacing: Spacing) -> Load {
    Load::Open { rate, spacing }
}

pub(super) fn plan(phases: Vec<PhasePlan>) -> Plan {
    Plan {
        run_id: "run-1".to_owned(),
        target: "http://receiver:8080".to_owned(),
        seed: 42,
        content_type: ContentType::Batch,
        ..Plan::plain(phases)
    }
}

/// One phase.
pub(super) fn single(rate: RateShape, spacing: Spacing, duration_s: f64) -> Plan {
    plan(vec![phase("measure", duration_s, open(rate, spacing))])
}

/// A shape of each kind, with times of rate 0 among them, and the events that it has in 10 s.
pub(super) fn shapes() -> Vec<(RateShape, f64)> {
    let burst = |high_per_s, low_per_s, on_s, off_s| RateShape::Burst { high_per_s, low_per_s, on_s, off_s };
    let ramp = |from_per_s, to_per_s| RateShape::Ramp { from_per_s, to_per_s };
    let step = |rates: &[f64]| RateShape::Step { rates_per_s: rates.to_owned() };
    let wave = |mean_per_s, amplitude_per_s, period_s, phase| RateShape::Sinusoid {
        mean_per_s,
        amplitude_per_s,
        period_s,
        phase,
    };
    vec![
        (RateShape::Constant { rate_per_s: 1000.0 }, 10_000.0),
        (burst(5000.0, 200.0, 1.0, 4.0), 11_600.0),
        (burst(3000.0, 0.0, 0.7, 1.3), 10_500.0),
        (burst(0.0, 3000.0, 0.5, 1.0), 19_500.0),
        // The lengths of its parts are no binary fractions.
        (burst(0.0, 3000.0, 0.5, 1.1), 19_800.0),
        (ramp(0.0, 2000.0), 10_000.0),
        (ramp(2000.0, 0.0), 10_000.0),
        (ramp(500.0, 1500.0), 10_000.0),
        (step(&[100.0, 0.0, 3000.0, 900.0, 0.0]), 8_000.0),
        (step(&[0.0, 2000.0]), 10_000.0),
        (wave(1000.0, 1000.0, 2.5, 0.75), 10_000.0),
        (wave(1000.0, 400.0, 10.0, 0.1), 10_000.0),
    ]
}

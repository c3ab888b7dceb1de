//! When requests are due.

use std::time::Duration;

use proptest::prelude::*;
use simulator::plan::{Batch, Plan, RateShape, Spacing};
use simulator::schedule::Schedule;

use super::plans::{CONSTANT, phase, plan, shapes, single};

fn offsets_s(plan: &Plan) -> Vec<f64> {
    Schedule::new(plan).map(|arrival| arrival.offset.as_secs_f64()).collect()
}

/// The events of a shape before a time, by adding up small pieces: independent of the closed forms.
fn integral(shape: &RateShape, duration_s: f64, until_s: f64) -> f64 {
    const PIECES: u32 = 100_000;
    let load = super::plans::open(shape.clone(), Spacing::Even);
    let phase = phase("measure", duration_s, load);
    let width_s = until_s / f64::from(PIECES);
    let middle = |piece| Duration::from_secs_f64((f64::from(piece) + 0.5) * width_s);
    (0..PIECES).map(|piece| phase.rate_per_s(middle(piece)).unwrap() * width_s).sum()
}

#[test]
fn same_seed_gives_the_same_schedule() {
    let plan = single(CONSTANT, Spacing::Poisson, 1.0);
    let first: Vec<_> = Schedule::new(&plan).collect();
    assert_eq!(first, Schedule::new(&plan).collect::<Vec<_>>());
    let other_seed = Plan { seed: 43, ..plan };
    assert_ne!(first, Schedule::new(&other_seed).collect::<Vec<_>>());
}

#[test]
fn schedules_are_those_of_earlier_versions_and_other_machines() {
    let first_ns = |shape: &RateShape, spacing| -> Vec<_> {
        let plan = single(shape.clone(), spacing, 10.0);
        Schedule::new(&plan).skip(1000).take(3).map(|arrival| arrival.offset.as_nanos()).collect()
    };
    let wave = &shapes()[11].0;
    assert_eq!(first_ns(&CONSTANT, Spacing::Poisson), [102_093_395, 102_094_710, 102_309_505]);
    assert_eq!(first_ns(wave, Spacing::Poisson), [783_069_480, 783_079_143, 784_658_305]);
    assert_eq!(first_ns(wave, Spacing::Even), [767_668_378, 768_404_518, 769_140_613]);
}

#[test]
fn constant_arrivals_come_in_equal_steps() {
    let constant = single(CONSTANT, Spacing::Even, 1.5);
    let arrivals: Vec<_> = Schedule::new(&constant).collect();
    assert_eq!(arrivals.len(), 15_000);
    for (index, arrival) in (0_u64..).zip(&arrivals) {
        let content = arrival.content;
        assert_eq!((arrival.index, content.first, content.events), (index, index, 1));
        assert_eq!(arrival.offset, Duration::from_micros(100 * index));
    }
    let batches = Plan { batch: Batch { min: 100, max: 100 }, ..constant };
    assert_eq!(Schedule::new(&batches).count(), 150);
    let uneven = single(RateShape::Constant { rate_per_s: 3.0 }, Spacing::Even, 2.0);
    assert_eq!(Schedule::new(&uneven).count(), 6);
}

#[test]
fn expected_events_are_the_integral_of_the_rate() {
    for (shape, expected) in shapes() {
        let phase = phase("measure", 10.0, super::plans::open(shape.clone(), Spacing::Even));
        let closed_form = phase.expected_events().unwrap();
        assert!((closed_form - expected).abs() < 1e-6, "{shape:?}: {closed_form}");
        assert!((integral(&shape, 10.0, 10.0) / expected - 1.0).abs() < 1e-3, "{shape:?}");
    }
}

#[test]
fn even_arrivals_follow_the_integral_of_every_shape() {
    for (shape, expected) in shapes() {
        let offsets_s = offsets_s(&single(shape.clone(), Spacing::Even, 10.0));
        assert_eq!(offsets_s.len() as f64, expected, "{shape:?}");
        assert!(offsets_s.is_sorted(), "{shape:?}");
        for (index, offset_s) in offsets_s.iter().enumerate().step_by(1997) {
            let due = integral(&shape, 10.0, *offset_s);
            assert!((due - index as f64).abs() < 2.0, "{shape:?}: number {index} at {offset_s}, {due} due");
        }
    }
}

#[test]
fn nothing_is_sent_while_the_rate_is_zero() {
    let shape = RateShape::Step { rates_per_s: vec![100.0, 0.0, 100.0] };
    for spacing in [Spacing::Even, Spacing::Poisson] {
        let offsets_s = offsets_s(&single(shape.clone(), spacing, 3.0));
        assert!(!offsets_s.iter().any(|offset_s| (1.0..2.0).contains(offset_s)), "{spacing:?}");
        assert!(offsets_s.iter().any(|offset_s| *offset_s >= 2.0), "{spacing:?}");
    }
    let silence = single(RateShape::Constant { rate_per_s: 0.0 }, Spacing::Even, 3.0);
    assert_eq!(Schedule::new(&silence).count(), 0);
    for (shape, _) in shapes() {
        // The curve touches 0 for a moment only.
        if matches!(shape, RateShape::Sinusoid { .. }) {
            continue;
        }
        let plan = single(shape, Spacing::Even, 10.0);
        for arrival in Schedule::new(&plan) {
            let just_after = arrival.offset + Duration::from_micros(1);
            assert!(plan.phases[0].rate_per_s(just_after).unwrap() > 0.0, "{:?}: {arrival:?}", plan.phases);
        }
    }
}

/// Kolmogorov's distance between gaps and the exponential distribution of mean 1, times the root of their number: over
/// 1.95 with a probability of 0.001.
fn distance_from_exponential(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_by(f64::total_cmp);
    let count = gaps.len() as f64;
    let distance = gaps.iter().enumerate().map(|(index, gap)| {
        let expected = 1.0 - (-gap).exp();
        (expected - index as f64 / count).abs().max((expected - (index + 1) as f64 / count).abs())
    });
    distance.fold(0.0, f64::max) * count.sqrt()
}

#[test]
fn poisson_gaps_are_exponential_in_the_time_of_every_shape() {
    for (shape, expected) in shapes() {
        let phase = phase("measure", 10.0, super::plans::open(shape.clone(), Spacing::Poisson));
        let offsets_s = offsets_s(&plan(vec![phase.clone()]));
        let count = offsets_s.len() as f64;
        assert!((count - expected).abs() < 4.0 * expected.sqrt(), "{shape:?}: {count} arrivals");
        let until = |time_s: f64| {
            let part = simulator::plan::PhasePlan { duration_s: time_s, ..phase.clone() };
            part.expected_events().unwrap()
        };
        // A ramp and a step depend on the length of the phase, which cannot be cut for them.
        if matches!(shape, RateShape::Ramp { .. } | RateShape::Step { .. }) {
            continue;
        }
        let due: Vec<_> = offsets_s.iter().map(|offset_s| until(*offset_s)).collect();
        let distance = distance_from_exponential(due.windows(2).map(|pair| pair[1] - pair[0]).collect());
        assert!(distance < 1.95, "{shape:?}: distance {distance}");
    }
}

#[test]
fn poisson_counts_of_equal_parts_of_a_ramp_vary_as_those_of_a_poisson_process() {
    let shape = RateShape::Ramp { from_per_s: 0.0, to_per_s: 20_000.0 };
    let offsets_s = offsets_s(&single(shape, Spacing::Poisson, 10.0));
    // In these parts of a ramp from 0 the same number is expected: the integral grows with the square.
    let parts = 100;
    let mut counts = vec![0.0; parts];
    for offset_s in &offsets_s {
        counts[((offset_s / 10.0).powi(2) * parts as f64) as usize] += 1.0;
    }
    let statistic: f64 = counts.iter().map(|count: &f64| (count - 1000.0).powi(2) / 1000.0).sum();
    // Chi-squared with 100 degrees of freedom: between these with a probability of 0.999.
    assert!((59.9..153.2).contains(&statistic), "{statistic}");
}

#[test]
fn poisson_requests_of_drawn_sizes_carry_the_planned_events() {
    let batch = Batch { min: 1, max: 19 };
    let plan = Plan { batch, ..single(CONSTANT, Spacing::Poisson, 20.0) };
    let arrivals: Vec<_> = Schedule::new(&plan).collect();
    let events: u64 = arrivals.iter().map(|arrival| u64::from(arrival.content.events)).sum();
    // The variance of a compound Poisson sum is the number of requests times the mean square of the sizes, 130.
    assert!((events as f64 - 200_000.0).abs() < 4.0 * (20_000.0_f64 * 130.0).sqrt(), "{events}");
    let due = arrivals.windows(2).map(|pair| (pair[1].offset - pair[0].offset).as_secs_f64() * 1000.0);
    let distance = distance_from_exponential(due.collect());
    assert!(distance < 1.95, "distance {distance}");
    let mut sizes = [0_u32; 19];
    for arrival in &arrivals {
        sizes[arrival.content.events as usize - 1] += 1;
    }
    let expected = arrivals.len() as f64 / 19.0;
    assert!(sizes.iter().all(|count| (f64::from(*count) / expected - 1.0).abs() < 0.2), "{sizes:?}");
}

#[test]
fn even_requests_of_drawn_sizes_keep_the_rate_of_events() {
    let batch = Batch { min: 1, max: 100 };
    let plan = Plan { batch, ..single(CONSTANT, Spacing::Even, 2.0) };
    for arrival in Schedule::new(&plan) {
        assert_eq!(arrival.offset, Duration::from_micros(100 * arrival.content.first));
    }
}

#[test]
fn phases_follow_each_other() {
    let first = phase("a", 1.0, super::plans::open(CONSTANT, Spacing::Poisson));
    let second = phase("b", 0.5, super::plans::open(CONSTANT, Spacing::Poisson));
    let plan = plan(vec![first, second]);
    let arrivals: Vec<_> = Schedule::new(&plan).collect();
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.offset));
    for (index, arrival) in (0_u64..).zip(&arrivals) {
        assert_eq!((arrival.index, arrival.content.first), (index, index));
        let is_second = arrival.offset >= Duration::from_secs(1);
        assert_eq!(arrival.phase, u16::from(is_second));
    }
    let gaps = |phase: u16| -> Vec<_> {
        let start = Duration::from_secs(u64::from(phase));
        let of_phase = arrivals.iter().filter(|arrival| arrival.phase == phase);
        of_phase.take(100).map(|arrival| arrival.offset - start).collect()
    };
    assert_ne!(gaps(0), gaps(1), "phases share their random numbers");
}

#[test]
fn endless_plan_goes_on_behind_its_last_phase() {
    for spacing in [Spacing::Even, Spacing::Poisson] {
        let wave = shapes()[10].0.clone();
        for shape in [CONSTANT, shapes()[1].0.clone(), wave] {
            let plan = Plan { is_endless: true, ..single(shape, spacing, 0.001) };
            let arrivals: Vec<_> = Schedule::new(&plan).take(50_000).collect();
            assert_eq!(arrivals.len(), 50_000);
            assert!(arrivals[49_999].offset > Duration::from_secs(3));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the shape: the number of events is that of the integral, up to what the last request may add.
    #[test]
    fn counts_are_those_of_the_integral(
        kind in 0..5,
        (high, low) in (1.0..3000.0_f64, 0.0..3000.0_f64),
        (on_s, off_s) in (0.01..3.0_f64, 0.01..3.0_f64),
        (share, phase_part) in (0.0..=1.0_f64, 0.0..=1.0_f64),
        duration_s in 0.1..20.0_f64,
        min in 1..20_u32,
        more in 0..20_u32,
        seed: u64,
    ) {
        let shape = match kind {
            0 => RateShape::Constant { rate_per_s: high },
            1 => RateShape::Burst { high_per_s: high, low_per_s: low * share.round(), on_s, off_s },
            2 => RateShape::Ramp { from_per_s: high * share.round(), to_per_s: low },
            3 => RateShape::Step { rates_per_s: vec![low, 0.0, high] },
            _ => RateShape::Sinusoid {
                mean_per_s: high,
                amplitude_per_s: high * share,
                period_s: on_s,
                phase: phase_part,
            },
        };
        let batch = Batch { min, max: min + more };
        let even = Plan { batch, seed, ..single(shape, Spacing::Even, duration_s) };
        let expected = even.phases[0].expected_events().unwrap();
        let arrivals: Vec<_> = Schedule::new(&even).collect();
        let events: u64 = arrivals.iter().map(|arrival| u64::from(arrival.content.events)).sum();
        let surplus = events as f64 - expected;
        prop_assert!(surplus > -1e-6 && surplus < f64::from(batch.max), "{events} events, {expected} expected");
        prop_assert!(arrivals.is_sorted_by_key(|arrival| arrival.offset));
        prop_assert!(arrivals.iter().all(|arrival| arrival.offset < Duration::from_secs_f64(duration_s)));
    }
}

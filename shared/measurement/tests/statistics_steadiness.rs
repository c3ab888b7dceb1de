//! Where the steady part of simulated runs is found: series of 120 s around 1000, whose truth is known.

use measurement::statistics::{Criteria, StatisticsError, Steadiness, Unsteady, change_points, steady_part};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution as _, StandardNormal};

const SECONDS: usize = 120;
const RUNS: u64 = 200;

/// `level` of each second as a fraction of 1000, times noise that is an AR(1).
fn series(seed: u64, deviation: f64, correlation: f64, level: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
    let mut noise = normal();
    let mut next = |second| {
        noise = correlation * noise + (1.0 - correlation * correlation).sqrt() * normal();
        1000.0 * level(second) * (1.0 + deviation * noise)
    };
    (0..SECONDS).map(&mut next).collect()
}

fn judged(series: &[f64]) -> Steadiness {
    steady_part(&[series], &Criteria::default()).expect("the series is sound")
}

fn begin(series: &[f64]) -> Option<usize> {
    match judged(series) {
        Steadiness::Steady { begin, .. } => Some(begin),
        Steadiness::Unsteady { .. } => None,
    }
}

/// The share of runs whose steady part begins as expected; seeds are 0 to 199.
#[track_caller]
fn mostly(
    what: &str,
    deviation: f64,
    correlation: f64,
    level: impl Fn(usize) -> f64 + Copy,
    expected: impl Fn(Option<usize>) -> bool,
    at_least: f64,
) {
    let begins: Vec<Option<usize>> =
        (0..RUNS).map(|seed| begin(&series(seed, deviation, correlation, level))).collect();
    let share = begins.iter().filter(|begin| expected(**begin)).count() as f64 / RUNS as f64;
    println!("{what}: {:.1} % of {RUNS}", share * 100.0);
    assert!(share >= at_least, "{what}: {share} of {begins:?}");
}

fn from_the_start(begin: Option<usize>) -> bool {
    begin.is_some_and(|begin| begin <= 2)
}

#[test]
fn constant_series_is_steady_from_the_start() {
    assert_eq!(
        judged(&[7.0; SECONDS]),
        Steadiness::Steady { begin: 0, levels: vec![7.0], outliers: Vec::new() }
    );
    assert_eq!(begin(&[0.0; SECONDS]), Some(0));
    // A histogram of three digits, in whose buckets the median falls now here, now there.
    let flickering = |second: usize| if (second / 17).is_multiple_of(2) { 1.0 } else { 1.001 };
    assert_eq!(begin(&series(0, 0.0, 0.0, flickering)), Some(0));
}

#[test]
fn noise_is_no_change() {
    mostly("independent noise", 0.05, 0.0, |_| 1.0, from_the_start, 0.95);
    mostly("much noise", 0.2, 0.0, |_| 1.0, from_the_start, 0.9);
    mostly("AR(1) with 0.5", 0.05, 0.5, |_| 1.0, from_the_start, 0.9);
    mostly("AR(1) with 0.8", 0.03, 0.8, |_| 1.0, from_the_start, 0.8);
}

#[test]
fn steady_part_begins_after_a_step() {
    let at_40 = |begin: Option<usize>| begin.is_some_and(|begin| (39..=41).contains(&begin));
    mostly("step up", 0.03, 0.0, |second| if second < 40 { 0.7 } else { 1.0 }, at_40, 0.95);
    mostly("step down", 0.03, 0.0, |second| if second < 40 { 1.4 } else { 1.0 }, at_40, 0.95);
    let exact = series(0, 0.0, 0.0, |second| if second < 40 { 0.7 } else { 1.0 });
    assert_eq!(begin(&exact), Some(40));
    let about_40 = |begin: Option<usize>| begin.is_some_and(|begin| (37..=43).contains(&begin));
    mostly("step in AR(1)", 0.05, 0.5, |second| if second < 40 { 0.7 } else { 1.0 }, about_40, 0.9);
}

#[test]
fn run_of_hours_is_judged_like_one_of_minutes() {
    let length = 6600;
    let noise = series(0, 0.03, 0.0, |_| 0.001);
    let second = |index: usize| noise[index * 7 % SECONDS] * if index < 900 { 800.0 } else { 1000.0 };
    let drifting = |percent: f64| -> Vec<f64> {
        (0..length)
            .map(|index| second(index) * (1.0 - percent / 100.0 * index as f64 / length as f64))
            .collect()
    };
    assert_eq!(begin(&drifting(2.0)), Some(900));
    assert_eq!(begin(&drifting(10.0)), None);
}

#[test]
fn steady_part_begins_after_a_ramp() {
    let late = |begin: Option<usize>| begin.is_some_and(|begin| (45..=75).contains(&begin));
    mostly("ramp of 60 s", 0.02, 0.0, |second| 0.5 + 0.5 * (second as f64 / 60.0).min(1.0), late, 0.95);
    let warming = |second: usize| 1.0 - 0.6 * (-(second as f64) / 12.0).exp();
    // A tenth of the runs is called unsteady for the end of the warm-up; none is called steady before it.
    let never_early = |begin: Option<usize>| begin.is_none_or(|begin| begin >= 20);
    mostly("warm-up of 12 s, not too early", 0.02, 0.0, warming, never_early, 1.0);
    let in_time = |begin: Option<usize>| begin.is_some_and(|begin| (20..=50).contains(&begin));
    mostly("warm-up of 12 s", 0.02, 0.0, warming, in_time, 0.85);
}

#[test]
fn what_changes_until_the_end_is_unsteady() {
    let never = |begin: Option<usize>| begin.is_none();
    mostly("ramp throughout", 0.02, 0.0, |second| 0.5 + second as f64 / 240.0, never, 0.95);
    mostly("drift of 15 %", 0.02, 0.0, |second| 1.0 - 0.15 * second as f64 / 120.0, never, 0.85);
    mostly("drift of 25 %", 0.02, 0.0, |second| 1.0 - 0.25 * second as f64 / 120.0, never, 0.99);
    mostly("wave", 0.02, 0.0, |second| 1.0 + 0.2 * (second as f64 / 16.0).sin(), never, 0.95);
    mostly("late step", 0.02, 0.0, |second| if second < 100 { 1.0 } else { 0.8 }, never, 0.95);
    let late = judged(&series(0, 0.0, 0.0, |second| if second < 100 { 1.0 } else { 0.8 }));
    assert_eq!(late, Steadiness::Unsteady { series: 0, reason: Unsteady::Changing { begin: 100 } });
    // Forty seconds are enough, unless half of the run is asked for.
    let stepped = series(0, 0.0, 0.0, |second| if second < 80 { 1.0 } else { 0.8 });
    assert_eq!(begin(&stepped), Some(80));
    let half = Criteria { steady_share_min: 0.5, ..Criteria::default() };
    let unsteady = steady_part(&[&stepped], &half).unwrap();
    assert_eq!(unsteady, Steadiness::Unsteady { series: 0, reason: Unsteady::Changing { begin: 80 } });
    // Fewer than ten are never enough, whatever is asked for.
    let at_last = Criteria { steady_min: 1, steady_share_min: 0.01, ..Criteria::default() };
    let stepped = series(0, 0.0, 0.0, |second| if second < 112 { 1.0 } else { 0.8 });
    let unsteady = steady_part(&[&stepped], &at_last).unwrap();
    assert_eq!(unsteady, Steadiness::Unsteady { series: 0, reason: Unsteady::Changing { begin: 112 } });
    let drifting = judged(&series(0, 0.02, 0.0, |second| 1.0 - 0.08 * second as f64 / 120.0));
    assert!(
        matches!(drifting, Steadiness::Unsteady { reason: Unsteady::Drifting { change }, .. } if change < -0.05),
        "{drifting:?}"
    );
}

#[test]
fn drift_that_does_not_matter_is_steady() {
    mostly("drift of 1 %", 0.01, 0.0, |second| 1.0 - 0.01 * second as f64 / 120.0, from_the_start, 0.95);
}

#[test]
fn spikes_belong_to_the_steady_part_and_are_listed() {
    let spiked = |second: usize| if second == 30 || second == 31 || second == 90 { 4.0 } else { 1.0 };
    mostly("spikes", 0.03, 0.0, spiked, from_the_start, 0.95);
    let pauses = |second: usize| if second % 20 == 13 { 0.3 } else { 1.0 };
    mostly("regular pauses", 0.03, 0.0, pauses, from_the_start, 0.95);
    let Steadiness::Steady { outliers, .. } = judged(&series(0, 0.01, 0.0, spiked)) else {
        panic!("the series is steady");
    };
    assert_eq!(outliers, [30, 31, 90]);
}

#[test]
fn partial_first_second_is_left_out() {
    assert_eq!(begin(&series(0, 0.0, 0.0, |second| if second == 0 { 0.2 } else { 1.0 })), Some(1));
    let two = |second: usize| if second < 2 { 0.2 } else { 1.0 };
    mostly("two slow seconds", 0.02, 0.0, two, |begin| matches!(begin, Some(2..=5)), 0.95);
}

#[test]
fn all_series_must_be_steady() {
    let early = series(1, 0.02, 0.0, |second| if second < 20 { 0.5 } else { 1.0 });
    let late = series(2, 0.02, 0.0, |second| if second < 50 { 2.0 } else { 1.0 });
    let Steadiness::Steady { begin, levels, .. } =
        steady_part(&[&early, &late], &Criteria::default()).unwrap()
    else {
        panic!("both become steady");
    };
    assert_eq!((begin, levels.len()), (50, 2));
    let never = series(3, 0.02, 0.0, |second| 0.5 + second as f64 / 240.0);
    let unsteady = steady_part(&[&early, &never], &Criteria::default()).unwrap();
    assert!(matches!(unsteady, Steadiness::Unsteady { series: 1, .. }), "{unsteady:?}");
}

#[test]
fn series_that_cannot_be_judged_are_refused() {
    let refused = |series: &[&[f64]]| steady_part(series, &Criteria::default()).unwrap_err();
    assert!(matches!(refused(&[]), StatisticsError::TooFew { .. }));
    assert!(matches!(refused(&[&[1.0; 29]]), StatisticsError::TooFew { needed: 30, found: 29, .. }));
    assert!(matches!(refused(&[&[1.0; 30], &[1.0; 31]]), StatisticsError::Unpaired { .. }));
    assert!(matches!(refused(&[&[f64::INFINITY; 30]]), StatisticsError::NotFinite { index: 0, .. }));
    assert!(matches!(change_points(&[1.0; 9], -1.0, 2), Err(StatisticsError::OutOfRange { .. })));
}

/// The cost of a segmentation, as [`change_points`] defines it.
fn cost(series: &[f64], changes: &[usize], deviation: f64) -> f64 {
    let bounds: Vec<usize> = [&[0], changes, &[series.len()]].concat();
    let squares = |segment: &[f64]| {
        let mean = segment.iter().sum::<f64>() / segment.len() as f64;
        segment.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let distances: f64 = bounds.windows(2).map(|bound| squares(&series[bound[0]..bound[1]])).sum();
    distances + 3.0 * (series.len() as f64).ln() * deviation * deviation * changes.len() as f64
}

/// The least cost of all segmentations, each of which is tried.
fn least_cost(series: &[f64], deviation: f64, segment_min: usize) -> f64 {
    let inner = series.len() - 1;
    let segmentation =
        |bits: u32| -> Vec<usize> { (1..=inner).filter(|index| bits >> (index - 1) & 1 == 1).collect() };
    (0..1_u32 << inner)
        .map(segmentation)
        .filter(|changes| {
            let bounds: Vec<usize> = [&[0], changes.as_slice(), &[series.len()]].concat();
            bounds.windows(2).all(|bound| bound[1] - bound[0] >= segment_min)
        })
        .map(|changes| cost(series, &changes, deviation))
        .fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn no_segmentation_costs_less(
        series in prop::collection::vec(-5..5_i32, 6..12),
        segment_min in 1..4_usize,
        deviation in 0.1..1.5_f64,
    ) {
        let series: Vec<f64> = series.into_iter().map(f64::from).collect();
        let changes = change_points(&series, deviation, segment_min).unwrap();
        let bounds: Vec<usize> = [&[0], changes.as_slice(), &[series.len()]].concat();
        prop_assert!(bounds.windows(2).all(|bound| bound[1] - bound[0] >= segment_min));
        let (found, least) = (cost(&series, &changes, deviation), least_cost(&series, deviation, segment_min));
        prop_assert!((found - least).abs() <= 1e-9 * (1.0 + least), "{found} is not {least}: {changes:?}");
    }
}

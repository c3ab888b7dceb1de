//! Percentiles, merging and the extremes of the histogram.

use std::time::Duration;

use measurement::Histogram;
use proptest::prelude::*;

fn recorded(durations_ns: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    for &duration_ns in durations_ns {
        histogram.record(Duration::from_nanos(duration_ns));
    }
    histogram
}

proptest! {
    // A histogram is large, so a case takes a while.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merged_parts_equal_one_recorder(
        left in prop::collection::vec(any::<u64>(), 0..50),
        right in prop::collection::vec(0..10_000_000_000_u64, 0..50),
    ) {
        let mut merged = recorded(&left);
        merged.merge(&recorded(&right));
        let whole = recorded(&[left, right].concat());
        prop_assert_eq!(merged.summary(), whole.summary());
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn shards_in_any_order_equal_one_recorder(
        shards in prop::collection::vec(prop::collection::vec(0..1_u64 << 40, 0..20), 1..8),
    ) {
        let whole = recorded(&shards.concat());
        for order in [shards.clone(), shards.into_iter().rev().collect()] {
            let mut merged = Histogram::new();
            order.iter().for_each(|shard| merged.merge(&recorded(shard)));
            prop_assert_eq!(&merged, &whole);
        }
    }

    #[test]
    fn histograms_of_different_counts_differ(mut durations_ns in prop::collection::vec(0..1_u64 << 40, 1..20)) {
        let whole = recorded(&durations_ns);
        let last = durations_ns.pop().unwrap();
        prop_assert_ne!(&recorded(&durations_ns), &whole);
        durations_ns.push(last * 2 + 1);
        prop_assert_ne!(&recorded(&durations_ns), &whole);
    }

    #[test]
    fn percentiles_are_within_a_tenth_of_a_percent(
        mut durations_ns in prop::collection::vec(0..100_000_000_000_u64, 1..300),
        quantile in 0.01..1.0_f64,
    ) {
        let histogram = recorded(&durations_ns);
        durations_ns.sort_unstable();
        let rank = (quantile * durations_ns.len() as f64).ceil() as usize;
        let exact_ns = durations_ns[rank.clamp(1, durations_ns.len()) - 1] as f64;
        let found_ns = histogram.quantile(quantile).as_nanos() as f64;
        prop_assert!((found_ns - exact_ns).abs() <= exact_ns * 0.001 + 1.0, "{} is not {}", found_ns, exact_ns);
    }
}

#[test]
fn summary_is_in_microseconds() {
    let summary = recorded(&[1_000, 2_000, 3_000, 4_000]).summary();
    assert_eq!(summary.count, 4);
    assert!((summary.mean_us - 2.5).abs() < 0.01, "{summary:?}");
    assert!((summary.p50_us - 2.0).abs() < 0.01, "{summary:?}");
    assert!((summary.max_us - 4.0).abs() < 0.01, "{summary:?}");
}

#[test]
fn empty_histogram_is_all_zero() {
    let summary = Histogram::new().summary();
    assert_eq!((summary.count, summary.mean_us, summary.p999_us, summary.max_us), (0, 0.0, 0.0, 0.0));
}

#[test]
fn what_was_recorded_can_be_recorded_again() {
    let histogram = recorded(&[5, 5, 1_000_000, 70_000_000_000]);
    let mut again = Histogram::new();
    for (duration, count) in histogram.recorded() {
        again.record_many(duration, count);
    }
    assert_eq!(again.summary(), histogram.summary());
    assert_eq!(histogram.recorded().next(), Some((Duration::from_nanos(5), 2)));
}

#[test]
fn longest_duration_is_counted() {
    let mut histogram = recorded(&[0]);
    histogram.record(Duration::MAX);
    assert_eq!(histogram.count(), 2);
    assert!(histogram.quantile(1.0) > Duration::from_secs(60 * 60 * 24 * 365 * 500));
}

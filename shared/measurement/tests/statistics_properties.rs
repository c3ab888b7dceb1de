//! What must hold of any data.

use measurement::statistics::{
    Alternative, CONFIDENCE, Interval, Residuals, Zeros, batch_means, cliffs_delta, equivalence,
    hodges_lehmann, holm, initial_monotone_sequence, log_ratios, quantile_interval, ratio, sign_flip,
    theil_sen, wilcoxon_signed_rank,
};
use proptest::prelude::*;

/// Runs in blocks: throughputs of both arms.
fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((1e-3..1e6_f64, -1.0..1.5_f64), 6..70)
        .prop_map(|pairs| pairs.into_iter().map(|(baseline, log)| (baseline, baseline * log.exp())).collect())
}

/// Small integers: ties and zeros.
fn differences() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-6..7_i32, 8..70).prop_map(|values| values.into_iter().map(f64::from).collect())
}

fn arms(pairs: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    pairs.iter().copied().unzip()
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-3)
}

fn alike(left: Interval, right: Interval) -> bool {
    near(left.estimate, right.estimate) && near(left.low, right.low) && near(left.high, right.high)
}

/// Of a quantity that changes its sign when the arms are swapped.
fn negated(interval: Interval) -> Interval {
    Interval { estimate: -interval.estimate, low: -interval.high, high: -interval.low, ..interval }
}

proptest! {
    #[test]
    fn swapped_arms_invert_the_ratio(pairs in pairs()) {
        let (baseline, candidate) = arms(&pairs);
        let there = ratio(&baseline, &candidate, CONFIDENCE).unwrap();
        let back = ratio(&candidate, &baseline, CONFIDENCE).unwrap();
        let inverted =
            Interval { estimate: 1.0 / there.estimate, low: 1.0 / there.high, high: 1.0 / there.low, ..there };
        prop_assert!(alike(back, inverted), "{there:?} {back:?}");
        prop_assert!(there.low <= there.estimate && there.estimate <= there.high);
    }

    #[test]
    fn unit_of_the_measurement_does_not_matter(pairs in pairs(), scale in 1e-6..1e6_f64) {
        let (baseline, candidate) = arms(&pairs);
        let scaled = |values: &[f64]| values.iter().map(|value| value * scale).collect::<Vec<_>>();
        let plain = ratio(&baseline, &candidate, CONFIDENCE).unwrap();
        prop_assert!(alike(plain, ratio(&scaled(&baseline), &scaled(&candidate), CONFIDENCE).unwrap()));
        // And only the candidate's scale is in the ratio.
        let faster = ratio(&baseline, &scaled(&candidate), CONFIDENCE).unwrap();
        prop_assert!(near(faster.estimate, plain.estimate * scale), "{faster:?} {plain:?}");
    }

    #[test]
    fn speed_of_a_block_does_not_matter(pairs in pairs(), factors in prop::collection::vec(0.01..100.0_f64, 70)) {
        let (baseline, candidate) = arms(&pairs);
        let slowed: Vec<(f64, f64)> =
            pairs.iter().zip(factors).map(|((left, right), factor)| (left * factor, right * factor)).collect();
        let (slow_baseline, slow_candidate) = arms(&slowed);
        let plain = ratio(&baseline, &candidate, CONFIDENCE).unwrap();
        prop_assert!(alike(plain, ratio(&slow_baseline, &slow_candidate, CONFIDENCE).unwrap()));
    }

    #[test]
    fn order_of_pairs_does_not_matter((pairs, shuffled) in pairs().prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle()))) {
        let logs = |pairs: &[(f64, f64)]| {
            let (baseline, candidate) = arms(pairs);
            log_ratios(&baseline, &candidate).unwrap()
        };
        let (logs, shuffled) = (logs(&pairs), logs(&shuffled));
        prop_assert_eq!(hodges_lehmann(&logs, CONFIDENCE).unwrap(), hodges_lehmann(&shuffled, CONFIDENCE).unwrap());
        let test = |logs: &[f64]| wilcoxon_signed_rank(logs, Alternative::TwoSided, Zeros::Pratt).unwrap();
        prop_assert_eq!(test(&logs), test(&shuffled));
        let same = |logs: &[f64]| equivalence(logs, 0.03, 0.05).unwrap();
        prop_assert_eq!(same(&logs), same(&shuffled));
    }

    #[test]
    fn interval_excludes_what_the_test_rejects(pairs in pairs()) {
        let (baseline, candidate) = arms(&pairs);
        let logs = log_ratios(&baseline, &candidate).unwrap();
        let interval = hodges_lehmann(&logs, CONFIDENCE).unwrap();
        let test = wilcoxon_signed_rank(&logs, Alternative::TwoSided, Zeros::Pratt).unwrap();
        prop_assert_eq!(!interval.contains(0.0), test.p <= 1.0 - CONFIDENCE, "{:?} {:?}", interval, test);
    }

    #[test]
    fn sides_of_the_tests_mirror_each_other(differences in differences(), pratt: bool) {
        prop_assume!(differences.iter().any(|value| *value != 0.0));
        let zeros = if pratt { Zeros::Pratt } else { Zeros::Wilcox };
        let mirrored: Vec<f64> = differences.iter().map(|value| -value).collect();
        let p = |values: &[f64], alternative| wilcoxon_signed_rank(values, alternative, zeros).unwrap().p;
        prop_assert!(near(p(&differences, Alternative::Greater), p(&mirrored, Alternative::Less)));
        prop_assert!(near(p(&differences, Alternative::TwoSided), p(&mirrored, Alternative::TwoSided)));
        prop_assert!(p(&differences, Alternative::Greater) + p(&differences, Alternative::Less) >= 1.0 - 1e-9);
        prop_assert_eq!(sign_flip(&differences, 500, 1).unwrap().exact, differences.len() <= 16);
        if differences.len() <= 16 {
            prop_assert_eq!(sign_flip(&differences, 0, 1).unwrap(), sign_flip(&mirrored, 0, 2).unwrap());
        }
    }

    #[test]
    fn sameness_is_that_of_swapped_arms(logs in prop::collection::vec(-0.05..0.05_f64, 5..40)) {
        let swapped: Vec<f64> = logs.iter().map(|log| -log).collect();
        let (there, back) = (equivalence(&logs, 0.03, 0.05).unwrap(), equivalence(&swapped, 0.03, 0.05).unwrap());
        prop_assert_eq!(there.equivalent, back.equivalent);
        prop_assert!(near(there.p, back.p));
        // Without ties the interval and the tests say the same.
        let bounds = 1.0 / 1.03 < there.ratio.low && there.ratio.high < 1.03;
        prop_assert_eq!(bounds, there.p <= 0.05, "{:?}", there);
    }

    #[test]
    fn delta_knows_only_the_order(
        left in prop::collection::vec(-9..9_i32, 2..20),
        right in prop::collection::vec(-9..9_i32, 2..20),
    ) {
        let stretched = |values: &[i32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let curved = |values: &[i32]| values.iter().map(|value| (f64::from(*value) / 3.0).exp()).collect::<Vec<_>>();
        let plain = cliffs_delta(&stretched(&left), &stretched(&right), CONFIDENCE).unwrap();
        prop_assert_eq!(plain, cliffs_delta(&curved(&left), &curved(&right), CONFIDENCE).unwrap());
        let swapped = cliffs_delta(&stretched(&right), &stretched(&left), CONFIDENCE).unwrap();
        prop_assert!(alike(swapped, negated(plain)), "{plain:?} {swapped:?}");
        prop_assert!(-1.0 <= plain.low && plain.low <= plain.estimate);
        prop_assert!(plain.estimate <= plain.high && plain.high <= 1.0);
    }

    #[test]
    fn adjusted_p_keep_their_order_and_are_at_least_as_large(p in prop::collection::vec(0.0..=1.0_f64, 0..20)) {
        let adjusted = holm(&p).unwrap();
        for (index, value) in adjusted.iter().enumerate() {
            prop_assert!((p[index]..=1.0).contains(value));
            prop_assert!(*value <= p.len() as f64 * p[index]);
            for other in 0..p.len() {
                prop_assert!(p[other] > p[index] || adjusted[other] <= *value);
            }
        }
        let rejected = |alpha: f64| adjusted.iter().filter(|p| **p <= alpha).count();
        let bonferroni = p.iter().filter(|value| **value * p.len() as f64 <= 0.05).count();
        prop_assert!(rejected(0.05) >= bonferroni);
    }

    #[test]
    fn slope_follows_units_and_shifts(
        y in prop::collection::vec(-50..50_i32, 10..40),
        scale in 0.1..10.0_f64,
        shift in -100.0..100.0_f64,
    ) {
        let x: Vec<f64> = (0..y.len()).map(|index| index as f64).collect();
        let y: Vec<f64> = y.into_iter().map(f64::from).collect();
        let moved: Vec<f64> = y.iter().map(|y| scale * y + shift).collect();
        let slope = |y: &[f64]| theil_sen(&x, y, Residuals::Independent, CONFIDENCE).unwrap().slope;
        let (plain, moved) = (slope(&y), slope(&moved));
        let expected = Interval {
            estimate: plain.estimate * scale, low: plain.low * scale, high: plain.high * scale, ..plain
        };
        prop_assert!((moved.estimate - expected.estimate).abs() < 1e-9, "{expected:?} {moved:?}");
        prop_assert!((moved.low - expected.low).abs() < 1e-9 && (moved.high - expected.high).abs() < 1e-9);
        prop_assert!(plain.low <= plain.estimate && plain.estimate <= plain.high);
    }

    #[test]
    fn samples_are_worth_no_more_than_their_number(values in prop::collection::vec(-1e3..1e3_f64, 10..200)) {
        for samples in [initial_monotone_sequence(&values).unwrap(), batch_means(&values).unwrap()] {
            prop_assert!(samples.effective > 0.0 && samples.effective <= values.len() as f64, "{samples:?}");
            prop_assert!(samples.mean_variance > 0.0);
        }
    }

    #[test]
    fn quantile_is_a_sample_between_two_others(
        values in prop::collection::vec(-1e3..1e3_f64, 40..400),
        quantile in 0.1..0.9_f64,
        worth in 0.95..=1.0_f64,
    ) {
        let effective = values.len() as f64 * worth;
        prop_assume!(effective >= 37.0);
        let interval = quantile_interval(&values, effective, quantile, CONFIDENCE).unwrap();
        for bound in [interval.estimate, interval.low, interval.high] {
            prop_assert!(values.contains(&bound));
        }
        prop_assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
        prop_assert!(interval.confidence >= CONFIDENCE);
    }
}

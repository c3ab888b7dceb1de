//! Worked examples of papers and books, and what is refused. What other programs find: `scripts/lib/statistics-peers`.

use std::time::Duration;

use measurement::Histogram;
use measurement::statistics::{
    Alternative, Bootstrap, CONFIDENCE, Decision, Residuals, StatisticsError, StoppingRule, Zeros, aa_check,
    batch_means, bootstrap, cliffs_delta, effective_requests, equivalence, hodges_lehmann, holm,
    initial_monotone_sequence, log_ratios, quantile_interval, quantile_ranks, quantile_samples_min, ratio,
    sign_flip, theil_sen, wilcoxon_signed_rank,
};

#[track_caller]
fn close(value: f64, expected: f64, by: f64) {
    assert!((value - expected).abs() <= by, "{value} is not {expected}");
}

/// Hollander & Wolfe (1973), table 3.1: depression of nine patients before and after a tranquilizer, as `wilcox.test` of R
/// documents it.
const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
#[expect(clippy::approx_constant, reason = "it was measured")]
const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

fn decrease() -> Vec<f64> {
    BEFORE.iter().zip(AFTER).map(|(before, after)| before - after).collect()
}

#[test]
fn signed_ranks_of_hollander_and_wolfe() {
    let test = wilcoxon_signed_rank(&decrease(), Alternative::Greater, Zeros::Pratt).unwrap();
    assert_eq!((test.statistic, test.exact, test.used), (40.0, true, 9));
    close(test.p, 0.01953, 5e-6);
    let two_sided = wilcoxon_signed_rank(&decrease(), Alternative::TwoSided, Zeros::Pratt).unwrap();
    close(two_sided.p, 2.0 * test.p, 1e-12);

    let interval = hodges_lehmann(&decrease(), CONFIDENCE).unwrap();
    close(interval.estimate, 0.46, 1e-9);
    close(interval.low, 0.010, 1e-9);
    close(interval.high, 0.786, 1e-9);
    close(interval.confidence, 0.961, 5e-4);
}

#[test]
fn ties_and_zeros_are_counted_exactly() {
    // Of the sizes 1, 1, 2 the ranks are 1.5, 1.5, 3; three of the eight assignments of signs give 4.5 or more.
    let ties = wilcoxon_signed_rank(&[1.0, -1.0, 2.0], Alternative::Greater, Zeros::Wilcox).unwrap();
    assert_eq!((ties.statistic, ties.p), (4.5, 3.0 / 8.0));
    // Pratt ranks the zero: 2 and 3 remain, and only one of four assignments gives both.
    let differences = [0.0, 1.0, 2.0];
    let pratt = wilcoxon_signed_rank(&differences, Alternative::Greater, Zeros::Pratt).unwrap();
    assert_eq!((pratt.statistic, pratt.p, pratt.used), (5.0, 0.25, 2));
    let wilcox = wilcoxon_signed_rank(&differences, Alternative::Greater, Zeros::Wilcox).unwrap();
    assert_eq!((wilcox.statistic, wilcox.p), (3.0, 0.25));
}

/// R. A. Fisher, The Design of Experiments, sections 17 and 21: Darwin's maize, in eighths of an inch. Of 2¹⁵ assignments of
/// signs, 863 reach a sum of 314: 5.267 % on both sides.
const MAIZE: [f64; 15] =
    [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];

#[test]
fn flipped_signs_of_fisher() {
    let exact = sign_flip(&MAIZE, 0, 0).unwrap();
    assert!(exact.exact);
    assert_eq!(exact.p, 2.0 * 863.0 / 32768.0);
    // Beyond 16 differences signs are drawn; a difference of 0 changes no sum.
    let mut drawn = MAIZE.to_vec();
    drawn.extend([0.0, 0.0]);
    let drawn = sign_flip(&drawn, 20_000, 5).unwrap();
    assert!(!drawn.exact);
    close(drawn.p, exact.p, 0.006);
    assert_eq!(sign_flip(&[1.0; 40], 1000, 1).unwrap().p, 1.0 / 1001.0);
}

#[test]
fn holms_adjustment() {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") of R.
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]).unwrap();
    for (value, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        close(*value, expected, 1e-12);
    }
    assert_eq!(holm(&[0.9, 0.6]).unwrap(), [1.0, 1.0]);
    assert_eq!(holm(&[]).unwrap(), [0.0; 0]);
    assert!(matches!(holm(&[1.1]), Err(StatisticsError::OutOfRange { .. })));
}

#[test]
fn delta_of_the_r_package_effsize() {
    let treatment = [10.0, 10.0, 20.0, 20.0, 20.0, 30.0, 30.0, 30.0, 40.0, 50.0];
    let control = [10.0, 20.0, 30.0, 40.0, 40.0, 50.0];
    let delta = cliffs_delta(&control, &treatment, CONFIDENCE).unwrap();
    close(delta.estimate, -0.25, 1e-12);
    close(delta.low, -0.726_584_6, 5e-8);
    close(delta.high, 0.389_006_2, 5e-8);
    let apart = cliffs_delta(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[7.0; 8], CONFIDENCE).unwrap();
    assert_eq!((apart.estimate, apart.high), (1.0, 1.0));
    assert!(apart.low > 0.0 && apart.low < 0.2, "{apart:?}");
}

#[test]
fn bootstrap_of_efron_and_tibshirani() {
    // An Introduction to the Bootstrap, table 14.1, spatial test data A; its variance, and table 14.2, at 90 %.
    let spatial = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0, 28.0, 34.0,
        4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];
    let variance = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
    };
    for (method, low, high) in
        [(Bootstrap::Percentile, 100.8, 233.9), (Bootstrap::BiasCorrected, 115.8, 259.6)]
    {
        let interval = bootstrap(&spatial, variance, method, 0.9, 4000, 3).unwrap();
        close(interval.estimate, 171.5, 0.05);
        // The book's own figures are of 2,000 drawings.
        close(interval.low, low, 4.0);
        close(interval.high, high, 4.0);
        assert_eq!(interval, bootstrap(&spatial, variance, method, 0.9, 4000, 3).unwrap());
        assert_ne!(interval, bootstrap(&spatial, variance, method, 0.9, 4000, 4).unwrap());
    }
}

#[test]
fn percentiles_are_hidden_below_the_samples_that_bound_them() {
    for (quantile, needed) in [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.01, 368)] {
        assert_eq!(quantile_samples_min(quantile, 0.95).unwrap(), needed, "{quantile}");
        let refused = quantile_ranks(needed - 1, (needed - 1) as f64, quantile, 0.95).unwrap_err();
        assert!(matches!(refused, StatisticsError::TooFew { .. }), "{refused}");
        let ranks = quantile_ranks(needed, needed as f64, quantile, 0.95).unwrap();
        assert!(1 <= ranks.low && ranks.low < ranks.high && ranks.high <= needed, "{ranks:?}");
        // It is the sample at the end of the quantile's side that is needed.
        assert!(if quantile < 0.5 { ranks.low == 1 } else { ranks.high == needed }, "{ranks:?}");
        assert!(ranks.confidence >= 0.95, "{ranks:?}");
        // Many samples that are worth too few are not enough.
        assert!(quantile_ranks(1_000_000, needed as f64 - 0.5, quantile, 0.95).is_err());
    }
}

#[test]
fn ranks_of_a_median_are_those_of_the_tables() {
    // Conover, table A3, and every other table of the sign test.
    for (samples, low, high, confidence) in [
        (6, 1, 6, 0.96875),
        (10, 2, 9, 0.97852),
        (20, 6, 15, 0.95861),
        (30, 10, 21, 0.95723),
        (50, 18, 33, 0.96716),
    ] {
        let ranks = quantile_ranks(samples, samples as f64, 0.5, 0.95).unwrap();
        assert_eq!((ranks.low, ranks.high), (low, high));
        close(ranks.confidence, confidence, 5e-6);
    }
    let samples: Vec<f64> = (1..=20).map(f64::from).collect();
    let interval = quantile_interval(&samples, 20.0, 0.5, 0.95).unwrap();
    assert_eq!((interval.estimate, interval.low, interval.high), (10.0, 6.0, 15.0));
}

#[test]
fn ranks_of_many_samples_are_those_of_the_normal_distribution() {
    for samples in [10_000_u64, 1_000_000, 50_000_000] {
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            let ranks = quantile_ranks(samples, samples as f64, quantile, 0.95).unwrap();
            let centre = samples as f64 * quantile;
            let reach = 1.959_964 * (centre * (1.0 - quantile)).sqrt();
            // Skewness moves both by less than one rank.
            close(ranks.low as f64, centre - reach, 2.0);
            close(ranks.high as f64, centre + reach, 2.0);
        }
    }
}

#[test]
fn histogram_has_the_samples_of_the_ranks() {
    let mut histogram = Histogram::new();
    (1..=2000).for_each(|sample| histogram.record(Duration::from_nanos(sample)));
    let ranks = quantile_ranks(2000, 2000.0, 0.99, 0.95).unwrap();
    for rank in [1, ranks.low, ranks.high, 2000] {
        let sample = histogram.quantile((rank as f64 - 0.5) / 2000.0);
        assert_eq!(sample, Duration::from_nanos(rank));
    }
}

#[test]
fn samples_that_are_worth_less_have_wider_intervals() {
    let ranks = |effective| quantile_ranks(10_000, effective, 0.5, 0.95).unwrap();
    let (all, quarter) = (ranks(10_000.0), ranks(2500.0));
    close((quarter.high - quarter.low) as f64 / (all.high - all.low) as f64, 2.0, 0.05);
}

/// An AR(1) whose innovations are the golden ratio's multiples, made normal enough by adding twelve.
fn autoregressive(length: usize, correlation: f64) -> Vec<f64> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut value = 0.0;
    let mut next = || {
        value = correlation * value + (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        value
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn dependent_samples_are_worth_what_their_correlation_says() {
    // An AR(1) is worth (1 − ρ) / (1 + ρ) of its length.
    for correlation in [0.0, 0.5, 0.9] {
        let series = autoregressive(20_000, correlation);
        let expected = 20_000.0 * (1.0 - correlation) / (1.0 + correlation);
        close(initial_monotone_sequence(&series).unwrap().effective / expected, 1.0, 0.2);
        close(batch_means(&series).unwrap().effective / expected, 1.0, 0.3);
    }
    // Never more than there are, however they alternate.
    let alternating = autoregressive(2000, -0.8);
    assert_eq!(initial_monotone_sequence(&alternating).unwrap().effective, 2000.0);
    assert_eq!(batch_means(&alternating).unwrap().effective, 2000.0);
}

#[test]
fn slow_requests_in_clusters_are_worth_less() {
    let requests = [100.0; 200];
    // One of a hundred in each second; or a hundred in every hundredth second; or those of ten seconds in a row.
    let even = effective_requests(&[1.0; 200], &requests).unwrap();
    let every = |hit: fn(usize) -> bool, slow: f64| -> f64 {
        let slow: Vec<f64> = (0..200).map(|second| if hit(second) { slow } else { 0.0 }).collect();
        effective_requests(&slow, &requests).unwrap()
    };
    assert_eq!(even, 20_000.0);
    // As even where the seconds are not.
    let varying: Vec<f64> = (0..200_u8).map(|second| if second < 90 { 100.0 } else { 300.0 }).collect();
    let slow: Vec<f64> = varying.iter().map(|requests| requests / 100.0).collect();
    close(effective_requests(&slow, &varying).unwrap(), 42_000.0, 1e-6);
    let clustered = every(|second| second % 50 == 17, 50.0);
    // Each cluster of 50 is worth about two requests.
    assert!((200.0..=500.0).contains(&clustered), "{clustered}");
    let burst = every(|second| (60..70).contains(&second), 20.0);
    assert!(burst < 150.0 && burst < clustered, "{burst}");
    assert!(matches!(effective_requests(&[0.0; 200], &requests), Err(StatisticsError::OutOfRange { .. })));
}

#[test]
fn line_is_found_in_spite_of_outliers() {
    let x: Vec<f64> = (0..40).map(f64::from).collect();
    let mut y: Vec<f64> = x.iter().map(|x| 3.0 - 0.5 * x).collect();
    let exact = theil_sen(&x, &y, Residuals::Autocorrelated, CONFIDENCE).unwrap();
    assert_eq!(
        (exact.slope.estimate, exact.slope.low, exact.slope.high, exact.intercept),
        (-0.5, -0.5, -0.5, 3.0)
    );
    assert!(!exact.grows());
    y[3] = 900.0;
    y[30] = -700.0;
    let outlying = theil_sen(&x, &y, Residuals::Independent, CONFIDENCE).unwrap();
    close(outlying.slope.estimate, -0.5, 1e-9);
    let growing: Vec<f64> = y.iter().map(|y| -y).collect();
    assert!(theil_sen(&x, &growing, Residuals::Independent, CONFIDENCE).unwrap().grows());
    assert!(matches!(
        theil_sen(&[1.0; 12], &[2.0; 12], Residuals::Independent, CONFIDENCE),
        Err(StatisticsError::AllEqual { .. })
    ));
}

#[test]
fn ratio_is_that_of_every_pair() {
    let baseline = [100.0, 120.0, 90.0, 70.0, 300.0, 110.0];
    let candidate = baseline.map(|value| value * 1.05);
    let ratio = ratio(&baseline, &candidate, CONFIDENCE).unwrap();
    close(ratio.estimate, 1.05, 1e-12);
    close(ratio.low, 1.05, 1e-12);
    close(ratio.confidence, 0.96875, 1e-12);
}

#[test]
fn what_has_no_ratio_is_refused() {
    let six = [1.0; 6];
    let refused = |left: &[f64], right: &[f64]| ratio(left, right, CONFIDENCE).unwrap_err();
    assert!(matches!(refused(&six, &six[1..]), StatisticsError::Unpaired { left: 6, right: 5, .. }));
    assert!(matches!(refused(&six[1..], &six[1..]), StatisticsError::TooFew { needed: 6, found: 5, .. }));
    let with = |value| [1.0, 1.0, 1.0, 1.0, value, 1.0];
    assert!(matches!(refused(&six, &with(0.0)), StatisticsError::NotPositive { index: 4, .. }));
    assert!(matches!(refused(&with(-1.0), &six), StatisticsError::NotPositive { index: 4, .. }));
    assert!(matches!(refused(&six, &with(f64::NAN)), StatisticsError::NotFinite { index: 4, .. }));
    let many = vec![1.0; 5001];
    assert!(matches!(refused(&many, &many), StatisticsError::OutOfRange { .. }));
    assert!(matches!(
        theil_sen(&many, &many, Residuals::Independent, CONFIDENCE),
        Err(StatisticsError::OutOfRange { .. })
    ));
    assert!(matches!(ratio(&six, &six, 1.0), Err(StatisticsError::OutOfRange { .. })));
    assert_eq!(
        refused(&six[1..], &six[1..]).to_string(),
        "the interval of a Hodges-Lehmann estimate needs 6 values or more and has 5: measure more, or ask for less \
         confidence"
    );
}

#[test]
fn sameness_needs_both_bounds() {
    let spread =
        |centre: f64| -> Vec<f64> { (-5..=5).map(|step| centre + f64::from(step) * 0.001).collect() };
    let judged = |centre| equivalence(&spread(centre), 0.03, 0.05).unwrap();
    assert!(judged(0.0).equivalent);
    assert!(judged(0.025).equivalent && judged(-0.025).equivalent);
    for apart in [0.0295, -0.0295, 0.1, -0.1] {
        assert!(!judged(apart).equivalent, "{apart}");
    }
    close(judged(0.1).p, 1.0, 1e-12);
    // All eleven on one side of both bounds.
    close(judged(0.0).p, 0.5_f64.powi(11), 1e-12);
    // Not enough of them for an interval at 90 %.
    assert!(matches!(equivalence(&[0.0; 4], 0.03, 0.05), Err(StatisticsError::TooFew { needed: 5, .. })));
}

#[test]
fn control_is_biased_where_one_side_always_wins() {
    let first = [100.0, 101.0, 99.0, 103.0, 97.0, 100.0];
    let second = [100.5, 101.2, 99.9, 103.1, 98.0, 100.4];
    let check = aa_check(&first, &second).unwrap();
    assert!(check.biased, "{check:?}");
    close(check.ratio.confidence, 0.96875, 1e-12);
    let mut even = second;
    even[2] = 98.0;
    assert!(!aa_check(&first, &even).unwrap().biased);
    let (long, short) = ([1.0; 12], [1.0; 5]);
    assert!(aa_check(&long, &long).unwrap().ratio.confidence >= 0.99);
    assert!(matches!(aa_check(&short, &short), Err(StatisticsError::TooFew { .. })));
}

#[test]
fn blocks_end_when_the_ratio_is_known() {
    let rule = StoppingRule::default();
    let logs = |deviation: f64, blocks: usize| -> Vec<f64> {
        (0..blocks).map(|block| 0.5 + deviation * ((block * 7 % 11) as f64 - 5.0) / 3.0).collect()
    };
    assert_eq!(rule.decide(&logs(0.0, 5)).unwrap(), Decision::Continue);
    assert!(
        matches!(rule.decide(&logs(0.01, 6)).unwrap(), Decision::Precise(ratio) if ratio.contains(0.5_f64.exp()))
    );
    assert_eq!(rule.decide(&logs(0.05, 29)).unwrap(), Decision::Continue);
    assert!(matches!(rule.decide(&logs(0.05, 30)).unwrap(), Decision::Inconclusive(_)));
    // Width decides: a difference beyond all doubt is no reason to stop.
    let mut wide = logs(0.1, 8);
    wide.iter_mut().for_each(|log| *log += 3.0);
    assert_eq!(rule.decide(&wide).unwrap(), Decision::Continue);
    // A rule whose level its first look cannot have.
    let early = StoppingRule { blocks_min: 3, ..rule };
    assert!(matches!(early.decide(&logs(0.0, 3)), Err(StatisticsError::TooFew { needed: 6, .. })));
    assert_eq!(log_ratios(&[1.0], &[1.0]).unwrap(), [0.0]);
}

//! Where a verdict tips: each of the rules at its edge, on values that were chosen for it.

use crate::synthetic::{NOTHING, PLACEMENTS, Truth, doubt, runs};
use experiment::analysis::{Agreement, Analysis, Claim, ClaimVerdict, Doubted, Sensitivity, analyse};
use experiment::cell::Cell;
use experiment::metric;
use experiment::plan::Plan;
use experiment::record::{Measured, RunRecord, Status};

const COST: &str = "cpu-per-event";

/// Runs of both architectures in which a metric of arm64 is `ratios` times that of amd64, block by block. Blocks are as far
/// apart as 1 and their number, so that only pairs of one block have these ratios. The copies of the control are equal.
pub(crate) fn paired(metric: &str, ratios: &[f64]) -> (Plan, Vec<Cell>, Vec<RunRecord>) {
    let plan = PLACEMENTS
        .replace("[[factors]]\nname = \"rate\"\nlevels = [1000, 5000]\n", "")
        .replace("blocks = 10", &format!("blocks = {}", ratios.len()))
        .replace("\"accepted-to-queryable-p99\", \"cpu-per-event\"", &format!("{metric:?}"));
    let (plan, cells, mut records) = runs(&plan, &NOTHING, 1);
    for run in &mut records {
        let ratio = if run.cell == "arm64" { ratios[run.block as usize - 1] } else { 1.0 };
        run.metrics.get_mut(metric).unwrap().value = 1000.0 * f64::from(run.block) * ratio;
    }
    (plan, cells, records)
}

/// The one claim that is made, after some of the records were changed.
fn claim_of(metric: &str, ratios: &[f64], change: impl Fn(&mut RunRecord)) -> (Claim, Analysis) {
    let (plan, cells, mut records) = paired(metric, ratios);
    records.iter_mut().for_each(change);
    let analysis = analyse(&plan, &cells, &records);
    assert_eq!(analysis.claims.len(), 1);
    (analysis.claims[0].clone(), analysis)
}

fn claim(ratios: &[f64]) -> Claim {
    claim_of(COST, ratios, |_| ()).0
}

fn without(claim: &Claim, doubted: Doubted) -> Option<&Sensitivity> {
    claim.sensitivity.iter().find(|rest| rest.without == doubted)
}

fn is_close(found: f64, wanted: f64) -> bool {
    (found / wanted - 1.0).abs() < 1e-9
}

#[test]
fn runs_are_compared_with_those_of_their_own_block() {
    let ratio = claim(&[1.5; 8]).ratio.unwrap();
    assert!(is_close(ratio.low, 1.5) && is_close(ratio.high, 1.5), "{ratio:?}");
}

#[test]
fn difference_that_is_certain_and_small_is_the_same() {
    let claim = claim(&[1.010, 1.011, 1.012, 1.013, 1.014, 1.015, 1.016, 1.017]);
    assert!(claim.ratio.unwrap().low > 1.0 && claim.p_adjusted.unwrap() < 0.05);
    assert_eq!(claim.verdict, ClaimVerdict::Same);
    assert_eq!(claim.reservations, ["there is a difference, but it is smaller than 3 %"]);
}

#[test]
fn sameness_of_several_claims_needs_more_blocks_than_that_of_one() {
    assert_eq!(claim(&[1.0; 6]).verdict, ClaimVerdict::Same);
    let six = PLACEMENTS.replace("blocks = 10", "blocks = 6");
    let (plan, cells, records) = runs(&six, &Truth { noise: 0.001, ..NOTHING }, 1);
    for claim in analyse(&plan, &cells, &records).claims {
        assert!(claim.equivalence_p.unwrap() < 0.05 && claim.equivalence_p_adjusted.unwrap() > 0.05);
        assert_eq!(claim.verdict, ClaimVerdict::Inconclusive);
        assert!(claim.reservations[0].contains("none can be told with 6 pairs"), "{:?}", claim.reservations);
    }
}

#[test]
fn difference_needs_its_interval_and_not_only_its_p() {
    // Pairs that do not differ count for the interval; the test leaves them out.
    let claim = claim(&[1.0, 1.0, 1.0, 1.0, 1.11, 1.12, 1.13, 1.14, 1.15, 1.16]);
    assert!(claim.p_adjusted.unwrap() < 0.05 && claim.ratio.unwrap().contains(1.0), "{claim:#?}");
    assert_eq!(claim.verdict, ClaimVerdict::Inconclusive);
}

/// Runs with as many samples as `samples` says for their block.
fn with_samples(metric: &str, level: &str, samples: impl Fn(u32) -> f64) -> (Claim, Analysis) {
    claim_of(metric, &[1.5; 8], |run| {
        if run.cell == level {
            run.metrics.get_mut(metric).unwrap().samples = samples(run.block);
        }
    })
}

#[test]
fn each_statistic_is_hidden_one_sample_below_what_it_needs() {
    for (statistic, needed) in [("mean", 30.0), ("p50", 6.0), ("p90", 36.0), ("p99", 368.0), ("p999", 3688.0)]
    {
        let metric = format!("response-time-{statistic}");
        let of = |samples: f64| {
            let (plan, cells, mut records) = paired(COST, &[1.0; 8]);
            for run in &mut records {
                run.metrics.insert(metric.clone(), Measured { samples, ..run.metrics[COST] });
            }
            analyse(&plan, &cells, &records).cells[0].metrics[&metric].hidden.clone()
        };
        assert_eq!(of(needed), None, "{metric}");
        let message = of(needed - 1.0).unwrap();
        assert!(message.contains("effective samples in a run and has"), "{metric}: {message}");
    }
}

#[test]
fn percentile_is_hidden_by_the_middle_run_of_either_side() {
    let metric = "accepted-to-queryable-p99";
    let few = |blocks: u32| move |block: u32| if block <= blocks { 367.0 } else { 368.0 };
    for level in ["amd64", "arm64"] {
        assert_eq!(with_samples(metric, level, few(3)).0.verdict, ClaimVerdict::Worse, "{level}");
        let (claim, analysis) = with_samples(metric, level, few(5));
        assert_eq!((claim.verdict, claim.ratio), (ClaimVerdict::Inconclusive, None), "{level}");
        let cell = analysis.cells.iter().find(|cell| cell.cell == level).unwrap();
        assert!(cell.metrics[metric].hidden.is_some());
    }
}

#[test]
fn outlier_is_what_is_further_than_four_deviations() {
    // The middle is 0, the median absolute deviation 0.01: the limit is 4 × 1.4826 × 0.01 = 0.059304.
    let with = |last: f64, sign: f64| {
        let logs = [-0.02, -0.02, -0.01, -0.01, 0.0, 0.01, 0.01, 0.02, last];
        claim(&logs.map(|log| libm::exp(sign * log)))
    };
    for sign in [1.0, -1.0] {
        assert_eq!(without(&with(0.0592, sign), Doubted::Outliers), None);
        assert_eq!(without(&with(0.0594, sign), Doubted::Outliers).unwrap().left_out, 1);
    }
}

/// A claim in which runs of a cell are suspect in the first blocks.
fn suspect(ratios: &[f64], cell: &str, blocks: u32) -> Claim {
    let change = |run: &mut RunRecord| {
        if run.cell == cell && run.block <= blocks {
            doubt(run, Status::Suspect, "steal", "2 %, at most 1 %");
        }
    };
    claim_of(COST, ratios, change).0
}

#[test]
fn pair_is_doubted_where_either_of_its_runs_is_suspect() {
    for cell in ["amd64", "arm64"] {
        let claim = suspect(&[1.5; 9], cell, 2);
        let rest = without(&claim, Doubted::Suspect).unwrap();
        assert_eq!((rest.left_out, rest.pairs, rest.agreement), (2, 7, Agreement::Agrees), "{cell}");
    }
}

#[test]
fn doubted_pairs_that_make_the_verdict_alone_are_said_so() {
    // Twelve suspect pairs are far above 1; the six others are certainly below it.
    let mut ratios = [1.5; 18];
    ratios[12..].copy_from_slice(&[0.90, 0.91, 0.92, 0.93, 0.94, 0.95]);
    let claim = suspect(&ratios, "arm64", 12);
    let rest = without(&claim, Doubted::Suspect).unwrap();
    assert_eq!(claim.verdict, ClaimVerdict::Worse);
    assert!(rest.ratio.unwrap().high < 1.0, "{rest:?}");
    assert_eq!(rest.agreement, Agreement::NotShown);
    // And here the suspect pairs alone keep the arms within 3 %.
    let mut ratios = [1.0; 14];
    ratios[8..].copy_from_slice(&[0.90, 0.999, 1.0, 1.0, 1.001, 1.10]);
    let claim = suspect(&ratios, "amd64", 8);
    assert_eq!(claim.verdict, ClaimVerdict::Same);
    assert_eq!(without(&claim, Doubted::Suspect).unwrap().agreement, Agreement::NotShown);
    assert!(claim.reservations.iter().any(|text| text.contains("without suspect runs it could not be said")));
}

/// A claim where each run has this error of its clock, in units of the baseline's time over 1000.
fn with_clocks(ratio: f64, baseline_error: f64, level_error: f64) -> Claim {
    let change = |run: &mut RunRecord| {
        let error = if run.cell == "arm64" { level_error } else { baseline_error };
        // The sign of an error says nothing: it is a bound to both sides.
        run.metrics.get_mut(COST).unwrap().clock_error = -error * f64::from(run.block);
    };
    claim_of(COST, &[ratio; 8], change).0
}

#[test]
fn clocks_err_on_both_sides_and_in_both_directions() {
    let bounds = with_clocks(2.0, 50.0, 100.0).ratio_with_clock_error.unwrap();
    assert!(is_close(bounds.low, 1900.0 / 1050.0) && is_close(bounds.high, 2100.0 / 950.0), "{bounds:?}");
    assert!(is_close(bounds.estimate, 2.0));
}

#[test]
fn difference_holds_as_long_as_clocks_cannot_make_it() {
    assert_eq!(with_clocks(1.1, 49.0, 49.0).verdict, ClaimVerdict::Worse);
    for (baseline, level) in [(51.0, 50.0), (50.0, 51.0)] {
        assert_eq!(with_clocks(1.1, baseline, level).verdict, ClaimVerdict::Inconclusive);
    }
    // As long as the time itself.
    let drowned = with_clocks(1.1, 1000.0, 0.0);
    assert_eq!((drowned.verdict, drowned.ratio_with_clock_error), (ClaimVerdict::Inconclusive, None));
    assert!(drowned.reservations[0].contains("as large as the effect"), "{:?}", drowned.reservations);
}

#[test]
fn same_holds_as_long_as_clocks_keep_it_within_the_margin_on_both_sides() {
    for (ratio, narrow, wide) in [(1.01, 9.0, 11.0), (1.0 / 1.01, 9.0, 11.0)] {
        assert_eq!(with_clocks(ratio, narrow, narrow).verdict, ClaimVerdict::Same, "{ratio}");
        let lost = with_clocks(ratio, wide, wide);
        assert_eq!(lost.verdict, ClaimVerdict::Inconclusive, "{ratio}: {lost:#?}");
    }
}

#[test]
fn same_is_held_against_clocks_by_the_interval_that_decides_it() {
    // Of six pairs the 90 % interval leaves the outermost out, and the 95 % interval does not.
    let ratios = [1.031, 1.02, 1.02, 1.02, 1.02, 1.02];
    let change = |run: &mut RunRecord| run.metrics.get_mut(COST).unwrap().clock_error = 0.001;
    let (claim, _) = claim_of(COST, &ratios, change);
    assert!(claim.ratio_with_clock_error.unwrap().high > 1.03, "{claim:#?}");
    assert_eq!(claim.verdict, ClaimVerdict::Same, "{claim:#?}");
}

#[test]
fn cell_shows_the_median_between_runs_by_order_statistics() {
    // Of ten runs, the second and the ninth hold the median with 97.9 %; of eight, those within the outer ones with 93 % only.
    for (blocks, low, high, confidence) in
        [(10, 2000.0, 9000.0, 0.978_515_625), (8, 1000.0, 8000.0, 0.992_187_5)]
    {
        let (_, analysis) = claim_of(COST, &vec![1.0; blocks], |_| ());
        let figure = &analysis.cells.iter().find(|cell| cell.cell == "amd64").unwrap().metrics[COST];
        let interval = figure.interval.unwrap();
        assert_eq!((figure.median, interval.low, interval.high), ((low + high) / 2.0, low, high));
        assert!((interval.confidence - confidence).abs() < 1e-9, "{interval:?}");
    }
}

#[test]
fn lower_is_better_but_for_throughput() {
    for spec in metric::catalogue() {
        let is_throughput = spec.name == "throughput";
        assert_eq!(spec.better == metric::Better::Higher, is_throughput, "{}", spec.name);
    }
    for (metric, verdict) in [(COST, ClaimVerdict::Better), ("throughput", ClaimVerdict::Worse)] {
        let ratios = [0.50, 0.51, 0.52, 0.53, 0.54, 0.55];
        assert_eq!(claim_of(metric, &ratios, |_| ()).0.verdict, verdict, "{metric}");
    }
}

use crate::synthetic::{NOTHING, PLACEMENTS, Truth, doubt, runs};
use experiment::analysis::{Agreement, Analysis, Claim, ClaimVerdict, Doubted, analyse, pairs_for_verdicts};
use experiment::cell::Cell;
use experiment::plan::Plan;
use experiment::record::{RunRecord, Status};

const P99: &str = "accepted-to-queryable-p99";

fn slower_arm64(cell: &Cell, metric: &str) -> f64 {
    if cell.levels["placement"] == "arm64" && metric == P99 { 1.84 } else { 1.0 }
}

const SLOWER: Truth = Truth { effect: slower_arm64, ..NOTHING };

fn analysis(truth: &Truth, seed: u64) -> Analysis {
    let (plan, cells, records) = runs(PLACEMENTS, truth, seed);
    analyse(&plan, &cells, &records)
}

/// The analysis of runs of which some were changed.
fn changed(truth: &Truth, change: impl FnOnce(&Plan, &mut Vec<RunRecord>)) -> Analysis {
    let (plan, cells, mut records) = runs(PLACEMENTS, truth, 1);
    change(&plan, &mut records);
    analyse(&plan, &cells, &records)
}

fn of<'a>(analysis: &'a Analysis, metric: &str) -> &'a Claim {
    analysis.claims.iter().find(|claim| claim.metric == metric).unwrap()
}

fn has_reservation(claim: &Claim, text: &str) {
    assert!(claim.reservations.iter().any(|reason| reason.contains(text)), "{:#?}", claim.reservations);
}

#[test]
fn known_effect_is_found_within_its_interval() {
    let mut within = 0;
    for seed in 0..100 {
        let analysis = analysis(&SLOWER, seed);
        let claim = of(&analysis, P99);
        // A sound control fails in one of a hundred campaigns and metrics, by its construction.
        if analysis.control.as_ref().unwrap().biased.contains(&claim.metric) {
            continue;
        }
        assert_eq!(claim.verdict, ClaimVerdict::Worse, "seed {seed}: {claim:#?}");
        within += u32::from(claim.ratio.unwrap().contains(1.84));
    }
    assert!((88..=100).contains(&within), "{within} of 100 intervals hold the effect");
}

#[test]
fn answer_names_arms_ratio_interval_blocks_and_verdict() {
    let (plan, cells, records) = runs(PLACEMENTS, &SLOWER, 1);
    let analysis = analyse(&plan, &cells, &records);
    insta::assert_snapshot!(analysis.answer);
}

#[test]
fn swapped_arms_invert_the_ratio_and_the_verdict() {
    let swapped =
        PLACEMENTS.replace("factor = \"placement\"", "factor = \"placement\"\nbaseline = \"arm64\"");
    let (plan, cells, records) = runs(&swapped, &SLOWER, 1);
    // The control copies the baseline; only the claims are looked at.
    let swapped = analyse(&plan, &cells, &records);
    let (there, back) = (analysis(&SLOWER, 1), of(&swapped, P99).clone());
    assert_eq!(back.verdict, ClaimVerdict::Better);
    assert_eq!((back.level.as_str(), back.baseline.as_str()), ("amd64", "arm64"));
    assert!((back.ratio.unwrap().estimate - 1.0 / 1.84).abs() < 0.03);
    assert_eq!(of(&there, P99).verdict, ClaimVerdict::Worse);
}

#[test]
fn more_is_better_where_the_metric_says_so() {
    let plan = PLACEMENTS.replace("\"cpu-per-event\"", "\"throughput\"");
    let more = |cell: &Cell, metric: &str| {
        if cell.levels["placement"] == "arm64" && metric == "throughput" { 1.5 } else { 1.0 }
    };
    let (plan, cells, records) = runs(&plan, &Truth { effect: more, ..NOTHING }, 1);
    assert_eq!(of(&analyse(&plan, &cells, &records), "throughput").verdict, ClaimVerdict::Better);
}

#[test]
fn equal_arms_are_the_same_only_where_it_is_shown() {
    let quiet = analysis(&Truth { noise: 0.005, ..NOTHING }, 1);
    assert!(quiet.claims.iter().all(|claim| claim.verdict == ClaimVerdict::Same), "{:#?}", quiet.claims);
    assert!(quiet.answer.contains("is the same as on amd64 within 3 %"), "{}", quiet.answer);
    let noisy = analysis(&Truth { noise: 0.1, ..NOTHING }, 1);
    assert!(noisy.claims.iter().all(|claim| claim.verdict == ClaimVerdict::Inconclusive));
    assert!(
        noisy.answer.starts_with("On arm64 at rate 1000 it is not known whether the p99"),
        "{}",
        noisy.answer
    );
}

#[test]
fn nothing_is_rarely_called_a_difference() {
    let campaigns = 200;
    let wrong = (0..campaigns).filter(|seed| {
        let analysis = analysis(&Truth { noise: 0.05, ..NOTHING }, *seed);
        analysis
            .claims
            .iter()
            .any(|claim| matches!(claim.verdict, ClaimVerdict::Better | ClaimVerdict::Worse))
    });
    let wrong = wrong.count();
    // Of 200 at 5 %, more than 19 would be seen once in a hundred times; the seeds are always the same.
    assert!(wrong <= 10, "{wrong} of {campaigns} campaigns find a difference where none is");
}

#[test]
fn biased_control_downgrades_every_verdict_of_its_metric() {
    let biased = |cell: &Cell, metric: &str| {
        let bias = if cell.is_control && metric == P99 { 1.2 } else { 1.0 };
        let effect = if cell.levels["placement"] == "arm64" { 1.84 } else { 1.0 };
        bias * effect
    };
    let analysis = analysis(&Truth { effect: biased, ..NOTHING }, 1);
    assert_eq!(analysis.control.as_ref().unwrap().biased, [P99]);
    for claim in analysis.claims.iter().filter(|claim| claim.metric == P99) {
        assert_eq!(claim.verdict, ClaimVerdict::Inconclusive);
        has_reservation(claim, "the A/A control is biased");
    }
    assert_eq!(of(&analysis, "cpu-per-event").verdict, ClaimVerdict::Worse);
    assert!(analysis.answer.contains("control is biased"), "{}", analysis.answer);
}

#[test]
fn control_is_looked_at_in_every_metric_that_is_compared() {
    let (plan, cells, records) = runs(PLACEMENTS, &Truth { effect: biased_cost, ..SLOWER }, 1);
    let analysis = analyse(&plan, &cells, &records);
    assert_eq!(analysis.control.as_ref().unwrap().biased, ["cpu-per-event"]);
    assert_eq!(of(&analysis, "cpu-per-event").verdict, ClaimVerdict::Inconclusive);
    assert_eq!(of(&analysis, P99).verdict, ClaimVerdict::Worse);
    has_reservation(of(&analysis, P99), "the A/A control is biased in cpu-per-event");
    assert!(analysis.answer.contains("the A/A control is biased in cpu-per-event"), "{}", analysis.answer);
    assert!(analysis.notes.iter().any(|note| note.starts_with("the A/A control is biased in cpu-per-event")));
}

fn biased_cost(cell: &Cell, metric: &str) -> f64 {
    let bias = if cell.is_control && metric == "cpu-per-event" { 1.2 } else { 1.0 };
    bias * slower_arm64(cell, metric)
}

#[test]
fn invalid_attempt_gives_way_to_its_repetition_and_is_listed() {
    let analysis = changed(&SLOWER, |_, records| {
        let mut repeated = records[0].clone();
        repeated.attempt = 2;
        doubt(&mut records[0], Status::Invalid, "steal", "4.1 %, at most 1.0 %");
        doubt(&mut records[0], Status::Invalid, "fsync", "fsync on vm is 9 ms");
        for measured in records[0].metrics.values_mut() {
            measured.value *= 100.0;
        }
        // Order in the bundle must not matter.
        records.insert(0, repeated);
    });
    assert_eq!(of(&analysis, P99).pairs, 10);
    assert_eq!(analysis.invalid.len(), 1);
    assert_eq!(analysis.invalid[0].reasons, ["steal: 4.1 %, at most 1.0 %", "fsync on vm is 9 ms"]);
    assert_eq!(analysis, {
        let mut whole = self::analysis(&SLOWER, 1);
        whole.invalid = analysis.invalid.clone();
        whole
    });
}

#[test]
fn first_attempt_that_is_not_invalid_counts_whatever_came_later() {
    let analysis = changed(&SLOWER, |_, records| {
        let mut later: Vec<RunRecord> = records[..2].to_vec();
        for run in &mut later {
            run.attempt = 2;
            run.metrics.values_mut().for_each(|measured| measured.value *= 100.0);
        }
        let invalid = records[3..5].to_vec();
        records.extend(later);
        for (mut run, attempt) in invalid.into_iter().zip([3, 2]) {
            run.attempt = attempt;
            doubt(&mut run, Status::Invalid, "audit", "1 event lost");
            records.push(run);
        }
        records.reverse();
    });
    assert_eq!(analysis.claims, self::analysis(&SLOWER, 1).claims);
    let listed: Vec<(u32, u32)> = analysis.invalid.iter().map(|run| (run.number, run.attempt)).collect();
    assert_eq!(listed, [(4, 3), (5, 2)]);
}

#[test]
fn blocks_that_lack_a_run_have_no_pair_and_are_named() {
    let analysis = changed(&SLOWER, |_, records| {
        records.retain(|run| run.cell != "arm64/1000" || run.block > 2);
    });
    assert_eq!(of(&analysis, P99).pairs, 8);
    assert!(analysis.notes.contains(&"arm64/1000 has no run to use in blocks 1 and 2".to_owned()));
}

#[test]
fn fewer_than_six_pairs_tell_nothing() {
    let analysis = changed(&SLOWER, |_, records| records.retain(|run| run.block <= 5));
    let claim = of(&analysis, P99);
    assert_eq!((claim.verdict, claim.ratio), (ClaimVerdict::Inconclusive, None));
    has_reservation(claim, "6 pairs or more are needed");
    has_reservation(claim, "there are 5");
    // Once for each of the two claims of the answer, and not again as a reservation.
    assert_eq!(analysis.answer.matches("6 pairs or more are needed").count(), 2, "{}", analysis.answer);
}

#[test]
fn one_run_and_none_and_only_invalid_ones_are_said_so() {
    let one = changed(&SLOWER, |_, records| records.truncate(1));
    assert!(one.answer.starts_with("On arm64 at rate 1000 it is not known whether"), "{}", one.answer);
    assert!(one.answer.contains("no block has a run of both"), "{}", one.answer);
    let none = changed(&SLOWER, |_, records| records.clear());
    assert_eq!(none.answer, "Nothing is known: no run was carried out.");
    let invalid = changed(&SLOWER, |_, records| {
        records.iter_mut().for_each(|run| doubt(run, Status::Invalid, "audit", "3 events lost"));
    });
    assert_eq!(invalid.answer, "Nothing is known: 50 runs were carried out, and none of them is valid.");
    assert_eq!((invalid.invalid.len(), invalid.control), (50, None));
}

#[test]
fn emulated_and_physical_are_never_compared() {
    let emulate = |records: &mut Vec<RunRecord>, is_emulated: fn(&RunRecord) -> bool| {
        for run in records.iter_mut().filter(|run| is_emulated(run)) {
            run.services.iter_mut().for_each(|service| service.is_emulated = true);
        }
    };
    let one = changed(&SLOWER, |_, records| emulate(records, |run| run.cell.starts_with("arm64")));
    let claim = of(&one, P99);
    assert_eq!((claim.verdict, claim.ratio, claim.p_adjusted), (ClaimVerdict::NotComparable, None, None));
    has_reservation(claim, "ingest-api, process-worker and query-api ran emulated in some");
    let both = changed(&SLOWER, |_, records| emulate(records, |_| true));
    assert_eq!(of(&both, P99).verdict, ClaimVerdict::Worse);
    assert!(both.answer.starts_with("On arm64 (emulated)"), "{}", both.answer);
    has_reservation(of(&both, P99), "nothing of real processors");
}

#[test]
fn clock_error_as_large_as_the_effect_makes_it_inconclusive() {
    // The effect is about 40 ms.
    let small = analysis(&Truth { clock_error: 1000.0, ..SLOWER }, 1);
    let claim = of(&small, P99);
    assert_eq!(claim.verdict, ClaimVerdict::Worse);
    let (plain, widened) = (claim.ratio.unwrap(), claim.ratio_with_clock_error.unwrap());
    assert!(widened.low < plain.low && plain.high < widened.high);
    for error in [21_000.0, 1e9] {
        let large = analysis(&Truth { clock_error: error, ..SLOWER }, 1);
        assert_eq!(of(&large, P99).verdict, ClaimVerdict::Inconclusive);
        has_reservation(of(&large, P99), "as large as the effect");
        assert_eq!(of(&large, "cpu-per-event").ratio_with_clock_error, None);
    }
    let same = analysis(&Truth { clock_error: 2000.0, noise: 0.005, ..NOTHING }, 1);
    assert_eq!(of(&same, P99).verdict, ClaimVerdict::Inconclusive);
}

#[test]
fn percentile_is_hidden_below_its_effective_samples() {
    let few = analysis(&Truth { samples: 367.0, ..SLOWER }, 1);
    let claim = of(&few, P99);
    assert_eq!((claim.verdict, claim.ratio), (ClaimVerdict::Inconclusive, None));
    has_reservation(claim, "needs 368 effective samples in a run and has 367");
    assert!(
        few.cells[0].metrics[P99].hidden.is_some() && few.cells[0].metrics["cpu-per-event"].hidden.is_none()
    );
    assert!(analysis(&Truth { samples: 368.0, ..SLOWER }, 1).cells[0].metrics[P99].hidden.is_none());
}

#[test]
fn suspect_runs_are_used_and_shown_without() {
    let analysis = changed(&SLOWER, |_, records| {
        for run in records.iter_mut().filter(|run| run.cell == "arm64/1000" && run.block <= 2) {
            doubt(run, Status::Suspect, "pressure-cpu", "31 %, at most 20 %");
        }
    });
    let claim = of(&analysis, P99);
    assert_eq!((claim.pairs, claim.verdict), (10, ClaimVerdict::Worse));
    let without = &claim.sensitivity[0];
    assert_eq!(
        (without.without, without.left_out, without.pairs, without.agreement),
        (Doubted::Suspect, 2, 8, Agreement::Agrees)
    );
    assert_eq!((analysis.suspect.len(), analysis.cells[2].suspect), (2, 2));
    // Seven pairs cannot tell one of four claims, and four have no interval.
    for blocks in [3, 6] {
        let many = changed(&SLOWER, |_, records| {
            let first = records.iter_mut().filter(|run| run.block <= blocks);
            first.for_each(|run| doubt(run, Status::Suspect, "a", "b"));
        });
        assert_eq!(of(&many, P99).sensitivity[0].agreement, Agreement::TooFewPairs, "{blocks}");
        has_reservation(of(&many, P99), "without suspect runs too few pairs are left for a verdict");
    }
}

#[test]
fn outlier_stays_in_the_ratio_and_is_shown_without() {
    let analysis = changed(&SLOWER, |_, records| {
        let run = records.iter_mut().find(|run| run.cell == "arm64/1000" && run.block == 4).unwrap();
        run.metrics.get_mut(P99).unwrap().value *= 5.0;
    });
    let claim = of(&analysis, P99);
    let without = claim.sensitivity.iter().find(|rest| rest.without == Doubted::Outliers).unwrap();
    assert_eq!((claim.pairs, without.left_out, without.pairs), (10, 1, 9));
    assert!(claim.ratio.unwrap().high > without.ratio.unwrap().high);
}

#[test]
fn runs_that_are_never_steady_are_kept_and_marked() {
    let analysis = changed(&SLOWER, |_, records| {
        records.iter_mut().filter(|run| run.cell == "amd64/1000").for_each(|run| run.steady_from_s = None);
    });
    assert_eq!((analysis.cells[0].runs, analysis.cells[0].unsteady), (10, 10));
    has_reservation(of(&analysis, P99), "10 of 20 runs never became steady");
}

#[test]
fn many_claims_need_more_blocks() {
    assert_eq!([1, 4, 25, 26].map(pairs_for_verdicts), [6, 8, 10, 11]);
    let analysis = changed(&SLOWER, |_, records| records.retain(|run| run.block <= 6));
    assert_eq!(of(&analysis, P99).verdict, ClaimVerdict::Inconclusive);
    has_reservation(of(&analysis, P99), "of 4 claims that are tested together none can be told with 6 pairs");
}

#[test]
fn values_without_a_ratio_are_said_so() {
    let analysis = changed(&SLOWER, |_, records| {
        let run = records.iter_mut().find(|run| run.cell == "arm64/1000").unwrap();
        run.metrics.get_mut("cpu-per-event").unwrap().value = 0.0;
    });
    let claim = analysis.claims.iter().find(|claim| claim.metric == "cpu-per-event" && claim.ratio.is_none());
    has_reservation(claim.unwrap(), "cpu-per-event is 0 µs in a run, and a ratio needs values above 0");
}

#[test]
fn runs_of_unknown_cells_are_left_out_and_named() {
    let analysis = changed(&SLOWER, |_, records| records[0].cell = "riscv/1000".to_owned());
    assert!(analysis.notes.iter().any(|note| note.contains("cell riscv/1000, which the plan does not have")));
}

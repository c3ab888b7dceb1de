use crate::directories::head;
use crate::searching::search_report;
use crate::synthetic::{NOTHING, PLACEMENTS, Truth, runs};
use experiment::analysis::{Analysis, ClaimVerdict, analyse};
use experiment::bundle::{Bundle, BundleWriter};
use experiment::capacity::Answer;
use experiment::cell::Cell;
use experiment::compare::{HeldClaim, Outcome, compare, held};
use experiment::plan::Plan;
use experiment::report::{Report, RunMaterial, RunSeries};
use std::fs;

const P99: &str = "accepted-to-queryable-p99";

fn analysis(effect: fn(&Cell, &str) -> f64, noise: f64, seed: u64) -> Analysis {
    let (plan, cells, records) = runs(PLACEMENTS, &Truth { effect, noise, ..NOTHING }, seed);
    analyse(&plan, &cells, &records)
}

fn arm64_by(factor: f64, cell: &Cell) -> f64 {
    if cell.levels["placement"] == "arm64" { factor } else { 1.0 }
}

fn slower(cell: &Cell, _: &str) -> f64 {
    arm64_by(1.84, cell)
}

fn little_slower(cell: &Cell, _: &str) -> f64 {
    arm64_by(1.3, cell)
}

fn faster(cell: &Cell, _: &str) -> f64 {
    arm64_by(0.7, cell)
}

fn equal(_: &Cell, _: &str) -> f64 {
    1.0
}

/// The outcome of the first claim, which must be that of all of them.
fn outcome(original: &Analysis, replica: &Analysis) -> HeldClaim {
    let held = held(original, replica);
    assert_eq!(held.len(), 4);
    assert!(held.iter().all(|claim| claim.outcome == held[0].outcome), "{held:#?}");
    held[0].clone()
}

#[test]
fn claim_holds_where_verdict_and_size_are_found_again() {
    let again = outcome(&analysis(slower, 0.02, 1), &analysis(slower, 0.02, 5));
    assert_eq!((again.outcome, again.intervals_overlap), (Outcome::Held, Some(true)));
    let same = outcome(&analysis(equal, 0.005, 1), &analysis(equal, 0.005, 5));
    assert_eq!(same.outcome, Outcome::Held);
}

#[test]
fn effect_of_another_size_holds_in_its_direction_only() {
    let less = outcome(&analysis(slower, 0.02, 1), &analysis(little_slower, 0.02, 5));
    assert_eq!((less.outcome, less.intervals_overlap), (Outcome::HeldInDirection, Some(false)));
    let more = outcome(&analysis(little_slower, 0.02, 1), &analysis(slower, 0.02, 5));
    assert_eq!((more.outcome, more.intervals_overlap), (Outcome::HeldInDirection, Some(false)));
    assert!(less.sentence.contains("held in direction, not in size. First: 1.84 times"), "{}", less.sentence);
}

#[test]
fn opposite_or_no_effect_contradicts() {
    let original = analysis(slower, 0.02, 1);
    assert_eq!(outcome(&original, &analysis(faster, 0.02, 5)).outcome, Outcome::Contradicted);
    assert_eq!(outcome(&original, &analysis(equal, 0.005, 5)).outcome, Outcome::Contradicted);
}

fn by_two_percent(cell: &Cell, _: &str) -> f64 {
    arm64_by(1.02, cell)
}

#[test]
fn small_difference_and_sameness_are_no_contradiction_where_their_intervals_overlap() {
    let small = analysis(by_two_percent, 0.001, 1);
    let mut certain = small.clone();
    // As of a bundle whose interval reaches a little beyond the margin.
    for claim in &mut certain.claims {
        claim.verdict = ClaimVerdict::Worse;
    }
    for (one, other) in [(&small, &certain), (&certain, &small)] {
        let held = outcome(one, other);
        assert_eq!((held.outcome, held.intervals_overlap), (Outcome::Undecided, Some(true)));
    }
    let mut opposite = certain.clone();
    opposite.claims.iter_mut().for_each(|claim| claim.verdict = ClaimVerdict::Better);
    assert_eq!(outcome(&certain, &opposite).outcome, Outcome::Contradicted);
}

#[test]
fn noisy_replica_is_undecided_and_noisy_original_has_nothing_to_hold() {
    let (clear, noisy) = (analysis(slower, 0.02, 1), analysis(equal, 0.2, 5));
    assert_eq!(outcome(&clear, &noisy).outcome, Outcome::Undecided);
    assert_eq!(outcome(&noisy, &clear).outcome, Outcome::NothingToHold);
}

#[test]
fn emulated_replica_of_a_physical_original_is_not_compared() {
    let original = report(PLACEMENTS, slower, 1, "one");
    let mut emulated = report(PLACEMENTS, slower, 5, "two");
    for service in emulated.runs.iter_mut().flat_map(|run| &mut run.record.services) {
        service.is_emulated = true;
    }
    let emulated = Report::new(emulated.head, emulated.plan, emulated.cells, emulated.runs);
    let comparison = compare(&original, &emulated);
    assert!(comparison.claims.iter().all(|claim| claim.outcome == Outcome::NotComparable));
    assert!(comparison.cells.iter().all(|change| change.ratio.is_none()));
    assert!(comparison.warnings.iter().any(|warning| warning.contains("runs of the second were emulated")));
    assert!(comparison.claims[0].sentence.contains("worse; second: "), "{}", comparison.claims[0].sentence);
    assert!(
        comparison.claims[0].sentence.ends_with("worse (emulated)."),
        "{}",
        comparison.claims[0].sentence
    );
    let both = compare(&emulated, &emulated);
    assert_eq!(both.warnings.iter().filter(|warning| warning.contains("were emulated")).count(), 2);
    let text = both.markdown();
    assert!(text.matches("worse (emulated)").count() > 2 && text.contains(" ms (emulated) |"), "{text}");
    assert_eq!(outcome(&emulated.analysis, &emulated.analysis).outcome, Outcome::Held);
}

#[test]
fn claims_of_one_bundle_only_are_named() {
    let whole = analysis(slower, 0.02, 1);
    let mut part = whole.clone();
    part.claims.remove(0);
    for (first, second, is_first) in [(&whole, &part, true), (&part, &whole, false)] {
        let held = held(first, second);
        let absent: Vec<&HeldClaim> = held.iter().filter(|claim| claim.outcome == Outcome::Absent).collect();
        assert_eq!((held.len(), absent.len()), (4, 1));
        assert_eq!((absent[0].original.is_some(), absent[0].replica.is_some()), (is_first, !is_first));
        assert_eq!(absent[0].metric, P99);
    }
}

fn report(source: &str, effect: fn(&Cell, &str) -> f64, seed: u64, host: &str) -> Report {
    let (plan, cells, records) = runs(source, &Truth { effect, ..NOTHING }, seed);
    let mut head = head(&plan);
    head.host = host.to_owned();
    let material = |record| RunMaterial { record, series: RunSeries::default(), environments: None };
    Report::new(head, plan, cells, records.into_iter().map(material).collect())
}

#[test]
fn comparison_warns_that_bundles_were_not_interleaved() {
    let first = report(PLACEMENTS, slower, 1, "one");
    let comparison = compare(&first, &report(PLACEMENTS, slower, 5, "two"));
    assert!(comparison.warnings[0].contains("not interleaved"));
    assert_eq!(comparison.plan_differences, [""; 0]);
    assert_eq!(comparison.environment_differences, ["host: one and two"]);
    for text in [comparison.html(), comparison.markdown()] {
        assert!(text.contains("Absolute figures of runs that were not interleaved"));
    }
    assert!(compare(&first, &first).environment_differences.is_empty());
}

#[test]
fn answers_of_searches_are_held_against_each_other() {
    let report = |low, high| search_report(Answer::Between { low, high, estimate: low });
    let first = report(800.0, 900.0);
    let held = compare(&first, &report(850.0, 950.0));
    assert!(!held.is_contradicted());
    assert!(!held.warnings.iter().any(|warning| warning.contains("different experiments")));
    let text = held.markdown();
    let answer = "**Two answers: held (1) and nothing to hold (1). amd64: Held. First: 800 events";
    assert!(text.contains(answer), "{text}");
    assert!(text.contains("850 are sustained, 950 are not | held |"), "{text}");
    assert!(compare(&first, &report(901.0, 950.0)).is_contradicted());
    let campaign = compare(&first, &self::report(PLACEMENTS, slower, 1, "one"));
    assert!(campaign.answers.is_empty());
}

#[test]
fn bundle_without_checksums_is_a_warning() {
    let sealed = report(PLACEMENTS, slower, 1, "one");
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("bundle");
    BundleWriter::create(&directory, &head(&sealed.plan), PLACEMENTS, &sealed.plan).unwrap();
    let open = Report::of(&Bundle::open(&directory).unwrap()).unwrap();
    let warning = |comparison: experiment::compare::Comparison| {
        comparison.warnings.into_iter().find(|warning| warning.contains("no checksums"))
    };
    assert!(warning(compare(&sealed, &open)).unwrap().starts_with("the second has no checksums"));
    assert!(warning(compare(&open, &sealed)).unwrap().starts_with("the first has no checksums"));
    assert_eq!(warning(compare(&sealed, &sealed)), None);
}

#[test]
fn differing_plans_are_named_key_by_key() {
    let other =
        PLACEMENTS.replace("measure = \"20s\"", "measure = \"30s\"").replace("blocks = 10", "blocks = 8");
    let comparison = compare(&report(PLACEMENTS, slower, 1, "one"), &report(&other, slower, 5, "one"));
    let keys: Vec<&str> =
        comparison.plan_differences.iter().filter_map(|text| Some(text.split_once(':')?.0)).collect();
    assert_eq!(keys, ["blocks", "timing"]);
    assert!(comparison.warnings.iter().any(|warning| warning.contains("the plans differ")));
}

#[test]
fn traces_of_other_contents_are_named() {
    const REPLAY: &str = "name = \"a\"\nquestion = \"Is it?\"\n[settings]\nload.replay = { file = \"busy.csv\" }\n\
                          [[factors]]\nname = \"workers\"\nlevels = [1, 2]\n";
    let report = |trace: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("busy.csv"), trace).unwrap();
        let plan = Plan::parse(&folder.path().join("experiment.toml"), REPLAY.to_owned()).unwrap();
        let bundle = folder.path().join("bundle");
        let writer = BundleWriter::create(&bundle, &head(&plan), REPLAY, &plan).unwrap();
        writer.take_traces(&plan, folder.path()).unwrap();
        writer.seal().unwrap();
        Report::of(&Bundle::open(&bundle).unwrap()).unwrap()
    };
    let first = report("time\n1\n");
    let differences = |second: &str| compare(&first, &report(second)).plan_differences;
    assert_eq!(differences("time\n2\n"), ["trace busy.csv: not the same contents"]);
    assert_eq!(differences("time\n1\n"), [""; 0]);
}

#[test]
fn comparison_as_markdown() {
    let comparison =
        compare(&report(PLACEMENTS, slower, 1, "one"), &report(PLACEMENTS, little_slower, 5, "two"));
    insta::assert_snapshot!(comparison.markdown());
}

//! Claims: every comparison of every metric, from pairs to verdicts.

use super::evidence::{Clocks, Evidence, Rest, evidence};
use super::judge::{Family, is_within_margin, judge, pairs_for_verdicts};
use super::sentence::sentence;
use super::{Agreement, Claim, ClaimVerdict, Control, Selection, Sensitivity};
use crate::cell::{Cell, compared};
use crate::metric::{self, MetricSpec};
use crate::plan::{Comparison, Plan};
use crate::record::RunRecord;
use measurement::statistics::{Interval, holm};
use std::collections::BTreeMap;

/// A claim that the plan asks for.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    comparison: &'a Comparison,
    spec: MetricSpec,
    baseline: &'a Cell,
    level: &'a Cell,
    others: BTreeMap<String, String>,
}

/// All claims of a plan, the most important first: by comparison, then by metric, then in the order of cells.
pub(super) fn drafts<'a>(plan: &'a Plan, cells: &'a [Cell]) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for comparison in &plan.comparisons {
        for spec in comparison.metrics.iter().filter_map(|name| metric::find(name)) {
            for (baseline, level) in compared(cells, comparison) {
                let mut others = level.levels.clone();
                others.remove(&comparison.factor);
                drafts.push(Draft { comparison, spec: spec.clone(), baseline, level, others });
            }
        }
    }
    drafts
}

pub(super) fn claims(
    plan: &Plan,
    cells: &[Cell],
    selection: &Selection<'_>,
    control: Option<&Control>,
) -> Vec<Claim> {
    let drafts = drafts(plan, cells);
    let found: Vec<Evidence> = drafts
        .iter()
        .map(|draft| evidence(&draft.spec, &selection.pairs(&draft.baseline.id, &draft.level.id)))
        .collect();
    let differences =
        adjusted(found.iter().map(|found| found.numbers.as_ref().map(|numbers| numbers.p)).collect());
    let equivalences =
        adjusted(found.iter().map(|found| Some(found.numbers.as_ref()?.equivalence.as_ref()?.p)).collect());
    let family = Family { size: differences.iter().flatten().count(), control };
    drafts
        .iter()
        .zip(found)
        .zip(differences.into_iter().zip(equivalences))
        .map(|((draft, found), (p, equivalence_p))| {
            let mut runs =
                [draft.baseline, draft.level].into_iter().flat_map(|cell| selection.of_cell(&cell.id));
            let is_emulated = runs.any(RunRecord::is_emulated);
            Claim { is_emulated, ..claim(draft, found, p, equivalence_p, &family) }
        })
        .collect()
}

/// Holm's adjustment of those that there are.
fn adjusted(p: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let known: Vec<f64> = p.iter().flatten().copied().collect();
    // A p of these tests is from 0 to 1.
    let mut adjusted = holm(&known).unwrap_or(known).into_iter();
    p.into_iter().map(|p| p.and_then(|_| adjusted.next())).collect()
}

fn claim(
    draft: &Draft<'_>,
    found: Evidence,
    p_adjusted: Option<f64>,
    equivalence_p_adjusted: Option<f64>,
    family: &Family<'_>,
) -> Claim {
    let numbers = found.numbers.as_ref();
    let judgement = judge(&draft.spec, &found, p_adjusted, equivalence_p_adjusted, family);
    let mut claim = Claim {
        id: id(draft),
        sentence: String::new(),
        factor: draft.comparison.factor.clone(),
        baseline: draft.comparison.baseline.clone(),
        level: draft.level.levels[&draft.comparison.factor].clone(),
        others: draft.others.clone(),
        metric: draft.spec.name.clone(),
        is_emulated: found.is_emulated,
        baseline_cell: draft.baseline.id.clone(),
        level_cell: draft.level.id.clone(),
        pairs: found.pairs,
        ratio: numbers.map(|numbers| numbers.ratio),
        ratio_with_clock_error: numbers.and_then(|numbers| match numbers.with_clock_error {
            Clocks::Several { bounds, .. } => Some(Interval { estimate: numbers.ratio.estimate, ..bounds }),
            Clocks::One | Clocks::Drowned(_) => None,
        }),
        p: numbers.map(|numbers| numbers.p),
        p_adjusted,
        effect: numbers.and_then(|numbers| numbers.effect),
        equivalence_p: numbers.and_then(|numbers| Some(numbers.equivalence.as_ref()?.p)),
        equivalence_p_adjusted,
        verdict: judgement.verdict,
        reservations: judgement.reservations,
        sensitivity: Vec::new(),
    };
    claim.reservations.extend(found.remarks.iter().cloned());
    claim.sensitivity = sensitivity(&claim, &found, family);
    claim.reservations.extend(claim.sensitivity.iter().filter_map(reservation));
    claim.sentence = sentence(&claim, &draft.spec, found.is_emulated && found.incomparable.is_none());
    claim
}

fn id(draft: &Draft<'_>) -> String {
    let Draft { comparison, level, .. } = draft;
    let mut id =
        format!("{}={}/{}", comparison.factor, level.levels[&comparison.factor], comparison.baseline);
    for (factor, level) in &draft.others {
        id.push_str(&format!(" {factor}={level}"));
    }
    format!("{id} {}", draft.spec.name)
}

fn reservation(sensitivity: &Sensitivity) -> Option<String> {
    let without = sensitivity.without.label();
    match sensitivity.agreement {
        Agreement::Agrees => None,
        Agreement::TooFewPairs => Some(format!("without {without} too few pairs are left for a verdict")),
        Agreement::NotShown => Some(format!("without {without} it could not be said")),
    }
}

/// A verdict is agreed with by the interval that it was given by, of as many pairs as so many claims need.
fn sensitivity(claim: &Claim, found: &Evidence, family: &Family<'_>) -> Vec<Sensitivity> {
    let all = found.numbers.as_ref().map(|numbers| numbers.without.as_slice()).unwrap_or_default();
    let agrees = |rest: &Rest| match (claim.verdict, rest.ratio, rest.for_same, claim.ratio) {
        (ClaimVerdict::Same, _, Some(rest), _) => is_within_margin(&rest),
        (_, Some(rest), _, Some(whole)) => {
            !rest.contains(1.0) && (rest.estimate > 1.0) == (whole.estimate > 1.0)
        }
        _ => false,
    };
    let agreement = |rest: &Rest| match claim.verdict.is_conclusive() {
        true if rest.pairs < pairs_for_verdicts(family.size) => Agreement::TooFewPairs,
        true if !agrees(rest) => Agreement::NotShown,
        _ => Agreement::Agrees,
    };
    let each = all.iter().map(|rest| {
        let Rest { without, left_out, pairs, ratio, .. } = *rest;
        Sensitivity { without, left_out, pairs, ratio, agreement: agreement(rest) }
    });
    each.collect()
}

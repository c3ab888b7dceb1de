//! What was found of what was injected.

use crate::cases::{Case, Effect, INJECTED, PLAIN};
use experiment::analysis::{Analysis, CellFigures, Claim};
use measurement::statistics::{CONFIDENCE, Interval, log_ratios, ratio_of_logs};
use std::collections::BTreeMap;

/// One effect, and what the analysis says of it.
pub(crate) struct Finding {
    pub(crate) metric: &'static str,
    /// Injected ÷ plain, as it was injected; none where the metrics are missing that it is computed from.
    pub(crate) truth: Option<f64>,
    /// How exactly that is known, as a share.
    known_to: f64,
    /// The same as it was measured.
    pub(crate) ratio: Option<Interval>,
    /// With the interval that holds the truth of all effects together with 95 %, or the widest that so few blocks have.
    joint: Option<Interval>,
    /// What was measured in the injected runs ÷ what should have been.
    pub(crate) accuracy: Option<Interval>,
    pub(crate) verdict: &'static str,
    pub(crate) is_verdict_right: bool,
}

/// Whether an interval holds the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// That of 95 %.
    Yes,
    /// Only the one that is for all effects together: one in twenty intervals is allowed to.
    Jointly,
    No,
}

impl Finding {
    pub(crate) fn holds(&self) -> Holds {
        let is_in = |interval: &Option<Interval>| {
            interval.zip(self.truth).is_some_and(|(interval, truth)| {
                let range = truth * (1.0 - self.known_to)..=truth * (1.0 + self.known_to);
                interval.low <= *range.end() && interval.high >= *range.start()
            })
        };
        // What the claim says must be about the same runs.
        let agrees = self.joint.zip(self.ratio).is_some_and(|(joint, claim)| joint.contains(claim.estimate));
        match (is_in(&self.ratio), agrees && is_in(&self.joint)) {
            (true, _) => Holds::Yes,
            (false, true) => Holds::Jointly,
            (false, false) => Holds::No,
        }
    }

    pub(crate) fn is_found(&self) -> bool {
        self.is_verdict_right && self.holds() != Holds::No
    }
}

/// The level at which an interval of each of `effects` holds the truth, so that with 95 % all do (Bonferroni).
pub(crate) fn joint_confidence(effects: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / effects.max(1) as f64
}

/// What became of the effects of a case.
pub(crate) fn findings(case: &Case, analysis: &Analysis, confidence: f64) -> Vec<Finding> {
    case.effects.iter().map(|effect| finding(effect, analysis, confidence)).collect()
}

fn finding(effect: &Effect, analysis: &Analysis, confidence: f64) -> Finding {
    let claim = analysis.claims.iter().find(|claim| claim.metric == effect.metric);
    let (plain, injected) = (figures(analysis, PLAIN), figures(analysis, INJECTED));
    let measured = |cell: &Figures, block, metric: &str| cell.get(metric)?.get(&block).copied();
    let mut triples = Vec::new();
    for block in plain.get(effect.metric).into_iter().flat_map(BTreeMap::keys) {
        let of_plain = |metric: &str| measured(&plain, *block, metric);
        let triple = || {
            Some((
                of_plain(effect.metric)?,
                (effect.truth)(&of_plain)?,
                measured(&injected, *block, effect.metric)?,
            ))
        };
        triples.extend(triple());
    }
    let plain: Vec<f64> = triples.iter().map(|(plain, _, _)| *plain).collect();
    let should: Vec<f64> = triples.iter().map(|(_, should, _)| *should).collect();
    let is: Vec<f64> = triples.iter().map(|(_, _, is)| *is).collect();
    // With n pairs there is no level above 1 - 2 / 2ⁿ.
    let confidence = confidence.min(1.0 - 2.0 * 0.5_f64.powf(triples.len() as f64));
    let ratio = |from: &[f64], to: &[f64]| ratio_of_logs(&log_ratios(from, to).ok()?, confidence).ok();
    Finding {
        metric: effect.metric,
        truth: ratio(&plain, &should).map(|ratio| ratio.estimate),
        known_to: effect.known_to,
        ratio: claim.and_then(|claim| claim.ratio),
        joint: ratio(&plain, &is),
        accuracy: ratio(&should, &is),
        verdict: claim.map_or("none", |claim: &Claim| claim.verdict.label()),
        is_verdict_right: claim.is_some_and(|claim| effect.expected.is_met(claim, &analysis.answer)),
    }
}

/// Metric → block → value.
type Figures = BTreeMap<String, BTreeMap<u32, f64>>;

fn figures(analysis: &Analysis, cell: &str) -> Figures {
    let of_cell = |figures: &&CellFigures| figures.cell == cell;
    let Some(cell) = analysis.cells.iter().find(of_cell) else { return Figures::new() };
    let values =
        |name: &String| cell.metrics[name].values.iter().map(|value| (value.block, value.value)).collect();
    cell.metrics.keys().map(|name| (name.clone(), values(name))).collect()
}

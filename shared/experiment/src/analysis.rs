//! What can be concluded from the runs of a bundle. How each number is made, and from which source, stands in
//! `docs/experiments-method.md`.

mod answer;
mod claim;
mod control;
#[cfg(test)]
mod documented;
mod evidence;
mod figures;
mod judge;
mod notes;
mod selection;
mod sentence;

use crate::cell::Cell;
use crate::plan::Plan;
use crate::record::RunRecord;
use measurement::statistics::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use evidence::OUTLIER_DEVIATIONS;
pub(crate) use figures::{hidden, median};
pub use judge::{ALPHA, MARGIN, PAIRS_MIN, pairs_for_verdicts};
pub(crate) use selection::Selection;

/// Everything that a report says in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Analysis {
    /// The answer in a sentence or a few, with interval, verdict and reservations.
    pub answer: String,
    /// Every comparison of every metric: the first is what the answer is made of.
    pub claims: Vec<Claim>,
    /// None where the plan has no comparison, or no block holds both copies.
    pub control: Option<Control>,
    pub cells: Vec<CellFigures>,
    /// Attempts that are not used, and why.
    pub invalid: Vec<DoubtedRun>,
    /// Runs that are used although something speaks against them, and what.
    pub suspect: Vec<DoubtedRun>,
    /// What a reader must know to judge the rest: few blocks, emulation, several clocks.
    pub notes: Vec<String>,
}

/// One level against the baseline, for one metric, within one combination of the other factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Claim {
    /// The same wherever the plan is run: `placement=arm64/amd64 rate=5000 accepted-to-queryable-p99`.
    pub id: String,
    /// What may be said, in a sentence.
    pub sentence: String,
    pub factor: String,
    pub baseline: String,
    pub level: String,
    /// The other factors' levels.
    pub others: BTreeMap<String, String>,
    pub metric: String,
    /// Whether a processor translated the programs of another in a run of either side.
    pub is_emulated: bool,
    /// [`Cell::id`] of either side.
    pub baseline_cell: String,
    pub level_cell: String,
    /// Blocks in which both cells have a run that is used and has the metric.
    pub pairs: usize,
    /// Level ÷ baseline: Hodges–Lehmann of the logs of paired ratios, with its 95 % interval. None with fewer than six pairs.
    pub ratio: Option<Interval>,
    /// The same where the clocks of the nodes are as wrong as they may be, in either direction. None where one clock was asked,
    /// or where the error is as large as the time itself.
    pub ratio_with_clock_error: Option<Interval>,
    /// Of the signed-rank test, and adjusted by Holm over all claims.
    pub p: Option<f64>,
    pub p_adjusted: Option<f64>,
    /// Cliff's delta with its 95 % interval.
    pub effect: Option<Interval>,
    /// Of the two one-sided tests against ±3 %, and adjusted by Holm over all claims.
    pub equivalence_p: Option<f64>,
    pub equivalence_p_adjusted: Option<f64>,
    pub verdict: ClaimVerdict,
    /// What keeps it from being said with confidence: a biased control, too few pairs, a clock error as large as the effect.
    pub reservations: Vec<String>,
    /// The ratio without pairs that could be doubted.
    pub sensitivity: Vec<Sensitivity>,
}

/// What may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// The level is better than the baseline.
    Better,
    Worse,
    /// They differ by less than 3 %: shown, and not merely not refuted.
    Same,
    Inconclusive,
    /// One is emulated and the other is not, or the like.
    NotComparable,
}

impl ClaimVerdict {
    /// For a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not comparable",
        }
    }

    /// Whether something is known: better, worse or the same.
    #[must_use]
    pub fn is_conclusive(self) -> bool {
        matches!(self, Self::Better | Self::Worse | Self::Same)
    }
}

/// A claim without some of its pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sensitivity {
    pub without: Doubted,
    /// Pairs that were left out, and those that remain.
    pub left_out: usize,
    pub pairs: usize,
    /// None with fewer than six pairs.
    pub ratio: Option<Interval>,
    pub agreement: Agreement,
}

/// What fewer pairs say of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// It could still be given, or there is none.
    Agrees,
    /// Nothing: there are fewer than so many claims need.
    TooFewPairs,
    /// Their interval does not show it.
    NotShown,
}

impl Agreement {
    /// For a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::TooFewPairs => "too few pairs are left",
            Self::NotShown => "does not agree",
        }
    }
}

/// Pairs that could be doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubted {
    /// A run of the pair is suspect.
    Suspect,
    /// The log ratio is further than four deviations from the median of all, the deviation being the median absolute one,
    /// scaled to that of normal values. The rule is fixed for all experiments.
    Outliers,
}

impl Doubted {
    /// For a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Suspect => "suspect runs",
            Self::Outliers => "outliers",
        }
    }
}

/// The A/A control: two copies of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Control {
    pub cell: String,
    /// By metric: second copy ÷ first. None with fewer than six pairs.
    pub ratios: BTreeMap<String, Option<Interval>>,
    /// Metrics in which copies differ, though nothing differs but noise.
    pub biased: Vec<String>,
}

/// What a cell came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CellFigures {
    pub cell: String,
    pub levels: BTreeMap<String, String>,
    pub is_control: bool,
    /// Whether a processor translated the programs of another: such figures say nothing of hardware.
    pub is_emulated: bool,
    /// Runs that are used.
    pub runs: usize,
    /// Of them, those that are suspect, and those that never became steady.
    pub suspect: usize,
    pub unsteady: usize,
    /// By metric: the median over runs with its interval by order statistics; None with too few.
    pub metrics: BTreeMap<String, Figure>,
}

/// A metric of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figure {
    /// Of each run that is used and has it, in the order of blocks.
    pub values: Vec<RunValue>,
    pub median: f64,
    pub interval: Option<Interval>,
    /// Why it is not shown: too few samples behind a percentile.
    pub hidden: Option<String>,
}

/// A metric of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunValue {
    pub block: u32,
    pub value: f64,
}

/// An attempt that is not used, or used with reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DoubtedRun {
    pub number: u32,
    pub block: u32,
    pub attempt: u32,
    pub cell: String,
    /// Each with the name of its check: `steal: 4.1 % of …`.
    pub reasons: Vec<String>,
}

/// Concludes what can be concluded. `records` has every attempt; of a cell and block the first attempt that is not invalid is
/// used. The order of `records` does not matter.
#[must_use]
pub fn analyse(plan: &Plan, cells: &[Cell], records: &[RunRecord]) -> Analysis {
    let selection = Selection::of(cells, records);
    let control = control::control(plan, cells, &selection);
    let claims = claim::claims(plan, cells, &selection, control.as_ref());
    let notes = notes::notes(plan, cells, &selection, &claims, control.as_ref());
    Analysis {
        answer: answer::answer(plan, &claims, &selection),
        claims,
        control,
        cells: figures::figures(cells, &selection),
        invalid: selection.invalid(),
        suspect: selection.suspect(),
        notes,
    }
}

/// How many claims a plan makes: what Holm's adjustment divides by at most.
#[must_use]
pub fn claims_planned(plan: &Plan, cells: &[Cell]) -> usize {
    claim::drafts(plan, cells).len()
}

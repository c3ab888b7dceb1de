//! Two arms, compared by the ratios of paired runs. Ratios are candidate / baseline; they are averaged as logarithms, so that
//! swapping the arms inverts them.

use libm::{exp, log, log1p};
use serde::{Deserialize, Serialize};

use super::signed_rank::{Alternative, Zeros, hodges_lehmann, wilcoxon_signed_rank};
use super::{Interval, StatisticsError, checked, checked_fraction};

/// An A/A pair is judged at this level. Each campaign has several controls (cells, metrics), and at 95 % every twentieth sound
/// one would downgrade its verdicts.
const AA_CONFIDENCE: f64 = 0.99;
/// The fewest pairs with which an A/A control can fail.
const AA_PAIRS_MIN: usize = 6;

/// The natural logarithms of candidate / baseline, pair by pair.
///
/// # Errors
/// Slices that do not pair; values that are not finite or not above 0.
pub fn log_ratios(baseline: &[f64], candidate: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let what = "a ratio of paired runs";
    if baseline.len() != candidate.len() {
        return Err(StatisticsError::Unpaired { what, left: baseline.len(), right: candidate.len() });
    }
    for values in [baseline, candidate] {
        checked(what, values, 0)?;
        if let Some(index) = values.iter().position(|value| *value <= 0.0) {
            return Err(StatisticsError::NotPositive { what, index, value: values[index] });
        }
    }
    Ok(baseline.iter().zip(candidate).map(|(baseline, candidate)| log(*candidate) - log(*baseline)).collect())
}

/// The ratio candidate / baseline of paired runs: the Hodges–Lehmann estimate of the log ratios and its interval, see
/// [`hodges_lehmann`], as a ratio.
///
/// # Errors
/// Those of [`log_ratios`]; fewer pairs than the level needs, which is 6 at 95 %.
pub fn ratio(baseline: &[f64], candidate: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    ratio_of_logs(&log_ratios(baseline, candidate)?, confidence)
}

/// [`ratio`] of what [`log_ratios`] gave.
///
/// # Errors
/// Fewer pairs than the level needs, values that are not finite.
pub fn ratio_of_logs(log_ratios: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    Ok(hodges_lehmann(log_ratios, confidence)?.map(exp))
}

/// Whether two arms are the same for all that matters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Equivalence {
    /// The ratio with its interval at 1 − 2α, which must be within 1 / (1 + margin) to 1 + margin.
    pub ratio: Interval,
    /// The larger p of both one-sided tests, which must be at most α.
    pub p: f64,
    /// Whether both hold. False means "not shown to be the same", not "different".
    pub equivalent: bool,
}

/// Two one-sided tests (TOST; D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987)), each Wilcoxon's
/// signed-rank test of the log ratios against a bound: that the ratio is above 1 / (1 + `margin`), and below 1 + `margin`. For
/// a margin of 0.03 that is 0.9709 to 1.03, so that swapping the arms changes nothing. `alpha` bounds the probability of
/// calling arms the same that differ by the margin or more.
///
/// # Errors
/// Fewer pairs than an interval at 1 − 2α needs, which is 5 for α = 0.05; values that are not finite; parameters out of range.
pub fn equivalence(log_ratios: &[f64], margin: f64, alpha: f64) -> Result<Equivalence, StatisticsError> {
    checked_fraction("margin", margin)?;
    checked_fraction("twice alpha", 2.0 * alpha)?;
    let bound = log1p(margin);
    let logs = hodges_lehmann(log_ratios, 1.0 - 2.0 * alpha)?;
    let p_against = |bound: f64, alternative| {
        let differences: Vec<f64> = log_ratios.iter().map(|log_ratio| log_ratio - bound).collect();
        match wilcoxon_signed_rank(&differences, alternative, Zeros::Pratt) {
            Ok(test) => Ok(test.p),
            // Every ratio is the bound itself, which is not within it.
            Err(StatisticsError::AllEqual { .. }) => Ok(1.0),
            Err(error) => Err(error),
        }
    };
    let p = p_against(-bound, Alternative::Greater)?.max(p_against(bound, Alternative::Less)?);
    let within = -bound < logs.low && logs.high < bound;
    Ok(Equivalence { ratio: logs.map(exp), p, equivalent: within && p <= alpha })
}

/// What a control of two equal arms says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AaCheck {
    /// The ratio of the equal arms, and its interval.
    pub ratio: Interval,
    /// The interval excludes 1: something other than the arms makes a difference, and verdicts of the campaign must be
    /// downgraded.
    pub biased: bool,
}

/// Judges pairs of two equal arms: biased where the interval of their ratio excludes 1. The level is 99 %, or the highest that
/// so few pairs have: with 6 pairs 96.9 %, with 7 98.4 %. That is the share of sound controls that pass; a campaign with k
/// controls has up to k % false alarms.
///
/// # Errors
/// Fewer than 6 pairs; those of [`log_ratios`].
pub fn aa_check(first: &[f64], second: &[f64]) -> Result<AaCheck, StatisticsError> {
    let logs = log_ratios(first, second)?;
    checked("an A/A control", &logs, AA_PAIRS_MIN)?;
    let highest = 1.0 - 2.0 * libm::exp2(-(logs.len() as f64));
    let ratio = ratio_of_logs(&logs, AA_CONFIDENCE.min(highest))?;
    Ok(AaCheck { ratio, biased: !ratio.contains(1.0) })
}

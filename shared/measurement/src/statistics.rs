//! Statistics of experiments: what one run says of itself (quantiles, effective samples, its steady part), and what paired
//! runs say of two arms (ratio, equivalence, when to stop). Pure functions of slices; randomness comes from a seed.
//!
//! Logarithms and exponentials are those of `libm`, so that one bundle gives one report on every machine.

mod binomial;
mod bootstrap;
mod cliffs_delta;
mod distribution;
mod effective;
mod holm;
mod quantile;
mod random;
mod ratio;
mod robust;
mod segmentation;
mod sign_flip;
mod signed_rank;
mod steadiness;
mod stopping;
mod theil_sen;

use serde::{Deserialize, Serialize};

pub use bootstrap::{Bootstrap, bootstrap};
pub use cliffs_delta::cliffs_delta;
pub use effective::{EffectiveSamples, batch_means, effective_requests, initial_monotone_sequence};
pub use holm::holm;
pub use quantile::{QuantileRanks, quantile_interval, quantile_ranks, quantile_samples_min};
pub use random::Random;
pub use ratio::{AaCheck, Equivalence, aa_check, equivalence, log_ratios, ratio, ratio_of_logs};
pub use robust::{MAD_NORMAL, deviation, median};
pub use segmentation::change_points;
pub use sign_flip::{SignFlip, sign_flip};
pub use signed_rank::{Alternative, SignedRank, Zeros, hodges_lehmann, wilcoxon_signed_rank};
pub use steadiness::{Criteria, Steadiness, Unsteady, steady_part};
pub use stopping::{Decision, StoppingRule};
pub use theil_sen::{Residuals, Slope, theil_sen, trend};

/// The level of intervals where a report says nothing else.
pub const CONFIDENCE: f64 = 0.95;

/// An estimate and where the true value is, at a level of confidence. In the unit of what was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interval {
    /// The most plausible value.
    pub estimate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// The level that the interval has, as a fraction: what was asked for, or more where only certain levels exist.
    pub confidence: f64,
}

impl Interval {
    /// Whether `value` is within the bounds, both included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The interval of an increasing function of what was estimated.
    pub(crate) fn map(self, increasing: impl Fn(f64) -> f64) -> Self {
        Self {
            estimate: increasing(self.estimate),
            low: increasing(self.low),
            high: increasing(self.high),
            confidence: self.confidence,
        }
    }
}

/// Why values have no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// The method cannot reach its level with so few.
    #[error("{what} needs {needed} values or more and has {found}: measure more, or ask for less confidence")]
    TooFew {
        /// The method.
        what: &'static str,
        /// The fewest it takes.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// A value is infinite or not a number.
    #[error("value {index} of {what} is {value}, not a finite number: find out how it was measured")]
    NotFinite {
        /// The method.
        what: &'static str,
        /// Where it is, from 0.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// A ratio of it does not exist.
    #[error(
        "value {index} of {what} is {value}, and a ratio needs values above 0: compare differences instead"
    )]
    NotPositive {
        /// The method.
        what: &'static str,
        /// Where it is, from 0.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// What varies nowhere has no spread to judge by.
    #[error("all {count} values of {what} are equal: measure with a finer resolution")]
    AllEqual {
        /// The method.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Two slices that belong together have different lengths.
    #[error("{what} pairs {left} values with {right}: leave out what has no partner")]
    Unpaired {
        /// The method.
        what: &'static str,
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// A parameter of the method, not a measurement.
    #[error("{parameter} is {value} and must be {range}")]
    OutOfRange {
        /// Its name.
        parameter: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

/// Refuses fewer values than `needed`, and values that are not finite.
fn checked(what: &'static str, values: &[f64], needed: usize) -> Result<(), StatisticsError> {
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(StatisticsError::NotFinite { what, index, value: values[index] });
    }
    if values.len() < needed {
        return Err(StatisticsError::TooFew { what, needed, found: values.len() });
    }
    Ok(())
}

/// The most values of which all pairs are looked at: 100 MB of them.
const PAIRED_MAX: usize = 5000;

/// Refuses what has too many pairs.
fn checked_pairs(values: &[f64]) -> Result<(), StatisticsError> {
    if values.len() <= PAIRED_MAX {
        return Ok(());
    }
    let (parameter, value) = ("the number of values", values.len() as f64);
    Err(StatisticsError::OutOfRange { parameter, value, range: "at most 5000: average neighbours first" })
}

/// Refuses what is not strictly between 0 and 1.
fn checked_fraction(parameter: &'static str, value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange { parameter, value, range: "between 0 and 1" })
}

/// The values in ascending order.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

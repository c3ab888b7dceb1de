//! Intervals of a quantile between two order statistics, whatever the distribution: W. J. Conover, Practical Nonparametric
//! Statistics (3rd ed., 1999), section 3.2; Hahn & Meeker, Statistical Intervals (1991), section 5.2.

use libm::{ceil, log};
use serde::{Deserialize, Serialize};

use super::binomial::Binomial;
use super::{Interval, StatisticsError, checked, checked_fraction, sorted};

/// Which two of the sorted samples bound a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct QuantileRanks {
    /// Rank of the sample that is the lower bound, from 1 for the smallest.
    pub low: u64,
    /// Rank of the sample that is the upper bound, at most the number of samples.
    pub high: u64,
    /// The level that the interval has, as a fraction: what was asked for or more.
    pub confidence: f64,
}

/// The fewest independent samples with which a quantile has an interval, and so may be shown: n with
/// max(q, 1 − q)ⁿ ≤ (1 − `confidence`) / 2. With fewer, even the largest (for q ≥ ½) or the smallest sample is on the wrong
/// side of the quantile too often to bound it. At 95 %: 6 for p50, 36 for p90, 72 for p95, 368 for p99, 3,688 for p99.9.
///
/// # Errors
/// A quantile or a level that is not between 0 and 1.
pub fn quantile_samples_min(quantile: f64, confidence: f64) -> Result<u64, StatisticsError> {
    checked_fraction("quantile", quantile)?;
    checked_fraction("confidence", confidence)?;
    Ok(ceil(log((1.0 - confidence) / 2.0) / log(quantile.max(1.0 - quantile))) as u64)
}

/// The ranks, among `count` sorted samples, of the bounds of a quantile. The lower one is the largest rank l with
/// P(B < l) ≤ α/2 and the upper one the smallest rank u with P(B ≥ u) ≤ α/2, where B ~ Binomial(n, q), summed
/// exactly for any n. Where samples depend on each other, n is how many independent ones they are worth
/// (`effective`, at most `count`), and the ranks are spread over `count` proportionally, rounded outwards. In a
/// [`Histogram`](crate::Histogram) the sample of rank r is `quantile((r − ½) / count)`.
///
/// # Errors
/// Fewer effective samples than [`quantile_samples_min`]: the quantile must not be shown. Parameters out of their range.
pub fn quantile_ranks(
    count: u64,
    effective: f64,
    quantile: f64,
    confidence: f64,
) -> Result<QuantileRanks, StatisticsError> {
    let needed = quantile_samples_min(quantile, confidence)?;
    if !(effective > 0.0 && effective <= count as f64) {
        let range = "above 0 and at most the number of samples";
        return Err(StatisticsError::OutOfRange { parameter: "effective samples", value: effective, range });
    }
    let trials = effective as u64;
    if trials < needed {
        let (needed, found) = (needed as usize, trials as usize);
        return Err(StatisticsError::TooFew { what: "the interval of a quantile", needed, found });
    }
    let successes = Binomial { trials, probability: quantile };
    let tail = (1.0 - confidence) / 2.0;
    let ((low, below), (from_top, above)) =
        (successes.lower_rank(tail), successes.mirrored().lower_rank(tail));
    let scale = |rank: u64| ((u128::from(rank) * u128::from(count)) / u128::from(trials)).max(1) as u64;
    Ok(QuantileRanks { low: scale(low), high: count + 1 - scale(from_top), confidence: 1.0 - below - above })
}

/// A quantile of samples and its interval, see [`quantile_ranks`]. The estimate is the smallest sample that at least the
/// fraction `quantile` of all samples do not exceed, as in histograms. In the unit of the samples.
///
/// # Errors
/// Samples that are not finite, and those of [`quantile_ranks`].
pub fn quantile_interval(
    samples: &[f64],
    effective: f64,
    quantile: f64,
    confidence: f64,
) -> Result<Interval, StatisticsError> {
    checked("the interval of a quantile", samples, 1)?;
    let ranks = quantile_ranks(samples.len() as u64, effective, quantile, confidence)?;
    let sorted = sorted(samples);
    let rank = ceil(quantile * samples.len() as f64).max(1.0) as usize;
    Ok(Interval {
        estimate: sorted[rank - 1],
        low: sorted[ranks.low as usize - 1],
        high: sorted[ranks.high as usize - 1],
        confidence: ranks.confidence,
    })
}

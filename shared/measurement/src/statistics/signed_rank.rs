//! Wilcoxon's signed ranks and what belongs to them: test, estimate and interval: Hollander & Wolfe, Nonparametric
//! Statistical Methods (2nd ed., 1999), sections 3.1 (test), 3.2 (estimate) and 3.3 (interval).

use libm::{ceil, floor, log2, sqrt};
use serde::{Deserialize, Serialize};

use super::distribution::{normal_cdf, normal_survival, normal_two_sided};
use super::robust::median_of_sorted;
use super::{Interval, StatisticsError, checked, checked_fraction, checked_pairs};

/// Up to this many differences the distribution is the exact one, beyond it is normal: there p-values around 0.05 differ by
/// less than 0.001.
const EXACT_MAX: usize = 50;

/// On which side of 0 the differences are supposed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// Not 0.
    TwoSided,
    /// Above 0.
    Greater,
    /// Below 0.
    Less,
}

/// What becomes of differences that are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Zeros {
    /// They are ranked and then count for no side: J. W. Pratt, "Remarks on zeros and ties in the Wilcoxon signed rank
    /// procedures", Journal of the American Statistical Association 54 (1959).
    Pratt,
    /// They are left out before ranking, as Wilcoxon did.
    Wilcox,
}

/// The outcome of [`wilcoxon_signed_rank`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SignedRank {
    /// The sum of the ranks of the differences above 0: T⁺.
    pub statistic: f64,
    /// How likely a statistic as extreme is if the differences are symmetric around 0.
    pub p: f64,
    /// Whether `p` is exact or from the normal distribution.
    pub exact: bool,
    /// Differences that are not 0.
    pub used: usize,
}

/// Wilcoxon's signed-rank test. Equal sizes share their mean rank. Up to 50 differences `p` is exact given the ranks, ties
/// and zeros included; beyond, it is normal with half a rank for continuity and the variance of the ranks that there are.
///
/// # Errors
/// No differences, or only zeros; values that are not finite.
pub fn wilcoxon_signed_rank(
    differences: &[f64],
    alternative: Alternative,
    zeros: Zeros,
) -> Result<SignedRank, StatisticsError> {
    let what = "Wilcoxon's signed-rank test";
    checked(what, differences, 1)?;
    let ranks = doubled_ranks(differences, zeros);
    if ranks.is_empty() {
        return Err(StatisticsError::AllEqual { what, count: differences.len() });
    }
    let doubled: u64 = ranks.iter().filter(|(_, above)| *above).map(|(rank, _)| rank).sum();
    let weights: Vec<usize> = ranks.iter().map(|&(rank, _)| rank as usize).collect();
    let exact = weights.len() <= EXACT_MAX;
    let (below, above) =
        if exact { exact_tails(&weights, doubled as usize) } else { tails(&weights, doubled) };
    let p = match alternative {
        Alternative::TwoSided => (2.0 * below.min(above)).min(1.0),
        Alternative::Greater => above,
        Alternative::Less => below,
    };
    Ok(SignedRank { statistic: doubled as f64 / 2.0, p: p.min(1.0), exact, used: weights.len() })
}

/// The Hodges–Lehmann estimate of the centre of symmetry of paired differences, the median of all Walsh averages, and its
/// distribution-free interval between two of them; beyond 50 differences by the normal approximation, with half a rank for continuity, rounded outwards. In the unit of the differences. Ties and zeros make it wider than needed,
/// never narrower.
///
/// # Errors
/// Fewer than log₂ (2 / (1 − `confidence`)) differences, which is 6 at 95 %, 5 at 90 % and 8 at 99 %; more than 5,000;
/// values that are not finite.
pub fn hodges_lehmann(differences: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    checked_fraction("confidence", confidence)?;
    let tail = (1.0 - confidence) / 2.0;
    let needed = ceil(-log2(tail)) as usize;
    checked("the interval of a Hodges-Lehmann estimate", differences, needed)?;
    checked_pairs(differences)?;
    let averages = walsh_averages(differences);
    let (rank, confidence) = if differences.len() <= EXACT_MAX {
        exact_rank(differences.len(), tail)
    } else {
        (normal_rank(differences.len(), confidence), confidence)
    };
    Ok(Interval {
        estimate: median_of_sorted(&averages),
        low: averages[rank - 1],
        high: averages[averages.len() - rank],
        confidence,
    })
}

/// The means of all pairs of values and of each with itself, ascending.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (index, left) in values.iter().enumerate() {
        averages.extend(values[..=index].iter().map(|right| f64::midpoint(*left, *right)));
    }
    averages.sort_unstable_by(f64::total_cmp);
    averages
}

/// The rank from either end of the Walsh averages that bound the interval, and the level that it has: the largest rank k
/// with P(T⁺ < k) ≤ `tail`.
fn exact_rank(count: usize, tail: f64) -> (usize, f64) {
    let weights: Vec<usize> = (1..=count).collect();
    let (mut rank, mut outside) = (0, 0.0);
    for probability in sums(&weights) {
        if outside + probability > tail {
            break;
        }
        outside += probability;
        rank += 1;
    }
    (rank.max(1), 1.0 - 2.0 * outside)
}

fn normal_rank(count: usize, confidence: f64) -> usize {
    let n = count as f64;
    let deviation = sqrt(n * (n + 1.0) * (2.0 * n + 1.0) / 24.0);
    let rank = floor(n * (n + 1.0) / 4.0 + 0.5 - normal_two_sided(confidence) * deviation);
    rank.max(1.0) as usize
}

/// Twice the rank of the size of each difference that is not 0, and whether the difference is above 0. Mean ranks are halves,
/// so twice a rank is an integer.
fn doubled_ranks(differences: &[f64], zeros: Zeros) -> Vec<(u64, bool)> {
    let kept = |value: &&f64| zeros == Zeros::Pratt || **value != 0.0;
    let mut sizes: Vec<f64> = differences.iter().filter(kept).copied().collect();
    sizes.sort_unstable_by(|left, right| left.abs().total_cmp(&right.abs()));
    let mut ranks = Vec::with_capacity(sizes.len());
    let mut before = 0;
    for tied in sizes.chunk_by(|left, right| left.abs() == right.abs()) {
        // The mean of the ranks before + 1 to before + tied.
        let doubled = (2 * before + tied.len() + 1) as u64;
        ranks.extend(tied.iter().filter(|value| **value != 0.0).map(|value| (doubled, *value > 0.0)));
        before += tied.len();
    }
    ranks
}

/// P(S ≤ sum) and P(S ≥ sum), where each weight is in S with probability ½.
fn exact_tails(weights: &[usize], sum: usize) -> (f64, f64) {
    let probabilities = sums(weights);
    (probabilities[..=sum].iter().sum(), probabilities[sum..].iter().sum())
}

/// The same, by the normal distribution.
fn tails(doubled_weights: &[usize], doubled_sum: u64) -> (f64, f64) {
    let ranks = || doubled_weights.iter().map(|&doubled| doubled as f64 / 2.0);
    let centre = ranks().sum::<f64>() / 2.0;
    let deviation = sqrt(ranks().map(|rank| rank * rank).sum::<f64>() / 4.0);
    let off = doubled_sum as f64 / 2.0 - centre;
    (normal_cdf((off + 0.5) / deviation), normal_survival((off - 0.5) / deviation))
}

/// The probability of each sum, where each weight is in it with probability ½.
fn sums(weights: &[usize]) -> Vec<f64> {
    let mut probabilities = vec![0.0; weights.iter().sum::<usize>() + 1];
    probabilities[0] = 1.0;
    let mut largest = 0;
    for &weight in weights {
        largest += weight;
        for sum in (0..=largest).rev() {
            let with_it = if sum >= weight { probabilities[sum - weight] } else { 0.0 };
            probabilities[sum] = f64::midpoint(probabilities[sum], with_it);
        }
    }
    probabilities
}

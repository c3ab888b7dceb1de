//! How often a value of one arm is above one of the other.

use libm::sqrt;

use super::distribution::student_two_sided;
use super::{Interval, StatisticsError, checked, checked_fraction};

/// Cliff's delta: P(candidate > baseline) − P(candidate < baseline), from −1 to 1, and its interval. It ignores which values
/// are paired. N. Cliff, Ordinal Methods for Behavioral Data Analysis (1996), with its unbiased variance;
/// the interval is the asymmetric one of Feng & Cliff, "Monte Carlo evaluation of ordinal d with improved confidence interval",
/// Journal of Modern Applied Statistical Methods 3 (2004), with Student's t of n + m − 2 degrees, as the R package effsize
/// has it. Where no value of one arm reaches the other, the estimate has no variance, and the far bound is that of
/// the smaller arm's size, (n − t²) / (n + t²).
///
/// # Errors
/// Fewer than 2 values in an arm, or values that are not finite.
pub fn cliffs_delta(
    baseline: &[f64],
    candidate: &[f64],
    confidence: f64,
) -> Result<Interval, StatisticsError> {
    checked_fraction("confidence", confidence)?;
    let what = "Cliff's delta";
    checked(what, baseline, 2)?;
    checked(what, candidate, 2)?;
    let (rows, columns) = (candidate.len() as f64, baseline.len() as f64);
    let t = student_two_sided(confidence, candidate.len() + baseline.len() - 2);
    let row_means = dominance(candidate, baseline);
    let column_means: Vec<f64> = dominance(baseline, candidate).iter().map(|mean| -mean).collect();
    let delta = super::mean(&row_means);
    if delta.abs() == 1.0 {
        let least = rows.min(columns);
        let far = delta * (least - t * t) / (least + t * t);
        return Ok(Interval { estimate: delta, low: far.min(delta), high: far.max(delta), confidence });
    }
    let spread = |means: &[f64]| means.iter().map(|mean| (mean - delta) * (mean - delta)).sum::<f64>();
    // A square of −1, 0 or 1 is 1 unless both are equal.
    let unequal: f64 =
        candidate.iter().map(|left| baseline.iter().filter(|right| left != *right).count() as f64).sum();
    let cells = unequal - rows * columns * delta * delta;
    let unbiased = (columns * columns * spread(&row_means) + rows * rows * spread(&column_means) - cells)
        / (rows * columns * (rows - 1.0) * (columns - 1.0));
    let inverse = 1.0 - delta * delta;
    let variance = unbiased.max(inverse / (rows * columns - 1.0));
    let half = t * sqrt(variance) * sqrt(inverse * inverse + t * t * variance);
    let (centre, scale) = (delta * inverse, inverse + t * t * variance);
    Ok(Interval {
        estimate: delta,
        low: ((centre - half) / scale).max(-1.0),
        high: ((centre + half) / scale).min(1.0),
        confidence,
    })
}

/// For each value of `left`, the mean of the signs of its differences from `right`.
fn dominance(left: &[f64], right: &[f64]) -> Vec<f64> {
    let sign = |left: f64, right: f64| f64::from(i8::from(left > right) - i8::from(left < right));
    let mean = |value: &f64| right.iter().map(|other| sign(*value, *other)).sum::<f64>() / right.len() as f64;
    left.iter().map(mean).collect()
}

//! Whether something grows, and how fast.

use libm::{round, sqrt};
use serde::{Deserialize, Serialize};

use super::distribution::normal_two_sided;
use super::robust::{median, median_of_sorted};
use super::{
    Interval, StatisticsError, checked, checked_fraction, checked_pairs, initial_monotone_sequence, mean,
    sorted,
};

/// From here on the normal approximation of Kendall's statistic holds (Sen 1968, section 6).
const POINTS_MIN: usize = 10;

/// Points of a trend: all pairs of them are looked at.
const TREND_POINTS_MAX: usize = 500;

/// As far as a correlation is believed: nearer to 1, the points would be worth nothing.
const CORRELATION_MAX: f64 = 0.98;

/// What is known of the distances of the points from the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Residuals {
    /// They do not depend on each other.
    Independent,
    /// Neighbours are alike, as in the series of a backlog. The points are in the order of time and evenly spaced.
    Autocorrelated,
}

/// A line through points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slope {
    /// The slope, in units of y per unit of x.
    pub slope: Interval,
    /// Where the line is at x = 0: the median of y − slope · x.
    pub intercept: f64,
}

impl Slope {
    /// Whether the interval says that y grows: all of it is above 0.
    pub fn grows(&self) -> bool {
        self.slope.low > 0.0
    }
}

/// The slope of Theil and Sen, the median of the slopes between all pairs of points, and its interval between two of them:
/// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the American Statistical
/// Association 63 (1968), section 6, with ties. For autocorrelated residuals the variance of Kendall's statistic is larger by
/// the number of points over their effective number (Yue & Wang, "The Mann-Kendall test modified by effective sample size",
/// Water Resources Management 18 (2004)). Looks at all pairs.
///
/// # Errors
/// Fewer than 10 points, or more than 5,000; all x equal; values that are not finite; slices that do not pair.
pub fn theil_sen(
    x: &[f64],
    y: &[f64],
    residuals: Residuals,
    confidence: f64,
) -> Result<Slope, StatisticsError> {
    let what = "a Theil-Sen slope";
    checked_fraction("confidence", confidence)?;
    if x.len() != y.len() {
        return Err(StatisticsError::Unpaired { what, left: x.len(), right: y.len() });
    }
    checked(what, x, POINTS_MIN)?;
    checked_pairs(x)?;
    checked(what, y, POINTS_MIN)?;
    let slopes = slopes(x, y);
    if slopes.is_empty() {
        return Err(StatisticsError::AllEqual { what, count: x.len() });
    }
    let estimate = median_of_sorted(&slopes);
    let distances: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - estimate * x).collect();
    let inflation = match residuals {
        Residuals::Independent => 1.0,
        Residuals::Autocorrelated => inflation(&distances)?,
    };
    let reach = normal_two_sided(confidence) * sqrt(kendall_variance(x, y) * inflation);
    let pairs = slopes.len() as f64;
    let low = round((pairs - reach) / 2.0).max(1.0) as usize - 1;
    let high = round((pairs + reach) / 2.0).min(pairs - 1.0) as usize;
    let slope = Interval { estimate, low: slopes[low], high: slopes[high], confidence };
    Ok(Slope { slope, intercept: median(&distances) })
}

/// The slope of a series in the order of time and evenly spaced, however long it is: neighbours of a long one are averaged,
/// as no trend is a matter of single points. What is left over at the end is left out. As [`theil_sen`] of autocorrelated
/// residuals.
///
/// # Errors
/// Those of [`theil_sen`], but for too many points.
pub fn trend(x: &[f64], y: &[f64], confidence: f64) -> Result<Slope, StatisticsError> {
    if x.len() != y.len() {
        let what = "the trend of a series";
        return Err(StatisticsError::Unpaired { what, left: x.len(), right: y.len() });
    }
    let size = x.len().div_ceil(TREND_POINTS_MAX).max(1);
    let averaged = |values: &[f64]| values.chunks_exact(size).map(mean).collect::<Vec<_>>();
    theil_sen(&averaged(x), &averaged(y), Residuals::Autocorrelated, confidence)
}

/// How many points are worth one independent point: by the autocovariances that were seen, or, where that is more, by the
/// lag-1 autocorrelation ρ as (1 + ρ) / (1 − ρ). Of few points both are too small, because the line follows the noise;
/// for ρ that is known to be (2 + 4 ρ) / n (N. van Giersbergen, Economics Letters 89 (2005)), and is added again.
fn inflation(distances: &[f64]) -> Result<f64, StatisticsError> {
    let samples = match initial_monotone_sequence(distances) {
        Ok(samples) => samples,
        // They are all on the line.
        Err(StatisticsError::AllEqual { .. }) => return Ok(1.0),
        Err(error) => return Err(error),
    };
    let (centre, points) = (mean(distances), distances.len() as f64);
    let product = |(left, right): (&f64, &f64)| (left - centre) * (right - centre);
    let squares: f64 = distances.iter().zip(distances).map(product).sum();
    let lagged = distances.iter().zip(&distances[1..]).map(product).sum::<f64>() / squares;
    let correlation = (lagged + (2.0 + 4.0 * lagged) / points).clamp(0.0, CORRELATION_MAX);
    Ok((points / samples.effective).max((1.0 + correlation) / (1.0 - correlation)))
}

/// The slopes between all points with different x, ascending.
fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(x.len() * (x.len() - 1) / 2);
    for index in 0..x.len() {
        let points = x[..index].iter().zip(&y[..index]).filter(|(other, _)| **other != x[index]);
        slopes.extend(points.map(|(other_x, other_y)| (y[index] - other_y) / (x[index] - other_x)));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes
}

/// The variance of Kendall's S where nothing grows, less what ties of x and of y take from it.
fn kendall_variance(x: &[f64], y: &[f64]) -> f64 {
    let term = |count: usize| {
        let count = count as f64;
        count * (count - 1.0) * (2.0 * count + 5.0) / 18.0
    };
    let ties = |values: &[f64]| {
        sorted(values).chunk_by(|left, right| left == right).map(|tied| term(tied.len())).sum::<f64>()
    };
    (term(x.len()) - ties(x) - ties(y)).max(0.0)
}

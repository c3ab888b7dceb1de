//! Location and scale that outliers do not move.

use libm::sqrt;

use super::{mean, sorted};

/// Makes Qn the standard deviation of normal values: Rousseeuw & Croux (1993), section 3.
const QN_NORMAL: f64 = 2.2219;
/// A noise that is known to 2 %, and 16 MB of distances.
const QN_VALUES_MAX: usize = 2000;
/// Makes the median absolute deviation the standard deviation of normal values.
pub const MAD_NORMAL: f64 = 1.4826;
/// Values on both sides that a value is compared with: outliers in a row are found as long as they are fewer.
const NEIGHBOURS: usize = 3;
/// Deviations beyond which a value is an outlier.
const OUTLIER_DEVIATIONS: f64 = 4.0;

/// The middle value, or the middle of the two middle ones. Of at least one value.
pub fn median(values: &[f64]) -> f64 {
    median_of_sorted(&sorted(values))
}

pub(crate) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The median absolute deviation from the median, as a standard deviation: times [`MAD_NORMAL`]. Of at least one value.
pub fn deviation(values: &[f64]) -> f64 {
    let middle = median(values);
    MAD_NORMAL * median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// Qn of Rousseeuw & Croux, "Alternatives to the median absolute deviation", Journal of the American Statistical Association
/// 88 (1993): about the lower quartile of all distances. As robust as the median absolute deviation, and twice as efficient.
/// Of at least two values. Of more than 2,000 every second, third … is taken, as pairs grow with the square.
fn qn(values: &[f64]) -> f64 {
    let values: Vec<f64> = values.iter().step_by(values.len().div_ceil(QN_VALUES_MAX)).copied().collect();
    let half = values.len() / 2 + 1;
    let rank = half * (half - 1) / 2;
    let mut distances: Vec<f64> = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
    for (index, left) in values.iter().enumerate() {
        distances.extend(values[..index].iter().map(|right| (left - right).abs()));
    }
    QN_NORMAL * *distances.select_nth_unstable_by(rank - 1, f64::total_cmp).1
}

/// As far as a correlation is believed: what is more alike is not noise but a level that changes.
const CORRELATION_MAX: f64 = 0.8;

/// The noise of a series: around levels that change now and then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// Standard deviation of the difference of neighbours.
    difference: f64,
    /// Standard deviation of a single value.
    pub(crate) deviation: f64,
    /// Correlation of neighbours, from 0 to [`CORRELATION_MAX`].
    pub(crate) correlation: f64,
}

impl Noise {
    /// From differences over one and over two steps, which a change of the level enters once: those of an AR(1) have the
    /// variances 2σ² (1 − ρ) and 2σ² (1 − ρ²), so their ratio is 1 + ρ (Chakar, Lebarbier, Lévy-Leduc & Robin, "A robust
    /// approach for estimating change-points in the mean of an AR(1) process", Bernoulli 23 (2017), section 2).
    /// Of at least five values.
    pub(crate) fn of(series: &[f64]) -> Self {
        let differences = |lag: usize| -> Vec<f64> {
            series.iter().zip(&series[lag..]).map(|(before, after)| after - before).collect()
        };
        let (one, two) = (qn(&differences(1)), qn(&differences(2)));
        Self::correlated(one, if one == 0.0 { 0.0 } else { two * two / (one * one) - 1.0 })
    }

    /// The same noise with the correlation of the distances from the segments' means, which is more precise than that of
    /// differences, once most changes are known; the deviation stays that of differences, which no change enters. A mean
    /// follows the noise of its segment, so the correlation around it is too small by (1 + 4 ρ) / n, n being the length of a
    /// segment (Marriott & Pope, "Bias in the estimation of autocorrelations", Biometrika 41 (1954)). `bounds` has the begin
    /// of each segment and the end of the last one.
    pub(crate) fn around_means(&self, series: &[f64], bounds: &[usize]) -> Self {
        let (mut squares, mut products) = (0.0, 0.0);
        for bound in bounds.windows(2) {
            let segment = &series[bound[0]..bound[1]];
            let centre = mean(segment);
            squares += segment.iter().map(|value| (value - centre) * (value - centre)).sum::<f64>();
            let product = |(left, right): (&f64, &f64)| (left - centre) * (right - centre);
            products += segment.iter().zip(&segment[1..]).map(product).sum::<f64>();
        }
        if squares == 0.0 {
            return *self;
        }
        let lagged = products / squares;
        let bias = (1.0 + 4.0 * lagged) * (bounds.len() - 1) as f64 / series.len() as f64;
        Self::correlated(self.difference, lagged + bias)
    }

    fn correlated(difference: f64, correlation: f64) -> Self {
        let correlation = correlation.clamp(0.0, CORRELATION_MAX);
        Self { difference, deviation: difference / sqrt(2.0 * (1.0 - correlation)), correlation }
    }

    /// Standard deviation of a mean of many values, times the root of their number.
    pub(crate) fn long_run_deviation(&self) -> f64 {
        self.deviation * sqrt((1.0 + self.correlation) / (1.0 - self.correlation))
    }
}

/// Which values differ from the median of their neighbourhood by more than four deviations, both of the neighbourhood and of
/// the noise, and that median: the Hampel identifier (Davies & Gather, "The identification of multiple outliers", Journal of
/// the American Statistical Association 88 (1993)) in a moving window. It leaves the edge of a step where it is.
pub(crate) fn outliers(series: &[f64], noise: f64) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    for (index, value) in series.iter().enumerate() {
        let window = &series[index.saturating_sub(NEIGHBOURS)..series.len().min(index + NEIGHBOURS + 1)];
        let local = median(window);
        if (value - local).abs() > OUTLIER_DEVIATIONS * noise.max(deviation(window)) {
            found.push((index, local));
        }
    }
    found
}

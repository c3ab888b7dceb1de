//! Levels of a series: the segmentation with the least cost.

use libm::log;

use super::{StatisticsError, checked};

/// Cost of a change, in squared deviations times the logarithm of the number of values: the modified BIC of Zhang & Siegmund,
/// "A modified Bayes information criterion", Biometrics 63 (2007), counts three parameters for each change.
const PENALTY: f64 = 3.0;

/// Where the mean of a series changes: the first index of each segment but the first one. PELT (Killick, Fearnhead & Eckley,
/// "Optimal detection of changepoints with a linear computational cost", Journal of the American Statistical Association 107
/// (2012)) with squares as the cost: the least sum, over all segmentations, of squared distances from the segments' means in
/// units of `deviation`², plus 3 ln n for each change. No segment is shorter than `segment_min` values.
///
/// `deviation` is the standard deviation of the noise; for noise with a memory, that of its long-run variance. Where it is 0
/// every change counts.
///
/// # Errors
/// Fewer than `segment_min` values, values that are not finite, a deviation that is negative or not finite.
pub fn change_points(
    series: &[f64],
    deviation: f64,
    segment_min: usize,
) -> Result<Vec<usize>, StatisticsError> {
    let segment_min = segment_min.max(1);
    checked("a series with change points", series, segment_min)?;
    if !deviation.is_finite() || deviation < 0.0 {
        let range = "a number from 0 up";
        return Err(StatisticsError::OutOfRange { parameter: "deviation", value: deviation, range });
    }
    let costs = Costs::of(series);
    let penalty = PENALTY * log(series.len() as f64) * deviation * deviation + costs.rounding();
    // least[end]: the cost of the best segmentation of everything before `end`, and where its last segment begins.
    let mut least = vec![(f64::INFINITY, 0); series.len() + 1];
    least[0] = (-penalty, 0);
    // Where a last segment may begin, and the last end for which it may.
    let mut begins: Vec<(usize, usize)> = Vec::new();
    for end in segment_min..=series.len() {
        begins.push((end - segment_min, usize::MAX));
        let cost = |begin: usize| least[begin].0 + costs.of_segment(begin, end);
        let (best, begin) = begins
            .iter()
            .map(|&(begin, _)| (cost(begin), begin))
            .min_by(|left, right| left.0.total_cmp(&right.0))
            .unwrap_or((f64::INFINITY, 0));
        for (begin, last_end) in &mut begins {
            // Beginning at `end` will be better, as soon as a segment fits in behind it (theorem 3.1 of the paper).
            if cost(*begin) > best + penalty {
                *last_end = (*last_end).min(end + segment_min - 1);
            }
        }
        least[end] = (best + penalty, begin);
        begins.retain(|&(_, last_end)| last_end > end);
    }
    let mut changes = Vec::new();
    let mut end = series.len();
    while least[end].1 > 0 {
        end = least[end].1;
        changes.push(end);
    }
    changes.reverse();
    Ok(changes)
}

/// Sums of values and squares, from which every segment's cost follows.
struct Costs {
    /// Sum of the values before an index, and of their squares. The values are centred, so that squares lose no digits.
    sums: Vec<(f64, f64)>,
}

impl Costs {
    fn of(series: &[f64]) -> Self {
        let centre = super::mean(series);
        let mut sums = vec![(0.0, 0.0)];
        let (mut sum, mut squares) = (0.0, 0.0);
        for value in series.iter().map(|value| value - centre) {
            sum += value;
            squares += value * value;
            sums.push((sum, squares));
        }
        Self { sums }
    }

    /// The sum of squared distances from the mean.
    fn of_segment(&self, begin: usize, end: usize) -> f64 {
        let sum = self.sums[end].0 - self.sums[begin].0;
        let squares = self.sums[end].1 - self.sums[begin].1;
        (squares - sum * sum / (end - begin) as f64).max(0.0)
    }

    /// What sums of this size lose by rounding, which is no change.
    fn rounding(&self) -> f64 {
        let all = self.sums.len() as f64;
        self.sums.last().map_or(0.0, |&(_, squares)| squares * all * f64::EPSILON)
    }
}

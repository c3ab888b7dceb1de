//! Several hypotheses at once.

use super::{StatisticsError, checked};

/// Holm's step-down adjustment, in the order of `p`: what is at most α afterwards may be rejected, and the probability of
/// rejecting any true hypothesis is at most α, however they depend on each other. S. Holm, "A simple sequentially rejective
/// multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
///
/// # Errors
/// A p that is not from 0 to 1.
pub fn holm(p: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    checked("Holm's adjustment", p, 0)?;
    if let Some(&value) = p.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatisticsError::OutOfRange { parameter: "p", value, range: "from 0 to 1" });
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|left, right| p[*left].total_cmp(&p[*right]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (position, index) in order.into_iter().enumerate() {
        // None is smaller than the one before it.
        largest = largest.max((p.len() - position) as f64 * p[index]).min(1.0);
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

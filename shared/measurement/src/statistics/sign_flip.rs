//! Paired runs, compared without ranks: a cross-check of Wilcoxon's test.

use serde::{Deserialize, Serialize};

use super::random::Random;
use super::{StatisticsError, checked};

/// Up to this many differences all assignments of signs are tried.
const EXACT_MAX: usize = 16;
/// Sums that differ by less than this fraction are equal: they were added up in different orders.
const ROUNDING: f64 = 1e-12;

/// The outcome of [`sign_flip`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SignFlip {
    /// How likely a mean as far from 0 is, on either side, if the differences are symmetric around 0.
    pub p: f64,
    /// Whether all assignments were tried, or random ones.
    pub exact: bool,
}

/// The two-sided paired permutation test of the mean (R. A. Fisher, The Design of Experiments (1935), section 21): if the arms
/// are equal, each difference could as well have the other sign. Up to 16 differences all assignments are tried, beyond that
/// `drawings` random ones, the same for the same `seed`; the observed one counts as one of them, so p is never 0 (Phipson &
/// Smyth, Statistical Applications in Genetics and Molecular Biology 9 (2010)).
///
/// # Errors
/// No differences, or only zeros; values that are not finite.
pub fn sign_flip(differences: &[f64], drawings: usize, seed: u64) -> Result<SignFlip, StatisticsError> {
    let what = "a sign-flip test";
    checked(what, differences, 1)?;
    if differences.iter().all(|value| *value == 0.0) {
        return Err(StatisticsError::AllEqual { what, count: differences.len() });
    }
    let size: f64 = differences.iter().map(|value| value.abs()).sum();
    let observed = differences.iter().sum::<f64>().abs() - ROUNDING * size;
    if differences.len() <= EXACT_MAX {
        let assignments = 1_u32 << differences.len();
        let sum = |signs: u32| -> f64 {
            let signed =
                |(index, value): (usize, &f64)| if signs >> index & 1 == 1 { -value } else { *value };
            differences.iter().enumerate().map(signed).sum()
        };
        let as_far = (0..assignments).filter(|signs| sum(*signs).abs() >= observed).count();
        return Ok(SignFlip { p: as_far as f64 / f64::from(assignments), exact: true });
    }
    let mut random = Random::new(seed);
    let mut sum = || differences.iter().map(|value| if random.coin() { -value } else { *value }).sum::<f64>();
    let as_far = (0..drawings).filter(|_| sum().abs() >= observed).count();
    Ok(SignFlip { p: (as_far + 1) as f64 / (drawings + 1) as f64, exact: false })
}

//! Sums of the binomial distribution, for ranks of order statistics.

use libm::{exp, lgamma, log, log1p, sqrt};

/// Outcomes this many standard deviations below the mean are left out of sums: together they are below 10⁻³⁰.
const DEVIATIONS: f64 = 40.0;

/// The binomial distribution: successes in `trials` trials of `probability`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binomial {
    pub(crate) trials: u64,
    pub(crate) probability: f64,
}

impl Binomial {
    /// P(B = count), through logarithms of factorials: relative error below 10⁻⁶ up to 10⁸ trials.
    fn mass(&self, count: u64) -> f64 {
        let (all, hits) = (self.trials as f64, count as f64);
        let misses = all - hits;
        let ways = lgamma(all + 1.0) - lgamma(hits + 1.0) - lgamma(misses + 1.0);
        exp(ways + hits * log(self.probability) + misses * log1p(-self.probability))
    }

    /// The largest count with P(B < count) ≤ `tail`, and that probability. The sum takes time with the square root of the
    /// trials, so that it needs no approximation.
    pub(crate) fn lower_rank(&self, tail: f64) -> (u64, f64) {
        let mean = self.trials as f64 * self.probability;
        let reach = DEVIATIONS * (1.0 + sqrt(mean * (1.0 - self.probability)));
        let first = (mean - reach).max(0.0) as u64;
        let mut below = 0.0;
        for count in first..=self.trials {
            let with_it = below + self.mass(count);
            if with_it > tail {
                return (count, below);
            }
            below = with_it;
        }
        (self.trials, below)
    }

    /// The distribution of failures.
    pub(crate) fn mirrored(&self) -> Self {
        Self { trials: self.trials, probability: 1.0 - self.probability }
    }
}

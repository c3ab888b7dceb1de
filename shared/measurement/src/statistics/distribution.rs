//! The normal distribution and that of Student. Quantiles are found by bisection: they are needed a few times an interval,
//! and so need no approximation of their own.

use libm::{atan, cos, erfc, sin, sqrt};

/// No quantile of a level that somebody asks for is beyond this.
const FARTHEST: f64 = 1e4;
/// Above this many degrees of freedom Student's quantile differs from the normal one by less than 0.2 %.
const DEGREES_MAX: usize = 1000;

/// P(Z ≤ z) of a standard normal Z.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / core::f64::consts::SQRT_2)
}

/// P(Z > z), exact also where it is tiny.
pub(crate) fn normal_survival(z: f64) -> f64 {
    normal_cdf(-z)
}

/// The z with P(Z ≤ z) = `probability`, which is between 0 and 1.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    quantile(probability, normal_cdf)
}

/// Half the width of a two-sided interval of this level, in standard deviations.
pub(crate) fn normal_two_sided(confidence: f64) -> f64 {
    -normal_quantile((1.0 - confidence) / 2.0)
}

/// P(T ≤ t) of Student's T: Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.
pub(crate) fn student_cdf(t: f64, degrees: usize) -> f64 {
    let theta = atan(t / sqrt(degrees as f64));
    let (sine, cosine) = (sin(theta), cos(theta));
    let first = if degrees % 2 == 1 { 1 } else { 0 };
    // 1 + 2/3 cos² + …, and 1 + 1/2 cos² + …
    let mut term = if first == 1 { cosine } else { 1.0 };
    let mut sum = 0.0;
    for index in (first..degrees.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cosine * cosine * (index + 1) as f64 / (index + 2) as f64;
    }
    let within = if first == 1 { (theta + sine * sum) / core::f64::consts::FRAC_PI_2 } else { sine * sum };
    f64::midpoint(1.0, within)
}

/// Half the width of a two-sided interval of this level, in standard errors.
pub(crate) fn student_two_sided(confidence: f64, degrees: usize) -> f64 {
    if degrees > DEGREES_MAX {
        return normal_two_sided(confidence);
    }
    -quantile((1.0 - confidence) / 2.0, |t| student_cdf(t, degrees))
}

fn quantile(probability: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-FARTHEST, FARTHEST);
    // Until the middle is one of the bounds: no number is left between them.
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if cdf(middle) < probability { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs(), "{value} is not {expected}");
    }

    #[test]
    fn normal_distribution_is_that_of_the_tables() {
        close(normal_cdf(1.0), 0.841_344_746_068_543);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(normal_quantile(0.001), -3.090_232_306_167_813);
        close(normal_survival(10.0), 7.619_853_024_160_527e-24);
    }

    #[test]
    fn student_distribution_is_that_of_the_tables() {
        // R: qt(c(.975), c(1, 2, 9, 14, 100)), qt(.995, 9).
        for (degrees, expected) in [
            (1, 12.706_204_736_174_7),
            (2, 4.302_652_729_749_46),
            (9, 2.262_157_162_798_20),
            (14, 2.144_786_687_917_80),
            (100, 1.983_971_518_523_55),
        ] {
            close(student_two_sided(0.95, degrees), expected);
        }
        close(student_two_sided(0.99, 9), 3.249_835_541_592_14);
        close(student_two_sided(0.95, DEGREES_MAX + 1), normal_two_sided(0.95));
    }
}

//! Noise that is a function of time, so that nothing has to be remembered of a source. Additions and multiplications
//! only: the same on every architecture.

use rand::Rng as _;

use crate::random::{Stream, mix, unit};

/// Smooth noise from -1 to 1: random numbers at the points of a lattice with blends between them (value noise; the
/// blend `3x² − 2x³` is that of K. Perlin, "An image synthesizer", SIGGRAPH 1985). It changes by at most
/// `3 / period_s` a second.
pub(super) fn smooth(key: u64, time_s: f64, period_s: f64) -> f64 {
    let position = time_s / period_s;
    let point = position.floor();
    let beyond = position - point;
    let at = |point: i64| 2.0 * unit(mix(key ^ point as u64)) - 1.0;
    let (before, after) = (at(point as i64), at(point as i64 + 1));
    before + (after - before) * beyond * beyond * (3.0 - 2.0 * beyond)
}

/// Noise of a sensor, about normal with a standard deviation of 1 and never beyond ±3.5: the sum of four even ones
/// (Irwin–Hall).
pub(super) fn sensor(random: &mut Stream) -> f64 {
    /// Of the sum of four even numbers from 0 to 2^16.
    const DEVIATION: f64 = 37_837.23;
    let parts = random.next_u64();
    let sum: u64 = (0..4).map(|part| parts >> (16 * part) & 0xffff).sum();
    (sum as f64 - 2.0 * 65_535.0) / DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{REQUESTS, stream};

    #[test]
    fn smooth_noise_is_bounded_and_has_no_jumps() {
        const STEP_S: f64 = 0.01;
        let values: Vec<_> = (0..100_000).map(|step| smooth(7, f64::from(step) * STEP_S, 5.0)).collect();
        assert!(values.iter().all(|value| (-1.0..=1.0).contains(value)));
        assert!(values.iter().any(|value| *value > 0.8) && values.iter().any(|value| *value < -0.8));
        let steepest = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
        assert!(steepest <= STEP_S * 3.0 / 5.0, "{steepest} in {STEP_S} s");
        assert_ne!(smooth(7, 1.0, 5.0), smooth(8, 1.0, 5.0));
    }

    #[test]
    fn sensor_noise_has_mean_zero_and_deviation_one() {
        const COUNT: usize = 100_000;
        let mut random = stream(1, REQUESTS, 0);
        let values: Vec<_> = (0..COUNT).map(|_| sensor(&mut random)).collect();
        let mean = values.iter().sum::<f64>() / COUNT as f64;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / COUNT as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
        assert!(values.iter().all(|value| value.abs() < 3.5));
    }
}

//! From values to places.

use super::px;

/// Fewer numbers do not tell how an axis goes.
const TICKS_MIN: usize = 3;

/// A scale. Places are user units of the drawing.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Scale {
    is_log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Even steps from `low` to `high`.
    pub(in crate::report) fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { is_log: false, low, high, from, to }
    }

    /// Even factors; both ends above 0.
    pub(in crate::report) fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let high = if high > low { high } else { low * 10.0 };
        Self { is_log: true, low: libm::log10(low), high: libm::log10(high), from, to }
    }

    /// The place of a value; what is outside is put on the edge.
    pub(in crate::report) fn at(&self, value: f64) -> f64 {
        let value = if self.is_log { libm::log10(value.max(f64::MIN_POSITIVE)) } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// Round values, about `wanted` of them.
    pub(in crate::report) fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.is_log { self.log_ticks(wanted) } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let decade = libm::exp10(libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade).find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * decade);
        let first = libm::ceil(self.low / step - 1e-9) as i64;
        let last = libm::floor(self.high / step + 1e-9) as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }

    /// Powers of ten, with 2 and 5 between them where there is room; even steps where that is too few.
    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let (first, last) = (libm::floor(self.low) as i32, libm::ceil(self.high) as i32);
        let is_inside = |value: &f64| {
            let log = libm::log10(*value);
            log >= self.low - 1e-9 && log <= self.high + 1e-9
        };
        let of = |parts: &[f64]| -> Vec<f64> {
            (first..=last)
                .flat_map(|power| parts.iter().map(move |part| part * libm::exp10(f64::from(power))))
                .filter(is_inside)
                .collect()
        };
        let ticks = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]]
            .into_iter()
            .map(of)
            .find(|ticks| ticks.len() <= wanted)
            .unwrap_or_else(|| of(&[1.0]));
        if ticks.len() >= TICKS_MIN {
            return ticks;
        }
        let (low, high) = (libm::exp10(self.low), libm::exp10(self.high));
        Self { is_log: false, low, high, ..*self }.linear_ticks(wanted)
    }
}

/// Points of a line.
pub(super) fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    for (x, y) in points {
        text.push(if text.is_empty() { 'M' } else { 'L' });
        text.push_str(&format!("{} {}", px(x), px(y)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Scale::linear(0.0, 47.0, 0.0, 1.0).ticks(5), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Scale::linear(-0.07, 0.11, 0.0, 1.0).ticks(4), [-0.05, 0.0, 0.05, 0.1]);
        assert_eq!(Scale::log(3600.0, 5200.0, 0.0, 1.0).ticks(4), [4000.0, 4500.0, 5000.0]);
        assert_eq!(Scale::log(900.0, 60_000.0, 0.0, 1.0).ticks(4), [1000.0, 3000.0, 10_000.0, 30_000.0]);
    }

    #[test]
    fn places_are_between_the_ends() {
        let scale = Scale::log(1.0, 100.0, 200.0, 0.0);
        assert_eq!([1.0, 10.0, 100.0, 1e9].map(|value| scale.at(value)), [200.0, 100.0, 0.0, 0.0]);
    }
}

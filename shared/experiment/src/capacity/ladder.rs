//! The rates that a search can try.

use super::STEPS;
use crate::plan::Capacity;

/// From the lowest to the highest rate in equal ratios.
pub(super) struct Ladder {
    from: f64,
    to: f64,
    ratio: f64,
    last: usize,
}

impl Ladder {
    pub(super) fn new(settings: &Capacity) -> Self {
        let ratio = libm::exp(libm::log1p(settings.precision) / STEPS as f64);
        let last = (libm::log(settings.to / settings.from) / libm::log(ratio)).ceil() as usize;
        Self { from: settings.from, to: settings.to, ratio, last: last.max(1) }
    }

    /// The step of the highest rate; the lowest has 0.
    pub(super) fn last(&self) -> usize {
        self.last
    }

    /// Events a second of a step, with five digits or to the tenth, so that a rate is short and reads the same everywhere.
    pub(super) fn rate(&self, step: usize) -> f64 {
        if step >= self.last {
            return self.to;
        }
        let rate = self.from * libm::pow(self.ratio, step as f64);
        let scale = libm::pow(10.0, (4.0 - libm::log10(rate).floor()).max(1.0));
        (rate * scale).round() / scale
    }

    /// The step of a rate.
    pub(super) fn step(&self, rate: f64) -> usize {
        if rate >= self.to {
            return self.last;
        }
        let step = (libm::log(rate / self.from) / libm::log(self.ratio)).round().max(0.0);
        (step as usize).min(self.last - 1)
    }

    /// Steps of a factor of two.
    pub(super) fn doubling(&self) -> usize {
        (libm::log(2.0) / libm::log(self.ratio)).round().max(1.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_a_short_rate_of_its_own_however_fine_the_search_is() {
        let settings = Capacity { from: 0.7, to: 20_000.0, precision: 0.005, confirm: 3 };
        let ladder = Ladder::new(&settings);
        for step in 0..=ladder.last() {
            let rate = ladder.rate(step);
            assert!(rate.to_string().len() <= 7, "{rate}");
            assert_eq!(ladder.step(rate), step, "{rate}");
        }
    }
}

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

    /// Events a second of a step, to the tenth, so that a rate reads the same everywhere.
    pub(super) fn rate(&self, step: usize) -> f64 {
        if step >= self.last {
            return self.to;
        }
        let rate = self.from * libm::pow(self.ratio, step as f64);
        if rate < 100.0 { rate } else { (rate * 10.0).round() / 10.0 }
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

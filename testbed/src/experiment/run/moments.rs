//! When samples were taken, by the clock that the beginning of a load is stamped with.

use experiment::sample::Sample;
use jiff::{SignedDuration, Timestamp};
use measurement::clock::ClockOffset;
use std::time::Instant;

/// The clock of the load, as it was read at one moment, continued by the monotonic clock of this machine: it never steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadClock {
    anchor: Instant,
    anchor_at: Timestamp,
}

impl LoadClock {
    /// One that is `ahead` of this machine's, which shows `now`.
    pub(super) fn ahead_by(ahead: &ClockOffset, now: Timestamp) -> Self {
        let ahead = SignedDuration::from_micros(ahead.offset_us.round() as i64);
        Self { anchor: Instant::now(), anchor_at: now.saturating_add(ahead).unwrap_or(now) }
    }

    /// Samples by the time since the load began, which is known only at its end.
    pub(super) fn since_begin(self, samples: Vec<(Instant, Sample)>, begin: Timestamp) -> Vec<Sample> {
        let anchor_s = self.anchor_at.duration_since(begin).as_secs_f64();
        let at_s = |taken: Instant| anchor_s + taken.duration_since(self.anchor).as_secs_f64();
        samples.into_iter().map(|(taken, sample)| Sample { at_s: at_s(taken), ..sample }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn samples_count_from_the_beginning_by_the_clock_that_stamped_it() {
        let here: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        // That clock is four seconds ahead: it showed 00:00:04 here, and the load began a second later.
        let ahead = ClockOffset { offset_us: 4e6, uncertainty_us: 100.0, round_trips: 20 };
        let clock = LoadClock::ahead_by(&ahead, here);
        let taken = |seconds: u64| (clock.anchor + Duration::from_secs(seconds), Sample::default());
        let begin = "2026-01-01T00:00:05Z".parse().unwrap();
        let samples = clock.since_begin(vec![taken(0), taken(3)], begin);
        let at_s: Vec<f64> = samples.iter().map(|sample| sample.at_s).collect();
        assert_eq!(at_s, [-1.0, 2.0]);
    }
}

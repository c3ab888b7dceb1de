//! Who sends: a population of sources, some of them more often than others.

use std::time::Duration;

use rand::RngExt as _;
use rand_distr::{Distribution as _, Zipf};
use service::config::ConfigError;

use crate::plan::{Popularity, SourcesPlan};
use crate::random::Stream;

/// Draws sources, which are numbered from 1.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    count: u64,
    law: Law,
}

#[derive(Debug, Clone)]
enum Law {
    Uniform,
    Zipf { ranks: Zipf<f64>, shift: Option<Shift> },
}

/// How the ranks move on: after `n` shifts, rank `r` is source `1 + (r − 1 + n · stride) mod count`. The stride has no
/// divisor in common with the count, so that each source is the hottest once before one is again, and is near the
/// golden part of the count, which takes the hot ones far from where they were (D. Knuth, The Art of Computer
/// Programming 3, 6.4).
#[derive(Debug, Clone)]
struct Shift {
    every_ns: u64,
    stride: u64,
}

impl Sources {
    pub(super) fn new(plan: &SourcesPlan) -> Result<Self, ConfigError> {
        let count = plan.count;
        if count == 0 {
            return Err(ConfigError::new("SOURCES", "must be at least 1"));
        }
        let law = match plan.popularity {
            Popularity::Uniform => Law::Uniform,
            Popularity::Zipf { exponent, shift_every_s } => {
                let ranks =
                    Zipf::new(count as f64, exponent).map_err(|error| ConfigError::new("ZIPF", error))?;
                Law::Zipf {
                    ranks,
                    shift: shift_every_s.map(|every_s| Shift::new(every_s, count)).transpose()?,
                }
            }
        };
        Ok(Self { count, law })
    }

    /// The source of an event at `offset` from the start of the run.
    pub(super) fn draw(&self, offset: Duration, random: &mut Stream) -> u64 {
        match &self.law {
            Law::Uniform => random.random_range(1..=self.count),
            Law::Zipf { ranks, shift } => {
                let rank = ranks.sample(random) as u64;
                shift.as_ref().map_or(rank, |shift| shift.source(rank, offset, self.count))
            }
        }
    }
}

impl Shift {
    fn new(every_s: f64, count: u64) -> Result<Self, ConfigError> {
        let every = Duration::try_from_secs_f64(every_s).ok().filter(|every| !every.is_zero());
        let every = every.ok_or_else(|| ConfigError::new("SOURCES", "shift-every must be above 0"))?;
        let golden = ((count as f64 * 0.618_033_988_749_895) as u64).max(1);
        let stride = (1..=golden).rev().find(|stride| divisor(*stride, count) == 1).unwrap_or(1);
        Ok(Self { every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX), stride })
    }

    fn source(&self, rank: u64, offset: Duration, count: u64) -> u64 {
        let shifts = offset.as_nanos() as u64 / self.every_ns % count;
        let moved = u128::from(rank - 1) + u128::from(shifts) * u128::from(self.stride);
        1 + (moved % u128::from(count)) as u64
    }
}

/// The greatest common one (Euclid).
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_source_is_the_hottest_once_in_a_cycle_of_shifts() {
        for count in [1, 2, 3, 10, 97, 1000] {
            let shift = Shift::new(0.5, count).unwrap();
            let hottest = |shifts: u64| shift.source(1, Duration::from_millis(500 * shifts), count);
            let cycle: HashSet<_> = (0..count).map(hottest).collect();
            assert_eq!(cycle, (1..=count).collect(), "of {count}");
            assert_eq!(hottest(count), hottest(0));
        }
    }

    #[test]
    fn ranks_and_sources_correspond_at_every_moment() {
        let shift = Shift::new(1.0, 100).unwrap();
        for second in [0, 1, 57, 1_000_000] {
            let offset = Duration::from_secs(second);
            let sources: HashSet<_> = (1..=100).map(|rank| shift.source(rank, offset, 100)).collect();
            assert_eq!(sources, (1..=100).collect());
        }
    }

    #[test]
    fn hot_sources_move_far() {
        let shift = Shift::new(1.0, 1000).unwrap();
        let hot = |second| (1..=100).map(move |rank| (rank, second));
        let at = |(rank, second)| shift.source(rank, Duration::from_secs(second), 1000);
        let before: HashSet<_> = hot(0).map(at).collect();
        assert!(hot(1).map(at).all(|source| !before.contains(&source)));
        assert_eq!(at((1, 0)), 1);
    }
}

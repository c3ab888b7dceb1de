//! Which processors each part of a local run is kept to, so that the load generator does not take time from what it measures:
//!
//! | processors | simulator and collector | redis | services |
//! |---|---|---|---|
//! | 1 | not kept | not kept | not kept |
//! | 2 | the first | the second | the second |
//! | 3 or more | the first eighth, rounded up | the next one | the others |
//!
//! The simulator says when its processor was not enough; Redis and the services would only be slower.

use crate::processors::ProcessorSet;

/// The parts of a run. None where a part may run on all processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Division {
    pub(super) simulator: Option<ProcessorSet>,
    pub(super) redis: Option<ProcessorSet>,
    pub(super) services: Option<ProcessorSet>,
}

impl Division {
    /// Divides the processors that there are.
    pub(super) fn of(all: &ProcessorSet) -> Self {
        let numbers = all.numbers();
        let (simulator, redis, services) = match numbers.len() {
            0 | 1 => return Self::default(),
            2 => (&numbers[..1], &numbers[1..], &numbers[1..]),
            count => {
                let first = count.div_ceil(8);
                (&numbers[..first], &numbers[first..=first], &numbers[first + 1..])
            }
        };
        Self {
            simulator: ProcessorSet::of(simulator),
            redis: ProcessorSet::of(redis),
            services: ProcessorSet::of(services),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_divided_by_the_table() {
        for (all, simulator, redis, services) in [
            ("0-1", "0", "1", "1"),
            ("4,6,9", "4", "6", "9"),
            ("0-3", "0", "1", "2-3"),
            ("0-8", "0-1", "2", "3-8"),
        ] {
            let division = Division::of(&all.parse().unwrap());
            let set = |text: &str| Some(text.parse().unwrap());
            let expected = Division { simulator: set(simulator), redis: set(redis), services: set(services) };
            assert_eq!(division, expected, "{all}");
        }
        assert_eq!(Division::of(&"3".parse().unwrap()), Division::default());
    }
}

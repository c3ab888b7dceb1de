//! Where runs put the limit, pooled so that the share of sustained runs does not rise with the rate.

use super::Tally;
use std::collections::BTreeMap;

/// Neighbours: the highest step that is sustained, and the lowest that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bracket {
    pub(super) low: Option<usize>,
    pub(super) high: Option<usize>,
}

/// Steps whose runs are taken together.
struct Pool {
    last: usize,
    tally: Tally,
}

/// A step is sustained where more than half of the runs of its pool are.
pub(super) fn bracket(tallies: &BTreeMap<usize, Tally>) -> Bracket {
    let mut pools: Vec<Pool> = Vec::new();
    for (&step, &tally) in tallies {
        let mut pool = Pool { last: step, tally };
        // Two pools of the same share stay apart, so that a tie does not spread.
        while let Some(before) = pools.pop_if(|before| rises(before.tally, pool.tally)) {
            pool.tally.sustained += before.tally.sustained;
            pool.tally.broken += before.tally.broken;
        }
        pools.push(pool);
    }
    let low =
        pools.iter().filter(|pool| pool.tally.sustained > pool.tally.broken).map(|pool| pool.last).max();
    let high = tallies.keys().copied().find(|step| low.is_none_or(|low| *step > low));
    Bracket { low, high }
}

/// Whether the share of sustained runs is higher in the second.
fn rises(first: Tally, second: Tally) -> bool {
    u64::from(second.sustained) * u64::from(first.runs())
        > u64::from(first.sustained) * u64::from(second.runs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bracket_of(runs: &[(usize, u32, u32)]) -> (Option<usize>, Option<usize>) {
        let tallies =
            runs.iter().map(|&(step, sustained, broken)| (step, Tally { sustained, broken })).collect();
        let Bracket { low, high } = bracket(&tallies);
        (low, high)
    }

    #[test]
    fn limit_is_between_neighbours() {
        assert_eq!(bracket_of(&[(0, 1, 0), (10, 1, 0), (20, 0, 1)]), (Some(10), Some(20)));
        assert_eq!(bracket_of(&[(0, 1, 0)]), (Some(0), None));
        assert_eq!(bracket_of(&[(0, 0, 1)]), (None, Some(0)));
        assert_eq!(bracket_of(&[]), (None, None));
    }

    #[test]
    fn run_that_failed_by_chance_is_outvoted_by_higher_rates() {
        assert_eq!(bracket_of(&[(5, 0, 1), (7, 3, 0), (9, 0, 2)]), (Some(7), Some(9)));
    }

    #[test]
    fn run_that_held_by_chance_is_outvoted_by_lower_rates() {
        assert_eq!(bracket_of(&[(5, 3, 0), (7, 0, 3), (9, 1, 0), (11, 0, 1)]), (Some(5), Some(7)));
    }

    #[test]
    fn tie_is_not_sustained() {
        assert_eq!(bracket_of(&[(0, 3, 0), (5, 1, 1), (9, 0, 1)]), (Some(0), Some(5)));
    }
}

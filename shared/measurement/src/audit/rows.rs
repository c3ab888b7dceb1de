//! How many rows a number has against how many it may have, where events were sent twice.

use super::{Duplicate, ObservedRun};
use crate::{Ledger, SequenceSet};

/// What is wrong with the rows of numbers that have any.
pub(super) struct Rows {
    /// Accepted twice, and certain to have one row.
    pub(super) lost: SequenceSet,
    /// At least how many others were accepted twice and have one row.
    pub(super) lost_unnamed: u64,
    /// At least how many rows no sending explains.
    pub(super) duplicated: u64,
    /// How many of them are of numbers that the observation does not name.
    pub(super) duplicated_unnamed: u64,
    /// The numbers that certainly have such rows.
    pub(super) duplicates: Vec<Duplicate>,
    /// Dead-lettered, with more rows than the other sendings explain.
    pub(super) dead_and_present: SequenceSet,
}

impl Rows {
    /// The rows of a number are known where the observation names it, and where it would have named it: it names those
    /// with several rows in ascending order, so that each number below the last named one has one row or is named. Of the
    /// numbers above, the sum of their further rows is known.
    pub(super) fn compare(ledger: &Ledger, observed: &ObservedRun) -> Self {
        let present = &observed.ranges;
        let twice_possible = ledger.first.possible().intersection(&ledger.repeats.possible());
        let twice_accepted = ledger.first.accepted.intersection(&ledger.repeats.accepted);
        // One of two sendings that went to the dead letters may have left the other's row alone.
        let twice_due = twice_accepted.intersection(present).difference(&observed.dead);
        let named: SequenceSet = observed.duplicates.iter().map(|named| named.sequence).collect();
        let (due, above) = split(&twice_due, observed, &named);
        let (_, allowed_above) = split(&twice_possible.intersection(present), observed, &named);
        let allowed = |named: &Duplicate| u64::from(twice_possible.contains(named.sequence));
        let surplus = |named: &Duplicate| named.further_rows().saturating_sub(allowed(named));
        let further_above = observed.duplicates_total.saturating_sub(observed.named_further_rows());
        let dead = observed.dead.intersection(present);
        let duplicated_unnamed = further_above.saturating_sub(allowed_above.len());
        Self {
            lost: due.difference(&named),
            lost_unnamed: above.len().saturating_sub(further_above),
            duplicated: observed.duplicates.iter().map(surplus).sum::<u64>() + duplicated_unnamed,
            duplicated_unnamed,
            duplicates: observed.duplicates.iter().filter(|named| surplus(named) > 0).cloned().collect(),
            dead_and_present: dead.difference(&twice_possible).union(&dead.intersection(&named)),
        }
    }
}

/// Splits numbers into those whose rows are known and those of which only the sum is.
fn split(numbers: &SequenceSet, observed: &ObservedRun, named: &SequenceSet) -> (SequenceSet, SequenceSet) {
    if observed.named_further_rows() == observed.duplicates_total {
        return (numbers.clone(), SequenceSet::new());
    }
    let above = named.last().map_or_else(|| numbers.clone(), |last| numbers.above(last));
    (numbers.difference(&above), above)
}

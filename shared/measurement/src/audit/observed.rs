//! What a receiver holds of a run.

use serde::{Deserialize, Serialize};

use crate::SequenceSet;

/// What the query API holds of a run: the answer of `GET /v1/runs/{runid}/audit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservedRun {
    /// The run.
    pub runid: String,
    /// Rows of the run, repeated and unnumbered ones included.
    pub events: u64,
    /// Different sequence numbers among them.
    pub distinct: u64,
    /// Rows without a sequence number.
    pub unnumbered: u64,
    /// The sequence numbers that are present.
    pub ranges: SequenceSet,
    /// Numbers with more than one row, ascending; only the first 1000.
    pub duplicates: Vec<Duplicate>,
    /// Rows whose number another row had before.
    pub duplicates_total: u64,
    /// Numbers that went to the dead-letter stream.
    pub dead: SequenceSet,
    /// Whether the answer covers the whole run.
    pub complete: bool,
    /// Why the answer does not cover the whole run.
    pub reason: Option<String>,
}

/// A sequence number that has more than one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The number.
    pub sequence: u64,
    /// The positions of its rows. That of the row which came first is left out where finding it would take too long.
    pub positions: Vec<String>,
}

impl Duplicate {
    /// At least how many rows the number has beside its first.
    pub(super) fn further_rows(&self) -> u64 {
        (self.positions.len() as u64).max(2) - 1
    }
}

impl ObservedRun {
    /// Where an observation contradicts itself it cannot vouch for a run.
    pub(super) fn inconsistencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        let Self { events, distinct, unnumbered, duplicates_total, .. } = *self;
        let in_ranges = self.ranges.len();
        if distinct != in_ranges {
            found.push(format!("distinct is {distinct}, the ranges hold {in_ranges}"));
        }
        let named = self.named_further_rows();
        if named > duplicates_total {
            found.push(format!("{named} duplicates are named, duplicates_total is {duplicates_total}"));
        }
        if !self.duplicates.is_sorted_by(|one, next| one.sequence < next.sequence) {
            found.push("the duplicates are not in ascending order".to_owned());
        }
        if let Some(absent) = self.duplicates.iter().find(|named| !self.ranges.contains(named.sequence)) {
            found.push(format!("{} is named as a duplicate and not in the ranges", absent.sequence));
        }
        match events.checked_sub(distinct).and_then(|rest| rest.checked_sub(unnumbered)) {
            None => found.push(format!(
                "{events} rows are fewer than {distinct} distinct and {unnumbered} unnumbered"
            )),
            Some(repeated) if repeated != duplicates_total => {
                found
                    .push(format!("{repeated} rows repeat a number, duplicates_total is {duplicates_total}"));
            }
            Some(_) => {}
        }
        found
    }

    pub(super) fn incomplete(&self) -> Option<String> {
        let reason = || self.reason.clone().unwrap_or_else(|| "the observation names no reason".to_owned());
        (!self.complete).then(reason)
    }

    /// Rows whose number another row had before, of the numbers that are named.
    pub(super) fn named_further_rows(&self) -> u64 {
        self.duplicates.iter().map(Duplicate::further_rows).sum()
    }
}

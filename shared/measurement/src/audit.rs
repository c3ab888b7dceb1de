//! Compares a ledger with what can be queried: every accepted event exactly once, nothing that was not sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ledger, SequenceSet};

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
    /// Numbers with more than one row; only the first 1000.
    pub duplicates: Vec<Duplicate>,
    /// How many numbers have more than one row.
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
    /// The positions of its rows.
    pub positions: Vec<String>,
}

/// What an audit concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Every accepted event is there once (or dead-lettered), and nothing else is there.
    Pass,
    /// Something is lost, repeated, present without having been sent, or counted inconsistently.
    Fail,
    /// Nothing wrong is proven, but the observation does not cover the whole run.
    Inconclusive,
}

/// The result of [`audit`]: counts for people, sets for finding the culprit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// The conclusion.
    pub outcome: AuditOutcome,
    /// Events that the sender sent.
    pub sent: u64,
    /// Events that the receiver confirmed.
    pub accepted: u64,
    /// Events that the receiver refused.
    pub refused: u64,
    /// Events without a reliable answer.
    pub unknown: u64,
    /// Events that the sender planned and did not send.
    pub unsent: u64,
    /// Numbers that can be queried.
    pub queryable: u64,
    /// Unknown events that turned out to be present.
    pub unknown_present: u64,
    /// Accepted events that are neither present nor dead-lettered.
    pub lost: SequenceSet,
    /// How many numbers have more than one row.
    pub duplicated: u64,
    /// The numbers with more than one row that the observation names, with their positions.
    pub duplicates: Vec<Duplicate>,
    /// Present or dead-lettered, although the sender never sent them.
    pub phantom_never_sent: SequenceSet,
    /// Present or dead-lettered, although the receiver refused them.
    pub phantom_refused: SequenceSet,
    /// Rows of the run without a sequence number, which the sender cannot have sent.
    pub phantom_unnumbered: u64,
    /// Events that the pipeline gave up, all accounted for.
    pub dead_lettered: SequenceSet,
    /// Dead-lettered and present at once: an event must end in one of the two.
    pub dead_and_present: SequenceSet,
    /// Counts of the observation that contradict its own sets.
    pub inconsistencies: Vec<String>,
    /// Why the observation does not cover the whole run; none where it does.
    pub incomplete: Option<String>,
}

/// Compares what a sender knows with what a receiver holds. The ledger must pass [`Ledger::check`].
///
/// An incomplete observation can prove a repeated or an unsent event, but never a loss.
pub fn audit(ledger: &Ledger, observed: &ObservedRun) -> AuditVerdict {
    let present = &observed.ranges;
    let reached = present.union(&observed.dead);
    let incomplete = (!observed.complete)
        .then(|| observed.reason.clone().unwrap_or_else(|| "the observation names no reason".to_owned()));
    let mut verdict = AuditVerdict {
        outcome: AuditOutcome::Pass,
        sent: ledger.sent.len(),
        accepted: ledger.accepted.len(),
        refused: ledger.refused.len(),
        unknown: ledger.unknown.len(),
        unsent: ledger.unsent.len(),
        queryable: present.len(),
        unknown_present: ledger.unknown.intersection(present).len(),
        lost: ledger.accepted.difference(&reached),
        duplicated: observed.duplicates_total,
        duplicates: observed.duplicates.clone(),
        phantom_never_sent: reached.difference(&ledger.sent),
        phantom_refused: reached.intersection(&ledger.refused),
        phantom_unnumbered: observed.unnumbered,
        dead_lettered: observed.dead.clone(),
        dead_and_present: observed.dead.intersection(present),
        inconsistencies: inconsistencies(observed),
        incomplete,
    };
    verdict.outcome = verdict.conclude();
    verdict
}

/// Where an observation contradicts itself it cannot vouch for a run.
fn inconsistencies(observed: &ObservedRun) -> Vec<String> {
    let mut found = Vec::new();
    let ObservedRun { events, distinct, unnumbered, duplicates_total, .. } = *observed;
    let in_ranges = observed.ranges.len();
    if distinct != in_ranges {
        found.push(format!("distinct is {distinct}, the ranges hold {in_ranges}"));
    }
    let named = observed.duplicates.len() as u64;
    if named > duplicates_total {
        found.push(format!("{named} duplicates are named, duplicates_total is {duplicates_total}"));
    }
    match events.checked_sub(distinct).and_then(|rest| rest.checked_sub(unnumbered)) {
        None => found
            .push(format!("{events} rows are fewer than {distinct} distinct and {unnumbered} unnumbered")),
        Some(repeated) if repeated < duplicates_total || (repeated > 0 && duplicates_total == 0) => {
            found.push(format!("{repeated} rows repeat a number, duplicates_total is {duplicates_total}"));
        }
        Some(_) => {}
    }
    found
}

impl AuditVerdict {
    /// Whether the audit passed.
    pub fn passed(&self) -> bool {
        self.outcome == AuditOutcome::Pass
    }

    /// How many events are present or dead-lettered that should be neither.
    pub fn phantoms(&self) -> u64 {
        self.phantom_never_sent.len() + self.phantom_refused.len() + self.phantom_unnumbered
    }

    fn conclude(&self) -> AuditOutcome {
        let proven = self.duplicated > 0
            || self.phantoms() > 0
            || !self.dead_and_present.is_empty()
            || !self.inconsistencies.is_empty();
        match (proven, &self.incomplete) {
            (true, _) => AuditOutcome::Fail,
            (false, Some(_)) => AuditOutcome::Inconclusive,
            (false, None) if self.lost.is_empty() => AuditOutcome::Pass,
            (false, None) => AuditOutcome::Fail,
        }
    }
}

/// One line with the counts that matter, those that should be zero and are left out where they are.
impl fmt::Display for AuditVerdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, accepted, queryable, duplicated, .. } = self;
        let lost = self.lost.len();
        write!(
            formatter,
            "{sent} sent, {accepted} accepted, {queryable} queryable, {lost} lost, {duplicated} duplicated"
        )?;
        let others = [
            (self.refused, "refused"),
            (self.unknown, "unknown"),
            (self.unknown_present, "of them present"),
            (self.unsent, "unsent"),
            (self.dead_lettered.len(), "dead-lettered"),
            (self.phantoms(), "phantom"),
            (self.dead_and_present.len(), "dead-lettered and present"),
        ];
        for (count, name) in others.into_iter().filter(|(count, _)| *count > 0) {
            write!(formatter, ", {count} {name}")?;
        }
        for inconsistency in &self.inconsistencies {
            write!(formatter, "; inconsistent: {inconsistency}")?;
        }
        match &self.incomplete {
            Some(reason) => write!(formatter, "; incomplete: {reason}"),
            None => Ok(()),
        }
    }
}

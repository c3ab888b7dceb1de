//! Compares a ledger with what can be queried: every accepted sending exactly once, nothing that was not sent.

mod observed;
mod rows;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Fates, Ledger, SequenceSet};
pub use observed::{Duplicate, ObservedRun};
use rows::Rows;

/// What an audit concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Every accepted event is there as often as it was accepted (or dead-lettered), and nothing else is there.
    Pass,
    /// Something is lost, duplicated, present without having been sent, or counted inconsistently.
    Fail,
    /// Nothing wrong is proven, but what was compared is not the whole run, or not this run alone.
    Inconclusive,
}

/// The result of [`audit`]: counts for people, sets for finding the culprit.
///
/// The pipeline stores every sending that it accepts, so an event that was deliberately sent twice has two rows. An
/// observation names only the first numbers with several rows; of the others it tells how many rows they have together,
/// which proves a loss or a duplicate only where one does not hide the other.
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
    /// Deliberate second sendings, which none of the five counts above includes.
    pub repeats: RepeatCounts,
    /// Numbers that can be queried.
    pub queryable: u64,
    /// Numbers that can be queried though no sending of them was confirmed, only unknown ones.
    pub unknown_present: u64,
    /// Accepted events of which there is no row, and that are not dead-lettered.
    pub lost: SequenceSet,
    /// Events that were accepted twice and have one row, as far as their numbers are known.
    pub lost_repeats: SequenceSet,
    /// At least how many events were accepted twice and have one row.
    pub lost_repeats_total: u64,
    /// At least how many rows there are beyond those that a sending can have caused.
    pub duplicated: u64,
    /// How many of them are of numbers that the observation does not name.
    pub duplicated_unnamed: u64,
    /// The numbers with such rows that the observation names, with the positions of all their rows.
    pub duplicates: Vec<Duplicate>,
    /// Present or dead-lettered, although the sender never sent them.
    pub phantom_never_sent: SequenceSet,
    /// Present or dead-lettered, although the receiver refused them.
    pub phantom_refused: SequenceSet,
    /// Rows of the run without a sequence number, which the sender cannot have sent.
    pub phantom_unnumbered: u64,
    /// Events that the pipeline gave up, all accounted for.
    pub dead_lettered: SequenceSet,
    /// Dead-lettered and present at once, though sent once: an event must end in one of the two.
    pub dead_and_present: SequenceSet,
    /// Counts of the observation that contradict its own sets.
    pub inconsistencies: Vec<String>,
    /// Why the observation does not cover the whole run; none where it does.
    pub incomplete: Option<String>,
    /// Why the ledger is not that of the whole run, or the rows are not of this run alone. Then what looks wrong may be
    /// right, and the other way round.
    pub doubts: Vec<String>,
}

/// Deliberate second sendings of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatCounts {
    /// Events that the sender sent again.
    pub sent: u64,
    /// Those that the receiver confirmed again.
    pub accepted: u64,
    /// Those that it refused.
    pub refused: u64,
    /// Those without a reliable answer.
    pub unknown: u64,
    /// Those that were planned and not sent.
    pub unsent: u64,
    /// Rows that a second sending explains: second rows, and the rows of events whose first sending came to nothing.
    pub queryable: u64,
}

/// Compares what a sender knows with what a receiver holds. The ledger must pass [`Ledger::check`].
///
/// An incomplete observation can prove a duplicated or an unsent event, but never a loss.
pub fn audit(ledger: &Ledger, observed: &ObservedRun) -> AuditVerdict {
    let Fates { accepted, refused, unknown, unsent } = &ledger.first;
    let present = &observed.ranges;
    let reached = present.union(&observed.dead);
    let confirmed = ledger.accepted();
    let possible = ledger.first.possible().union(&ledger.repeats.possible());
    let sent = ledger.first.sent().union(&ledger.repeats.sent());
    let rows = Rows::compare(ledger, observed);
    let mut verdict = AuditVerdict {
        outcome: AuditOutcome::Pass,
        sent: ledger.first.sent_len(),
        accepted: accepted.len(),
        refused: refused.len(),
        unknown: unknown.len(),
        unsent: unsent.len(),
        repeats: repeat_counts(ledger, observed, &rows),
        queryable: present.len(),
        unknown_present: possible.difference(&confirmed).intersection_len(present),
        lost: confirmed.difference(&reached),
        lost_repeats_total: rows.lost.len() + rows.lost_unnamed,
        lost_repeats: rows.lost,
        duplicated: rows.duplicated,
        duplicated_unnamed: rows.duplicated_unnamed,
        duplicates: rows.duplicates,
        phantom_never_sent: reached.difference(&sent),
        phantom_refused: reached.intersection(&sent).difference(&possible),
        phantom_unnumbered: observed.unnumbered,
        dead_lettered: observed.dead.clone(),
        dead_and_present: rows.dead_and_present,
        inconsistencies: observed.inconsistencies(),
        incomplete: observed.incomplete(),
        doubts: Vec::new(),
    };
    verdict.outcome = verdict.conclude();
    verdict
}

fn repeat_counts(ledger: &Ledger, observed: &ObservedRun, rows: &Rows) -> RepeatCounts {
    let Fates { accepted, refused, unknown, unsent } = &ledger.repeats;
    let only_repeat = ledger.repeats.possible().difference(&ledger.first.possible());
    RepeatCounts {
        sent: ledger.repeats.sent_len(),
        accepted: accepted.len(),
        refused: refused.len(),
        unknown: unknown.len(),
        unsent: unsent.len(),
        queryable: observed.duplicates_total.saturating_sub(rows.duplicated)
            + only_repeat.intersection_len(&observed.ranges),
    }
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

    /// At least how many accepted sendings left nothing behind, counted as one where both sendings of an event did.
    pub fn lost_total(&self) -> u64 {
        self.lost.len() + self.lost_repeats_total
    }

    /// Adds a reason why ledger and observation cannot be compared with each other. The audit is then inconclusive,
    /// whatever it found.
    #[must_use]
    pub fn doubted(mut self, reason: impl Into<String>) -> Self {
        self.doubts.push(reason.into());
        self.outcome = self.conclude();
        self
    }

    fn conclude(&self) -> AuditOutcome {
        let proven = self.duplicated > 0
            || self.phantoms() > 0
            || !self.dead_and_present.is_empty()
            || !self.inconsistencies.is_empty();
        match (proven, &self.incomplete) {
            _ if !self.doubts.is_empty() => AuditOutcome::Inconclusive,
            (true, _) => AuditOutcome::Fail,
            (false, Some(_)) => AuditOutcome::Inconclusive,
            (false, None) if self.lost_total() == 0 => AuditOutcome::Pass,
            (false, None) => AuditOutcome::Fail,
        }
    }
}

/// One line with the counts that matter, those that should be zero and are left out where they are.
impl fmt::Display for AuditVerdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, accepted, queryable, duplicated, repeats, .. } = self;
        let lost = self.lost_total();
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
        if repeats.sent + repeats.unsent > 0 {
            write!(formatter, "; {repeats}")?;
        }
        for inconsistency in &self.inconsistencies {
            write!(formatter, "; inconsistent: {inconsistency}")?;
        }
        if let Some(reason) = &self.incomplete {
            write!(formatter, "; incomplete: {reason}")?;
        }
        if self.doubts.is_empty() { Ok(()) } else { formatter.write_str("; doubtful") }
    }
}

impl fmt::Display for RepeatCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, accepted, queryable, .. } = self;
        write!(
            formatter,
            "{sent} sent twice on purpose, {accepted} accepted twice, {queryable} queryable twice"
        )?;
        let others = [(self.refused, "refused"), (self.unknown, "unknown"), (self.unsent, "unsent")];
        others
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, name)| write!(formatter, ", {count} {name}"))
    }
}

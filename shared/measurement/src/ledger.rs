//! What a sender knows of a run: which events it sent, by sequence number, and what the answer to each was.

mod file;

use serde::{Deserialize, Serialize};

use crate::SequenceSet;
pub use file::{LEDGER_VERSION, LedgerFile, LedgerFileError};

/// What became of every event of a run, as its sender saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Of the first sending of each event.
    pub first: Fates,
    /// Of a deliberate second sending of the same event, with the same id, source and sequence number. There is no
    /// third one.
    #[serde(default, skip_serializing_if = "Fates::is_empty")]
    pub repeats: Fates,
}

/// What became of sequence numbers. Each is in one set at most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fates {
    /// Confirmed by the receiver: each must be queryable.
    pub accepted: SequenceSet,
    /// Refused by the receiver, or never on the wire: none may be queryable.
    pub refused: SequenceSet,
    /// No answer, or none that can be relied on: each may be queryable or not.
    pub unknown: SequenceSet,
    /// Planned and given up before a connection had it: none may be queryable.
    pub unsent: SequenceSet,
}

/// A ledger that contradicts itself, or another one of the same run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LedgerError {
    /// Numbers have two fates.
    #[error("ledger contradicts itself: {first} and {second} both hold {numbers}")]
    TwoFates {
        /// One of the sets.
        first: &'static str,
        /// The other set.
        second: &'static str,
        /// The numbers in both.
        numbers: SequenceSet,
    },
}

impl LedgerError {
    /// A bounded name of the kind of error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TwoFates { .. } => "ledger-two-fates",
        }
    }
}

impl Ledger {
    /// Checks that no sending has two fates.
    ///
    /// # Errors
    /// Names the sets and the numbers that contradict each other.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.first.check(&FIRST_NAMES)?;
        self.repeats.check(&REPEAT_NAMES)
    }

    /// Adds what another part of the same run says: a lane, a shard, or what was recorded since the last time. Parts may
    /// agree on a number.
    ///
    /// # Errors
    /// Numbers that have another fate there, or two; this ledger is then as it was.
    pub fn merge(&mut self, part: &Self) -> Result<(), LedgerError> {
        part.check()?;
        self.first.check_against(&part.first, &FIRST_NAMES)?;
        self.repeats.check_against(&part.repeats, &REPEAT_NAMES)?;
        self.first.add(&part.first);
        self.repeats.add(&part.repeats);
        Ok(())
    }

    /// Brings the sets into their smallest form, worth it before a ledger is kept or written.
    pub fn optimize(&mut self) {
        self.first.optimize();
        self.repeats.optimize();
    }

    /// About how many bytes of memory the ledger takes, without what the allocator adds.
    pub fn memory_bytes(&self) -> u64 {
        let sets = self.first.sets().into_iter().chain(self.repeats.sets());
        sets.map(SequenceSet::memory_bytes).sum()
    }

    /// Numbers that the receiver confirmed at least once.
    pub(crate) fn accepted(&self) -> SequenceSet {
        self.first.accepted.union(&self.repeats.accepted)
    }
}

impl Fates {
    /// Numbers that were handed to a connection, or refused because there was none.
    pub fn sent(&self) -> SequenceSet {
        let mut sent = self.accepted.clone();
        sent.insert_all(&self.refused);
        sent.insert_all(&self.unknown);
        sent
    }

    /// How many numbers were sent.
    pub fn sent_len(&self) -> u64 {
        self.accepted.len() + self.refused.len() + self.unknown.len()
    }

    /// Whether no number has a fate.
    pub fn is_empty(&self) -> bool {
        self.sets().into_iter().all(SequenceSet::is_empty)
    }

    /// Numbers that the receiver has or may have.
    pub(crate) fn possible(&self) -> SequenceSet {
        self.accepted.union(&self.unknown)
    }

    fn sets(&self) -> [&SequenceSet; 4] {
        [&self.accepted, &self.refused, &self.unknown, &self.unsent]
    }

    fn sets_mut(&mut self) -> [&mut SequenceSet; 4] {
        [&mut self.accepted, &mut self.refused, &mut self.unknown, &mut self.unsent]
    }

    fn check(&self, names: &[&'static str; 4]) -> Result<(), LedgerError> {
        self.check_against(self, names)
    }

    /// Looks for numbers that have one fate here and another one there. Takes no memory unless it finds some.
    fn check_against(&self, other: &Self, names: &[&'static str; 4]) -> Result<(), LedgerError> {
        for (first_name, first) in names.iter().zip(self.sets()) {
            for (second_name, second) in names.iter().zip(other.sets()) {
                if first_name != second_name && !first.is_disjoint(second) {
                    let numbers = first.intersection(second);
                    return Err(LedgerError::TwoFates { first: first_name, second: second_name, numbers });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, other: &Self) {
        for (set, other) in self.sets_mut().into_iter().zip(other.sets()) {
            set.insert_all(other);
        }
    }

    fn optimize(&mut self) {
        self.sets_mut().into_iter().for_each(SequenceSet::optimize);
    }
}

const FIRST_NAMES: [&str; 4] = ["accepted", "refused", "unknown", "unsent"];
const REPEAT_NAMES: [&str; 4] = ["accepted repeats", "refused repeats", "unknown repeats", "unsent repeats"];

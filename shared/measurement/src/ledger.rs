//! What a sender knows of a run: which sequence numbers it sent and what the answer to each was.

use serde::{Deserialize, Serialize};

use crate::{AuditVerdict, ObservedRun, SequenceSet, audit};

/// The version that [`LedgerFile::new`] writes and [`LedgerFile::check`] takes.
pub const LEDGER_VERSION: u32 = 1;

/// The fate of every sequence number of a run, as its sender saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Handed to a connection, or refused because there was none: accepted, refused and unknown together.
    pub sent: SequenceSet,
    /// Confirmed by the receiver: each must be queryable exactly once.
    pub accepted: SequenceSet,
    /// Refused by the receiver, or never on the wire: none may be queryable.
    pub refused: SequenceSet,
    /// No answer, or none that can be relied on: each may be queryable once, or not at all.
    pub unknown: SequenceSet,
    /// Planned and given up before a connection had it: none may be queryable.
    #[serde(default)]
    pub unsent: SequenceSet,
}

/// A ledger that contradicts itself or does not belong to what it is compared with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LedgerError {
    /// The file was written by a version of the format that this one does not know.
    #[error("ledger has version {found}, this program reads version {LEDGER_VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The observation is of another run.
    #[error("ledger is of run {ledger}, what was observed is of run {observed}")]
    OtherRun {
        /// The run id of the ledger.
        ledger: String,
        /// The run id of the observation.
        observed: String,
    },
    /// A number was sent and has no fate, or has a fate and was not sent.
    #[error("ledger does not balance: sent differs from accepted, refused and unknown in {numbers}")]
    Unbalanced {
        /// The numbers concerned.
        numbers: SequenceSet,
    },
    /// A number has two fates.
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
            Self::Version { .. } => "ledger-version",
            Self::OtherRun { .. } => "ledger-other-run",
            Self::Unbalanced { .. } => "ledger-unbalanced",
            Self::TwoFates { .. } => "ledger-two-fates",
        }
    }
}

impl Ledger {
    /// Checks that every number that was sent has exactly one fate and that no other number has one.
    ///
    /// # Errors
    /// Names the sets and the numbers that contradict each other.
    pub fn check(&self) -> Result<(), LedgerError> {
        let fates = [
            ("accepted", &self.accepted),
            ("refused", &self.refused),
            ("unknown", &self.unknown),
            ("unsent", &self.unsent),
        ];
        for (index, (first, set)) in fates.iter().enumerate() {
            for (second, other) in &fates[index + 1..] {
                let numbers = set.intersection(other);
                if !numbers.is_empty() {
                    return Err(LedgerError::TwoFates { first, second, numbers });
                }
            }
        }
        let settled = self.accepted.union(&self.refused).union(&self.unknown);
        let numbers = self.sent.difference(&settled).union(&settled.difference(&self.sent));
        if numbers.is_empty() { Ok(()) } else { Err(LedgerError::Unbalanced { numbers }) }
    }
}

/// The file `ledger.json` of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerFile {
    /// Version of this format.
    pub version: u32,
    /// The run, as the `runid` attribute of its events.
    pub runid: String,
    /// The fates of its sequence numbers.
    pub ledger: Ledger,
}

impl LedgerFile {
    /// A file of the current version.
    pub fn new(runid: impl Into<String>, ledger: Ledger) -> Self {
        Self { version: LEDGER_VERSION, runid: runid.into(), ledger }
    }

    /// Checks the version and [`Ledger::check`].
    ///
    /// # Errors
    /// An unknown version, or a ledger that contradicts itself.
    pub fn check(&self) -> Result<(), LedgerError> {
        if self.version != LEDGER_VERSION {
            return Err(LedgerError::Version { found: self.version });
        }
        self.ledger.check()
    }

    /// Compares the ledger with what the receiver holds of the same run.
    ///
    /// # Errors
    /// A ledger that fails [`LedgerFile::check`], or an observation of another run.
    pub fn audit(&self, observed: &ObservedRun) -> Result<AuditVerdict, LedgerError> {
        self.check()?;
        if self.runid != observed.runid {
            return Err(LedgerError::OtherRun {
                ledger: self.runid.clone(),
                observed: observed.runid.clone(),
            });
        }
        Ok(audit(&self.ledger, observed))
    }
}

//! The file `ledger.json`.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Ledger, LedgerError};
use crate::{AuditVerdict, ObservedRun, audit};

/// The version of the format that this program writes and reads.
pub const LEDGER_VERSION: u32 = 2;

/// The ledger of a run, or of a shard of it, with what is needed to tell it from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerFile {
    /// [`LEDGER_VERSION`]. The first member, so that files of other versions are told as such.
    #[serde(deserialize_with = "known_version")]
    version: u32,
    /// The run, as the `runid` attribute of its events.
    pub runid: String,
    /// When the run began, by the sender's clock; RFC 3339.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Shards of the run whose ledgers are not in this one, as `2 of 4`; shards count from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<String>,
    /// What became of its events.
    pub ledger: Ledger,
}

/// A ledger that is not of the run that it is compared with, or contradicts itself.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LedgerFileError {
    /// The other side is of another run.
    #[error("ledger is of run {ledger}, not of {other}")]
    OtherRun {
        /// The run id of the ledger.
        ledger: String,
        /// The run id of the other side.
        other: String,
    },
    /// It contradicts itself, or another part of the run.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl LedgerFile {
    /// A file of the current version.
    pub fn new(runid: impl Into<String>, started_at: Timestamp, ended_at: Timestamp, ledger: Ledger) -> Self {
        Self {
            version: LEDGER_VERSION,
            runid: runid.into(),
            started_at,
            ended_at,
            missing_shards: Vec::new(),
            ledger,
        }
    }

    /// Writes the file piece by piece: a ledger of bitmaps is never in memory as text.
    ///
    /// # Errors
    /// What `writer` says.
    pub fn write(&self, writer: impl io::Write) -> io::Result<()> {
        let mut writer = io::BufWriter::new(writer);
        serde_json::to_writer(&mut writer, self)?;
        io::Write::flush(&mut writer)
    }

    /// Adds the ledger of another shard of the same run.
    ///
    /// # Errors
    /// A shard of another run, or one that contradicts this one.
    pub fn merge(&mut self, shard: &Self) -> Result<(), LedgerFileError> {
        self.must_be_of(&shard.runid)?;
        self.ledger.merge(&shard.ledger)?;
        self.started_at = self.started_at.min(shard.started_at);
        self.ended_at = self.ended_at.max(shard.ended_at);
        Ok(())
    }

    /// Compares the ledger with what the receiver holds of the same run. Where shards are missing, the verdict is
    /// doubted.
    ///
    /// # Errors
    /// A ledger that contradicts itself, or an observation of another run.
    pub fn audit(&self, observed: &ObservedRun) -> Result<AuditVerdict, LedgerFileError> {
        self.must_be_of(&observed.runid)?;
        self.ledger.check()?;
        let verdict = audit(&self.ledger, observed);
        let missing = self.missing_shards.iter();
        Ok(missing
            .fold(verdict, |verdict, shard| verdict.doubted(format!("ledger of shard {shard} is not there"))))
    }

    fn must_be_of(&self, runid: &str) -> Result<(), LedgerFileError> {
        if self.runid == runid {
            return Ok(());
        }
        Err(LedgerFileError::OtherRun { ledger: self.runid.clone(), other: runid.to_owned() })
    }
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == LEDGER_VERSION {
        return Ok(version);
    }
    Err(serde::de::Error::custom(format!(
        "ledger has version {version}, this program reads version {LEDGER_VERSION}; use the program that wrote it"
    )))
}

//! Reading a bundle, whether a directory or an archive.

use super::{
    BUNDLE_VERSION, BundleError, HEAD_FILE, Head, Journal, ORDER_FILE, Order, PLAN_FILE, RECORD_FILE, RUNS,
    SOURCE_FILE, TRACES, archive, sums,
};
use crate::plan::{PLAN_VERSION, Plan};
use crate::record::{RECORD_VERSION, RunRecord};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A bundle that was read.
#[derive(Debug)]
pub struct Bundle {
    directory: PathBuf,
    pub head: Head,
    pub plan: Plan,
    /// The plan as it was written.
    pub source: String,
    pub order: Order,
    /// SHA-256 of each trace that it has a copy of, by its path in [`TRACES`].
    pub traces: BTreeMap<String, String>,
    pub journal: Journal,
    /// Every attempt that left a record, by number and attempt.
    pub runs: Vec<StoredRun>,
    /// Whether its checksums were there and right; without them it is unfinished, and nothing vouches for it.
    pub is_sealed: bool,
    /// Keeps what an archive was unpacked to.
    _unpacked: Option<TempDir>,
}

/// A run in a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    pub record: RunRecord,
    /// Where its files are.
    pub directory: PathBuf,
}

impl Bundle {
    /// Reads a bundle and compares it with its checksums. An archive is unpacked into the system's directory for temporary files.
    ///
    /// # Errors
    /// What is no bundle, of a version that cannot be read, changed after it was written, or damaged.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        if path.is_file() {
            let unpacked = TempDir::new().map_err(BundleError::io(path))?;
            let directory = archive::unpack(path, unpacked.path())?;
            return Self::read(&directory, Some(unpacked));
        }
        Self::read(path, None)
    }

    fn read(directory: &Path, unpacked: Option<TempDir>) -> Result<Self, BundleError> {
        let head = head(directory)?;
        let is_sealed = sums::verify(directory)?;
        let source_path = directory.join(SOURCE_FILE);
        let traces = directory.join(TRACES);
        Ok(Self {
            head,
            plan: versioned(&directory.join(PLAN_FILE), "plan", PLAN_VERSION)?,
            source: fs::read_to_string(&source_path).map_err(BundleError::io(&source_path))?,
            order: json(&directory.join(ORDER_FILE))?,
            traces: if traces.is_dir() { sums::of(&traces)? } else { BTreeMap::new() },
            journal: Journal::read(directory)?,
            runs: runs(directory)?,
            is_sealed,
            directory: directory.to_owned(),
            _unpacked: unpacked,
        })
    }

    /// Where it is; of an archive, where it was unpacked to, until this value is dropped.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All records, by number and attempt.
    #[must_use]
    pub fn records(&self) -> Vec<RunRecord> {
        self.runs.iter().map(|run| run.record.clone()).collect()
    }
}

/// `bundle.json`, once its version is known to be readable.
fn head(directory: &Path) -> Result<Head, BundleError> {
    let path = directory.join(HEAD_FILE);
    let not_there = |error: &BundleError| {
        matches!(error, BundleError::Io { error, .. }
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    };
    let value: serde_json::Value = match json(&path) {
        Err(error) if not_there(&error) => {
            return Err(BundleError::NotABundle { path: directory.to_owned() });
        }
        read => read?,
    };
    let Some(found) = value["version"].as_u64() else {
        return Err(BundleError::malformed(&path, "it has no version"));
    };
    let current = u64::from(BUNDLE_VERSION);
    if found != current {
        let made_by = value["testbed"].as_str().unwrap_or("an unknown testbed");
        let why = if found > current {
            format!(
                "newer than {current}, which this testbed reads: use the one that made it, {made_by}, or a later one"
            )
        } else {
            format!(
                "older than {current}: nothing was released that writes it, so nothing migrates it; it was made by {made_by}"
            )
        };
        return Err(BundleError::Version { path: directory.to_owned(), found, why });
    }
    serde_json::from_value(value).map_err(|error| BundleError::malformed(&path, error))
}

/// The records of all runs that are whole.
pub(super) fn runs(directory: &Path) -> Result<Vec<StoredRun>, BundleError> {
    let parent = directory.join(RUNS);
    let mut runs = Vec::new();
    for entry in fs::read_dir(&parent).map_err(BundleError::io(&parent))? {
        let entry = entry.map_err(BundleError::io(&parent))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let record: RunRecord = versioned(&entry.path().join(RECORD_FILE), "record", RECORD_VERSION)?;
        runs.push(StoredRun { record, directory: entry.path() });
    }
    runs.sort_by_key(|run| (run.record.number, run.record.attempt));
    Ok(runs)
}

/// A file once its version is known to be readable: another one may have other members.
fn versioned<T: DeserializeOwned>(path: &Path, what: &str, version: u32) -> Result<T, BundleError> {
    let value: serde_json::Value = json(path)?;
    match value["version"].as_u64() {
        Some(found) if found == u64::from(version) => {
            serde_json::from_value(value).map_err(|error| BundleError::malformed(path, error))
        }
        Some(found) => {
            let message = format!("{what} version {found}, and this testbed reads {version}");
            Err(BundleError::malformed(path, message))
        }
        None => Err(BundleError::malformed(path, "it has no version")),
    }
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, BundleError> {
    let text = fs::read_to_string(path).map_err(BundleError::io(path))?;
    serde_json::from_str(&text).map_err(|error| BundleError::malformed(path, error))
}

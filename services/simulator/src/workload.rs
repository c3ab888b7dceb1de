//! The workload file: what a run sends and when, as a person writes it. Whatever is wrong with it is shown where it
//! stands.

mod file;
mod phases;
mod tagged;

use std::path::Path;

use schemars::Schema;
use toml_file::{Fault, FileError, TomlFile};

pub use file::{Arrivals, BatchRange, BatchValue, ObservedTable, PayloadValue, PopularityName, WorkloadFile};
pub use phases::PhaseOverrides;

/// A workload file that was read.
#[derive(Debug)]
pub struct Workload {
    source: TomlFile,
    file: WorkloadFile,
}

impl Workload {
    /// Reads a file. That its values go together is checked when a plan is made of it.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has keys or values that a workload does not have.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::of(TomlFile::read(path)?)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Workload::read`].
    pub fn parse(path: &Path, text: String) -> Result<Self, FileError> {
        Self::of(TomlFile::new(path, text))
    }

    fn of(source: TomlFile) -> Result<Self, FileError> {
        let file = source.parse(tagged::tag_variants)?;
        Ok(Self { source, file })
    }

    /// What it says.
    pub fn file(&self) -> &WorkloadFile {
        &self.file
    }

    /// What the paths in it are relative to.
    pub(crate) fn directory(&self) -> &Path {
        self.source.directory()
    }

    /// An error that is shown at its place.
    pub(crate) fn error(&self, fault: Fault) -> FileError {
        self.source.error(fault)
    }
}

/// The JSON schema (draft 2020-12) of a workload file.
pub fn schema() -> Schema {
    toml_file::schema::<WorkloadFile>()
}

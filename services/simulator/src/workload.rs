//! The workload file: what a run sends and when, as a person writes it. Whatever is wrong with it is shown where it
//! stands.

mod file;
mod located;
mod phases;
mod seconds;
mod tagged;

use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use serde::Deserialize as _;
use toml::de::{DeTable, Deserializer};

pub use file::{Arrivals, BatchRange, BatchValue, ObservedTable, PayloadValue, PopularityName, WorkloadFile};
pub use located::Located;
pub use phases::PhaseOverrides;
pub use seconds::Seconds;

/// A workload file that was read.
#[derive(Debug)]
pub struct Workload {
    path: PathBuf,
    text: String,
    file: WorkloadFile,
}

/// A workload file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", path.display(), place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
pub struct WorkloadError {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1; none where the file cannot be read.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong, and with which bytes of the file.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }
}

impl Workload {
    /// Reads a file. That its values go together is checked when a plan is made of it.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has keys or values that a workload does not have.
    pub fn read(path: &Path) -> Result<Self, WorkloadError> {
        let text = std::fs::read_to_string(path).map_err(|error| WorkloadError {
            path: path.to_owned(),
            place: None,
            message: format!("cannot be read: {error}"),
        })?;
        Self::parse(path, text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Workload::read`].
    pub fn parse(path: &Path, text: String) -> Result<Self, WorkloadError> {
        match parsed(&text) {
            Ok(file) => Ok(Self { path: path.to_owned(), text, file }),
            Err(fault) => Err(error(path, &text, fault)),
        }
    }

    /// What it says.
    pub fn file(&self) -> &WorkloadFile {
        &self.file
    }

    /// What the paths in it are relative to.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// An error that is shown at its place.
    pub(crate) fn error(&self, fault: Fault) -> WorkloadError {
        error(&self.path, &self.text, fault)
    }
}

/// The JSON schema (draft 2020-12) of a workload file.
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<WorkloadFile>();
    // TOML has no null: what is optional is left out.
    RecursiveTransform(without_null).transform(&mut schema);
    schema
}

fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(serde_json::Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(serde_json::Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option != &serde_json::json!({ "type": "null" }));
        if let [serde_json::Value::Object(only)] = options.as_mut_slice() {
            let only = std::mem::take(only);
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

fn parsed(text: &str) -> Result<WorkloadFile, Fault> {
    let whole = 0..text.len().min(1);
    let fault = |error: toml::de::Error| Fault {
        span: error.span().unwrap_or(whole.clone()),
        message: in_words(error.message()),
    };
    let mut table = DeTable::parse(text).map_err(fault)?;
    tagged::tag_variants(table.get_mut())?;
    WorkloadFile::deserialize(Deserializer::from(table)).map_err(fault)
}

/// What serde says, in the words of a workload instead of those of Rust.
fn in_words(message: &str) -> String {
    let words = [
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
        ("expected usize", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected f64", "expected a number"),
    ];
    words.iter().fold(message.to_owned(), |message, (from, to)| message.replace(from, to))
}

fn error(path: &Path, text: &str, fault: Fault) -> WorkloadError {
    let before = text.get(..fault.span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    WorkloadError { path: path.to_owned(), place: Some((line, column)), message: fault.message }
}

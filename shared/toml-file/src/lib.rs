//! TOML files that people write: whatever is wrong with one is shown where it stands, and editors get a schema.

mod located;
mod schema;
mod seconds;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, Deserializer};

pub use located::Located;
pub use schema::schema;
pub use seconds::Seconds;

/// The text of a file, and where it is.
#[derive(Debug, Clone)]
pub struct TomlFile {
    path: PathBuf,
    text: String,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", path.display(), place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1; none where the file cannot be read.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong, and with which bytes of the file.
#[derive(Debug)]
pub struct Fault {
    pub span: Range<usize>,
    pub message: String,
}

impl Fault {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }
}

impl TomlFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|error| FileError {
            path: path.to_owned(),
            place: None,
            message: format!("cannot be read: {error}"),
        })?;
        Ok(Self::new(path, text))
    }

    /// A file whose text is known.
    pub fn new(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the paths in it are relative to.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// What it says. `prepare` may rewrite values that serde would read without their places.
    ///
    /// # Errors
    /// Text that is no TOML, or has keys or values that `T` does not have.
    pub fn parse<T: DeserializeOwned>(
        &self,
        prepare: impl FnOnce(&mut DeTable<'_>) -> Result<(), Fault>,
    ) -> Result<T, FileError> {
        parsed(&self.text, prepare).map_err(|fault| self.error(fault))
    }

    /// An error that is shown at its place.
    pub fn error(&self, fault: Fault) -> FileError {
        let before = self.text.get(..fault.span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FileError { path: self.path.clone(), place: Some((line, column)), message: fault.message }
    }
}

fn parsed<T: DeserializeOwned>(
    text: &str,
    prepare: impl FnOnce(&mut DeTable<'_>) -> Result<(), Fault>,
) -> Result<T, Fault> {
    let whole = 0..text.len().min(1);
    let fault = |error: toml::de::Error| Fault {
        span: error.span().unwrap_or(whole.clone()),
        message: in_words(error.message()),
    };
    let mut table = DeTable::parse(text).map_err(fault)?;
    prepare(table.get_mut())?;
    T::deserialize(Deserializer::from(table)).map_err(fault)
}

/// What serde says, in the words of a file instead of those of Rust.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        rate: Located<u64>,
    }

    fn message(text: &str) -> String {
        let file = TomlFile::new(Path::new("a.toml"), text.to_owned());
        file.parse::<Settings>(|_| Ok(())).unwrap_err().to_string()
    }

    #[test]
    fn faults_are_shown_where_they_stand() {
        assert_eq!(
            message("\nrate = \"x\""),
            "a.toml:2:8: invalid type: string \"x\", expected a whole number"
        );
        assert!(message("rate = 1\nrat = 2").starts_with("a.toml:2:1: unknown key `rat`"));
        assert!(message("rate = ").starts_with("a.toml:1:"));
    }

    #[test]
    fn values_know_their_place() {
        let file = TomlFile::new(Path::new("a.toml"), "rate = 12".to_owned());
        let settings: Settings = file.parse(|_| Ok(())).unwrap();
        assert_eq!((*settings.rate, settings.rate.span()), (12, 7..9));
        let error = file.error(Fault::new(settings.rate.span(), "too much"));
        assert_eq!(error.to_string(), "a.toml:1:8: too much");
    }

    #[test]
    fn file_that_is_not_there_is_named() {
        let error = TomlFile::read(Path::new("/nonexistent/a.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/a.toml: cannot be read"), "{error}");
    }
}

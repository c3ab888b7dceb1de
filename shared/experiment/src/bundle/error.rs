//! Why a bundle cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    // Not `source`: whoever prints the chain would print it twice.
    #[error("{}: {error}{}", path.display(), advice(error))]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is no bundle: it has no bundle.json; give a directory that `testbed experiment run` made, or its archive", path.display())]
    NotABundle { path: PathBuf },
    #[error("{} has the bundle format {found}, {why}", path.display())]
    Version { path: PathBuf, found: u64, why: String },
    /// A file that is not what it must be.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed { path: PathBuf, line: Option<usize>, message: String },
    /// Files are not those that were measured.
    #[error("{} was changed after it was written: {}; get the original, as nothing that is in it can be trusted", path.display(), faults.join(", "))]
    Tampered { path: PathBuf, faults: Vec<String> },
    #[error("{} is there already: give another directory, or go on with it by `testbed experiment resume`", path.display())]
    Exists { path: PathBuf },
    #[error("{} is in use by another testbed: wait for it, or stop it", path.display())]
    InUse { path: PathBuf },
    #[error("{} cannot be unpacked: {message}; give a bundle's directory, or get its archive again", path.display())]
    Archive { path: PathBuf, message: String },
}

impl BundleError {
    /// For `map_err`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    pub(super) fn malformed(path: &Path, message: impl ToString) -> Self {
        Self::Malformed { path: path.to_owned(), line: None, message: message.to_string() }
    }
}

/// What to do about an error that comes from outside.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": give a directory that this user may write, or change its rights"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": make room there, or give another directory"
        }
        _ => "",
    }
}

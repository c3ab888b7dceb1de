//! Why the cache could not do what it was asked for.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::cursor::CursorError;

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The statement ran past its deadline and was interrupted.
    #[error("the query took longer than its deadline")]
    Deadline,
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Another process writes this cache.
    #[error("{path} is in use by another process")]
    InUse { path: PathBuf },
    /// There is no cache of this version at the path yet.
    #[error("no cache at {path} yet")]
    Missing { path: PathBuf },
    /// The file's contents contradict themselves: it must be rebuilt.
    #[error("the cache is corrupt: {0}")]
    Corrupt(String),
    #[error("cannot use {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl CacheError {
    /// A bounded name for `error.type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline-exceeded",
            Self::Cursor(_) => "invalid-cursor",
            Self::InUse { .. } => "in-use",
            Self::Missing { .. } => "missing",
            Self::Corrupt(_) => "corrupt",
            Self::File { .. } => "file",
            Self::Sqlite(_) => "sqlite",
        }
    }
}

impl From<rusqlite::Error> for CacheError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::Deadline,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

//! Opening a cache for writing, and rebuilding what is not one.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::checkpoints::Checkpoints;
use super::{State, WriterOptions};
use crate::error::CacheError;
use crate::schema::{self, Content};

/// A checkpoint waits this long for readers before it gives up; the writer's queue grows meanwhile.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Linux draws it when it starts (proc(5)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file beside the cache that says that it has a writer.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing the file alone would not do while a process that is just being started has a copy of it.
    fn drop(&mut self) {
        self.0.unlock().unwrap_or_default();
    }
}

/// Locks a cache.
pub(super) fn lock(path: &Path) -> Result<Lock, CacheError> {
    let mut lock = path.as_os_str().to_owned();
    lock.push("-lock");
    let on_error = |source| CacheError::File { path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(on_error)?;
    }
    let file = File::create(&lock).map_err(on_error)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(CacheError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(on_error(error)),
    }
}

pub(super) fn open_or_rebuild(
    path: &Path,
    options: &WriterOptions,
    checkpoints: &Checkpoints,
) -> Result<(Connection, State), CacheError> {
    let opened = open(path, options, checkpoints).and_then(|(connection, content)| match content {
        Content::Other { version } => {
            Err(CacheError::Corrupt(format!("its version is {version}, not {}", schema::VERSION)))
        }
        Content::Cache | Content::Empty => Ok((State::load(&connection)?, connection)),
    });
    let reason = match opened {
        Ok((state, connection)) => return Ok((connection, state)),
        Err(CacheError::Corrupt(reason)) => reason,
        Err(error) => return Err(error),
    };
    tracing::warn!(path = %path.display(), reason, "the cache cannot be used, it is built again");
    delete(path)?;
    let (connection, _) = open(path, options, checkpoints)?;
    let state = State::load(&connection)?;
    Ok((connection, state))
}

pub(super) fn delete(path: &Path) -> Result<(), CacheError> {
    for file in schema::files(path) {
        match std::fs::remove_file(&file) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(CacheError::File { path: file, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn open(
    path: &Path,
    options: &WriterOptions,
    checkpoints: &Checkpoints,
) -> Result<(Connection, Content), CacheError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let content = schema::content(&connection)?;
    if let Content::Other { .. } = content {
        return Ok((connection, content));
    }
    let boot = std::fs::read_to_string(BOOT_ID).ok();
    let boot = boot.as_deref().map(str::trim);
    if content == Content::Cache && schema::boot(&connection)?.as_deref() != boot {
        return Err(CacheError::Corrupt("its machine has been started again since".to_owned()));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What the kernel has outlives the process. Only where the kernel stops can the file be damaged, and then it is not used.
    let synchronous = if boot.is_some() { "OFF" } else { "NORMAL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    checkpoints.attach(&mut connection)?;
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -((options.page_cache_bytes / 1024).max(64) as i64))?;
    connection.set_prepared_statement_cache_capacity(64);
    if content == Content::Empty {
        let transaction = connection.transaction()?;
        schema::create(&transaction, boot)?;
        transaction.commit()?;
    }
    Ok((connection, content))
}

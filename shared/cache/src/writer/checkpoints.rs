//! Checkpoints, which move the write-ahead log into the file, and how long they take.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::error::CacheError;

/// Pages in the write-ahead log before they are moved into the file, as SQLite would by itself: 3.9 MiB. Events wait
/// meanwhile, the longer the more pages there are; sixteen times as many store no more events a second.
const PAGES_MAX: c_int = 1000;

/// How long checkpoints have taken since they were asked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(Arc<Mutex<Option<Duration>>>);

impl Checkpoints {
    /// Does what SQLite does by itself after a commit that leaves this many pages in the log, only measured.
    pub(super) fn attach(&self, connection: &mut Connection) -> Result<(), CacheError> {
        let checkpoints = self.clone();
        connection.wal_hook(Some(move |wal: &mut Wal, pages: c_int| {
            if pages >= PAGES_MAX {
                // The commit stands whatever comes of this, and the next one tries again.
                let result = checkpoints.measure(|| wal.checkpoint());
                if let Err(error) = result {
                    tracing::debug!(%error, "no checkpoint now");
                }
            }
            Ok(())
        }))?;
        Ok(())
    }

    pub(super) fn measure<T>(&self, checkpoint: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = checkpoint();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default() += started.elapsed();
        result
    }

    pub(super) fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

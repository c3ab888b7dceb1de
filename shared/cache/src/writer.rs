//! The one connection that writes.

mod batch;
mod checkpoints;
mod entries;
mod names;
mod open;
mod rollups;
mod runs;
mod source_keys;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use events::EntryId;
use rusqlite::{Connection, TransactionBehavior};

use crate::entry::StoredEntry;
use crate::error::CacheError;
use crate::schema::{self, Bounds, FollowPosition, Followed};
use batch::Batch;
use checkpoints::Checkpoints;
use names::Names;
use source_keys::Tail;

/// Truncating a write-ahead log waits for readers, so it is not tried more often.
const TRUNCATE_INTERVAL: Duration = Duration::from_secs(1);

/// How a cache is written.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Memory for pages of the file.
    pub page_cache_bytes: u64,
    /// A write-ahead log larger than this is truncated as soon as no reader needs it.
    pub wal_bytes_max: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { page_cache_bytes: 16 << 20, wal_bytes_max: 128 << 20 }
    }
}

/// The writer of a cache; there is one per file, which a lock ensures.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    options: WriterOptions,
    checkpoints: Checkpoints,
    state: State,
    /// A failed transaction may have left names in the state that the file does not have.
    state_is_stale: bool,
    last_truncation: Instant,
    /// Held while the writer lives.
    _lock: open::Lock,
}

/// What one call of [`Writer::store`] did, in events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreReport {
    pub inserted: u64,
    /// Already there.
    pub duplicates: u64,
    /// Dead-lettered and not known as such before.
    pub dead: u64,
}

/// Sizes of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Stored events.
    pub rows: u64,
    /// Size of the database file, bytes.
    pub file_bytes: u64,
    /// Size of the write-ahead log, bytes.
    pub wal_bytes: u64,
    /// Unix microseconds.
    pub last_accepted_us: Option<i64>,
}

/// What the writer knows of the file without asking it.
#[derive(Debug, Default)]
struct State {
    names: Names,
    /// Number of the last entry that arrived.
    entries: i64,
    bounds: Bounds,
    tail: Tail,
}

impl Writer {
    /// Opens the cache at `path`, makes it where there is none, and makes it anew where the file is of
    /// another version or damaged.
    ///
    /// # Errors
    /// [`CacheError::InUse`] where another process writes it; files that cannot be made.
    pub fn open(path: &Path, options: WriterOptions) -> Result<Self, CacheError> {
        let lock = open::lock(path)?;
        let checkpoints = Checkpoints::default();
        let (connection, state) = open::open_or_rebuild(path, &options, &checkpoints)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            options,
            checkpoints,
            state,
            state_is_stale: false,
            last_truncation: Instant::now(),
            _lock: lock,
        })
    }

    /// Stores entries and how far `results` has been followed, in one transaction. Events that the cache
    /// holds already are left as they are.
    ///
    /// # Errors
    /// After an error nothing of the call is stored.
    pub fn store(
        &mut self,
        entries: &[StoredEntry<'_>],
        follow: &[Followed],
    ) -> Result<StoreReport, CacheError> {
        if self.state_is_stale {
            self.reload()?;
        }
        let result = self.try_store(entries, follow);
        if let Err(error) = &result {
            // Names of the failed transaction are in the state and not in the file.
            self.state_is_stale = true;
            if let Err(second) = self.reload() {
                tracing::debug!(%error, %second, "the state of the cache cannot be read, it is read again later");
            }
        }
        result
    }

    /// How long the checkpoints after the last transaction took, where there were any; they are part of the time of
    /// [`Writer::store`].
    pub fn take_checkpoint(&mut self) -> Option<Duration> {
        self.checkpoints.take()
    }

    /// Notes that results up to `through` were gone before they could be read. Only the furthest gap is kept.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn record_gap(&mut self, partition: u8, through: EntryId) -> Result<(), CacheError> {
        self.connection.execute(
            "INSERT INTO follow (partition, ms, seq, entries, gap_ms, gap_seq) VALUES (?1, 0, 0, 0, ?2, ?3)
             ON CONFLICT (partition) DO UPDATE SET gap_ms = ?2, gap_seq = ?3
             WHERE gap_ms IS NULL OR (gap_ms, gap_seq) < (?2, ?3)",
            (partition, through.ms as i64, through.seq as i64),
        )?;
        Ok(())
    }

    /// # Errors
    /// What SQLite says.
    pub fn follow_positions(&self) -> Result<Vec<FollowPosition>, CacheError> {
        schema::follow_positions(&self.connection)
    }

    pub fn stats(&self) -> CacheStats {
        let [file_bytes, wal_bytes, _] = schema::files(&self.path).map(|path| size(&path));
        let Bounds { rows, accepted_us, .. } = self.state.bounds;
        CacheStats { rows, file_bytes, wal_bytes, last_accepted_us: accepted_us.map(|(_, last)| last) }
    }

    /// Moves the write-ahead log into the file, so that the next start need not read it.
    ///
    /// # Errors
    /// What SQLite says; nothing is lost then either.
    pub fn close(self) -> Result<(), CacheError> {
        self.truncate_wal()
    }

    /// Deletes the cache: what to do after [`CacheError::Corrupt`]. Open it again for an empty one.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn discard(self) -> Result<(), CacheError> {
        let Self { connection, path, .. } = self;
        // The connection is of no use any more, whatever closing it says.
        drop(connection);
        open::delete(&path)
    }

    fn try_store(
        &mut self,
        entries: &[StoredEntry<'_>],
        follow: &[Followed],
    ) -> Result<StoreReport, CacheError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut batch = Batch::new(&transaction, &mut self.state)?;
        for entry in entries {
            batch.store(entry)?;
        }
        let report = batch.finish()?;
        for followed in follow {
            save_position(&transaction, followed)?;
        }
        transaction.commit()?;
        self.bound_wal();
        Ok(report)
    }

    fn reload(&mut self) -> Result<(), CacheError> {
        self.state = State::load(&self.connection)?;
        self.state_is_stale = false;
        Ok(())
    }

    /// What was committed stays so, whatever comes of this: the next transaction tries again.
    fn bound_wal(&mut self) {
        let [_, wal, _] = schema::files(&self.path);
        if self.last_truncation.elapsed() < TRUNCATE_INTERVAL || size(&wal) <= self.options.wal_bytes_max {
            return;
        }
        self.last_truncation = Instant::now();
        if let Err(error) = self.checkpoints.measure(|| self.truncate_wal()) {
            tracing::debug!(%error, "the write-ahead log cannot be truncated now");
        }
    }

    /// As far as no reader is in the way.
    fn truncate_wal(&self) -> Result<(), CacheError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl State {
    fn load(connection: &Connection) -> Result<Self, CacheError> {
        // Every entry has a first or a later block of bodies.
        let entries =
            connection.query_row("SELECT coalesce(max(id) >> 5, 0) FROM body", [], |row| row.get(0))?;
        Ok(Self {
            names: Names::default(),
            entries,
            bounds: Bounds::load(connection)?,
            tail: Tail::load(connection)?,
        })
    }
}

fn save_position(connection: &Connection, followed: &Followed) -> Result<(), CacheError> {
    let Followed { partition, position, entries } = followed;
    let mut statement = connection.prepare_cached(
        "INSERT INTO follow (partition, ms, seq, entries) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (partition) DO UPDATE SET ms = ?2, seq = ?3, entries = ?4",
    )?;
    statement.execute((partition, position.ms as i64, position.seq as i64, *entries as i64))?;
    Ok(())
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

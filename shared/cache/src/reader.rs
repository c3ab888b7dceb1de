//! Read-only connections: each read sees one state of the cache and ends by its deadline.

mod audit;
mod event;
mod keys;
mod page;
mod sources;
mod summary;

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction};

use crate::error::CacheError;
use crate::schema::{self, Bounds, Content, FollowPosition};

pub use audit::{RunAudit, RunDuplicate};
pub use event::EventRow;
pub use page::{EventFilter, EventPage};
pub use sources::{SourcePage, SourceRow};
pub use summary::{Summary, SummaryBy, SummaryGroup, SummaryRange};

/// Instructions of SQLite's machine between two looks at the clock: some 10 µs.
const INSTRUCTIONS_PER_CHECK: i32 = 1000;

/// How long a statement waits while the writer recovers or truncates its log.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// How a cache is read.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Memory for pages of the file, per reader.
    pub page_cache_bytes: u64,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { page_cache_bytes: 8 << 20 }
    }
}

/// A read-only connection to a cache, used by one thread at a time.
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: (u64, u64),
    opened: Instant,
    /// Nanoseconds after `opened`.
    deadline_ns: Arc<AtomicU64>,
    workers: RefCell<HashMap<u32, Worker>>,
}

/// The state of a cache at one moment. Keep it for short: the write-ahead log grows meanwhile.
pub struct Snapshot<'r> {
    transaction: Transaction<'r>,
    deadline: Instant,
    bounds: Bounds,
    workers: &'r RefCell<HashMap<u32, Worker>>,
}

#[derive(Clone)]
struct Worker {
    name: Arc<str>,
    arch: Arc<str>,
}

impl Reader {
    /// Opens the cache that a writer has made.
    ///
    /// # Errors
    /// [`CacheError::Missing`] where there is no file or no cache of this version in it yet.
    pub fn open(path: &Path, options: &ReaderOptions) -> Result<Self, CacheError> {
        let missing = || CacheError::Missing { path: path.to_owned() };
        let file = identity(path).ok_or_else(missing)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        if schema::content(&connection)? != Content::Cache {
            return Err(missing());
        }
        connection.pragma_update(None, "query_only", true)?;
        // A negative size is in KiB.
        connection.pragma_update(None, "cache_size", -((options.page_cache_bytes / 1024).max(64) as i64))?;
        connection.set_prepared_statement_cache_capacity(64);
        let (opened, deadline_ns) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
        let deadline = Arc::clone(&deadline_ns);
        let is_over = move || opened.elapsed().as_nanos() as u64 > deadline.load(Ordering::Relaxed);
        connection.progress_handler(INSTRUCTIONS_PER_CHECK, Some(is_over))?;
        Ok(Self { connection, path: path.to_owned(), file, opened, deadline_ns, workers: RefCell::default() })
    }

    /// Whether the path now leads to another file: the cache was rebuilt, open it again.
    pub fn is_stale(&self) -> bool {
        identity(&self.path) != Some(self.file)
    }

    /// Begins to read. All reads of the snapshot must be done by `deadline`.
    ///
    /// # Errors
    /// [`CacheError::Deadline`] where it has passed already; what SQLite says.
    pub fn snapshot(&mut self, deadline: Instant) -> Result<Snapshot<'_>, CacheError> {
        let deadline_ns = deadline.saturating_duration_since(self.opened).as_nanos() as u64;
        self.deadline_ns.store(deadline_ns, Ordering::Relaxed);
        let transaction = self.connection.transaction()?;
        let bounds = Bounds::load(&transaction)?;
        let snapshot = Snapshot { transaction, deadline, bounds, workers: &self.workers };
        snapshot.check_deadline()?;
        Ok(snapshot)
    }
}

impl Snapshot<'_> {
    /// Number of stored events.
    pub fn rows(&self) -> u64 {
        self.bounds.rows
    }

    /// When the newest event was accepted, unix microseconds.
    pub fn last_accepted_us(&self) -> Option<i64> {
        self.bounds.accepted_us.map(|(_, last)| last)
    }

    /// # Errors
    /// The deadline, or what SQLite says; so for all reads.
    pub fn follow_positions(&self) -> Result<Vec<FollowPosition>, CacheError> {
        schema::follow_positions(&self.transaction)
    }

    /// SQLite counts its instructions per statement: loops over short ones look at the clock themselves.
    fn check_deadline(&self) -> Result<(), CacheError> {
        if Instant::now() > self.deadline { Err(CacheError::Deadline) } else { Ok(()) }
    }

    /// The id of an interned name.
    fn id(&self, table: &str, name: &str) -> Result<Option<u32>, CacheError> {
        let sql = format!("SELECT id FROM {table} WHERE name = ?");
        let mut statement = self.transaction.prepare_cached(&sql)?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// An interned name.
    fn name(&self, table: &str, id: u32) -> Result<String, CacheError> {
        let sql = format!("SELECT name FROM {table} WHERE id = ?");
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let name = statement.query_row([id], |row| row.get(0)).optional()?;
        name.ok_or_else(|| CacheError::Corrupt(format!("no {table} {id}")))
    }

    fn worker(&self, id: u32) -> Result<Worker, CacheError> {
        if let Some(worker) = self.workers.borrow().get(&id) {
            return Ok(worker.clone());
        }
        let text = self.name("worker", id)?;
        let (name, arch) = text.rsplit_once('\n').unwrap_or((&text, ""));
        let worker = Worker { name: name.into(), arch: arch.into() };
        // Bounded by the number of workers that ever wrote to this cache.
        self.workers.borrow_mut().insert(id, worker.clone());
        Ok(worker)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

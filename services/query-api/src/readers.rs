//! A bounded number of read-only connections, and the deadline of each query.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache::{CacheError, CacheStats, Reader, ReaderOptions, Snapshot};
use observability::Outage;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use crate::config::Config;
use crate::error::ApiError;

/// The readers of the cache; connections are opened when they are first needed. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Inner>);

struct Inner {
    path: PathBuf,
    options: ReaderOptions,
    deadline: Duration,
    /// One for each connection that may be in use.
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Reader>>,
    outage: Outage,
}

impl Readers {
    pub(crate) fn new(config: &Config) -> Self {
        Self(Arc::new(Inner {
            path: config.cache_path.clone(),
            options: config.reader_options(),
            deadline: config.query_deadline,
            permits: Arc::new(Semaphore::new(usize::from(config.readers))),
            idle: Mutex::default(),
            outage: Outage::new("reading the cache"),
        }))
    }

    /// Runs a query on one state of the cache. Waiting for a reader counts towards the deadline.
    ///
    /// # Errors
    /// What the query gives, the deadline, or that there is no cache yet.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let deadline = Instant::now() + self.0.deadline;
        let permit = timeout_at(deadline.into(), Arc::clone(&self.0.permits).acquire_owned());
        // The semaphore is never closed.
        let permit = permit.await.map_err(|_| ApiError::Deadline)?.map_err(|_| ApiError::Internal)?;
        let inner = Arc::clone(&self.0);
        let reading = spawn_blocking(move || {
            let answer = inner.read(deadline, query);
            drop(permit);
            answer
        });
        reading.await.unwrap_or(Err(ApiError::Internal))
    }

    /// Whether the cache is there; opens it.
    pub(crate) async fn is_open(&self) -> bool {
        self.read(|_| Ok(())).await.is_ok()
    }

    /// Sizes of the cache's files.
    pub(crate) fn stats(&self, snapshot: &Snapshot<'_>) -> CacheStats {
        CacheStats {
            rows: snapshot.rows(),
            file_bytes: size(&self.0.path),
            wal_bytes: size(&with_suffix(&self.0.path, "-wal")),
            last_accepted_us: snapshot.last_accepted_us(),
        }
    }
}

impl Inner {
    fn read<T>(
        &self,
        deadline: Instant,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, CacheError>,
    ) -> Result<T, ApiError> {
        let answer = self.reader().and_then(|mut reader| {
            let answer = reader.snapshot(deadline).and_then(|snapshot| query(&snapshot));
            self.idle().push(reader);
            answer
        });
        match &answer {
            Ok(_) => self.outage.recovered(),
            Err(CacheError::Deadline | CacheError::Cursor(_) | CacheError::Missing { .. }) => {}
            Err(error) => self.outage.failed(error),
        }
        answer.map_err(ApiError::from)
    }

    fn reader(&self) -> Result<Reader, CacheError> {
        let idle = self.idle().pop().filter(|reader| !reader.is_stale());
        idle.map_or_else(|| Reader::open(&self.path, &self.options), Ok)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

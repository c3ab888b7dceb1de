//! The one writer of the cache: a thread of its own, for all partitions.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cache::{
    Attributes, CacheError, EventState, StoreReport, StoredEntry, StoredEvent, Writer, WriterOptions,
};
use observability::Outage;
use service::build::ARCH;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::STAGE_QUEUE;
use crate::config::Config;
use crate::process::{Processed, ProcessedEntry};
use crate::settle::Stored;
use crate::telemetry::Instruments;
use crate::trace::BatchTrace;

/// How often the gauges of the cache are read.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// A batch to be stored in one transaction.
pub(crate) struct StoreRequest {
    pub(crate) partition: u8,
    pub(crate) entries: Vec<ProcessedEntry>,
    pub(crate) trace: BatchTrace,
    pub(crate) reply: mpsc::Sender<Stored>,
}

/// The running writer.
pub(crate) struct Store {
    requests: mpsc::Sender<StoreRequest>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens the cache.
    ///
    /// # Errors
    /// A file that cannot be opened or made.
    pub(crate) fn start(config: &Config, instruments: &Instruments) -> anyhow::Result<Self> {
        let mut cache = Cache {
            path: config.cache_path.clone(),
            page_cache_bytes: config.cache_page_bytes,
            writer: None,
        };
        cache.writer()?;
        let (requests, received) = mpsc::channel(STAGE_QUEUE);
        let (worker, instruments) = (config.common.instance.clone(), instruments.clone());
        let storing = Storing { cache, worker, instruments, outage: Outage::new("cache") };
        let thread =
            std::thread::Builder::new().name("cache".to_owned()).spawn(move || storing.run(received))?;
        Ok(Self { requests, thread })
    }

    pub(crate) fn sender(&self) -> mpsc::Sender<StoreRequest> {
        self.requests.clone()
    }

    /// Waits until everything is stored; all other senders must be gone. False where the thread has panicked.
    pub(crate) async fn finish(self) -> bool {
        drop(self.requests);
        spawn_blocking(move || self.thread.join().is_ok()).await.unwrap_or(false)
    }
}

struct Storing {
    cache: Cache,
    worker: String,
    instruments: Instruments,
    outage: Outage,
}

impl Storing {
    fn run(mut self, mut requests: mpsc::Receiver<StoreRequest>) {
        let mut gauges_due = Instant::now();
        self.update_gauges();
        while let Some(mut request) = requests.blocking_recv() {
            let is_stored = self.store(&mut request);
            let StoreRequest { entries, trace, reply, .. } = request;
            // The settling stage ends after this one.
            drop(reply.blocking_send(Stored { entries, trace, is_stored }));
            // Also when nothing more comes: the gauges stay as they are then.
            if requests.is_empty() || gauges_due <= Instant::now() {
                gauges_due = Instant::now() + GAUGE_INTERVAL;
                self.update_gauges();
            }
        }
    }

    /// Where the transaction fails, none of the batch is stored.
    fn store(&mut self, request: &mut StoreRequest) -> bool {
        let mut span = request.trace.commit(&request.entries);
        let started = Instant::now();
        let entries: Vec<_> = request
            .entries
            .iter()
            .filter_map(|entry| stored_entry(entry, request.partition, &self.worker))
            .collect();
        match self.cache.store(&entries) {
            Ok(report) => {
                self.outage.recovered();
                let checkpoint = self.cache.writer.as_mut().and_then(Writer::take_checkpoint);
                self.instruments.committed(started.elapsed(), checkpoint);
                self.instruments.events_duplicate.add(report.duplicates);
                true
            }
            Err(error) => {
                self.outage.failed(&error);
                span.fail("cache");
                request.trace.fail("cache");
                false
            }
        }
    }

    fn update_gauges(&self) {
        let Some(stats) = self.cache.writer.as_ref().map(Writer::stats) else { return };
        self.instruments.cache_rows.set(stats.rows as f64);
        self.instruments.cache_size.set(stats.file_bytes as f64);
        self.instruments.cache_wal_size.set(stats.wal_bytes as f64);
    }
}

/// The cache's file; opened again where it had to be thrown away.
struct Cache {
    path: PathBuf,
    page_cache_bytes: u64,
    writer: Option<Writer>,
}

impl Cache {
    fn writer(&mut self) -> Result<&mut Writer, CacheError> {
        if let Some(ref mut writer) = self.writer {
            return Ok(writer);
        }
        let options = WriterOptions { page_cache_bytes: self.page_cache_bytes, ..WriterOptions::default() };
        Ok(self.writer.insert(Writer::open(&self.path, options)?))
    }

    /// A corrupt cache is thrown away: the events in it are settled, and what is not will be delivered again.
    fn store(&mut self, entries: &[StoredEntry<'_>]) -> Result<StoreReport, CacheError> {
        let outcome = self.writer()?.store(entries, &[]);
        if let Err(CacheError::Corrupt(_)) = outcome
            && let Some(writer) = self.writer.take()
        {
            writer.discard()?;
        }
        outcome
    }
}

fn stored_entry<'a>(
    processed: &'a ProcessedEntry,
    partition: u8,
    worker: &'a str,
) -> Option<StoredEntry<'a>> {
    let (entry, events) = processed.entry.borrow_dependent().as_ref().ok()?;
    let stored = entry.lines().zip(events).zip(&processed.outcomes).enumerate().map(
        |(index, ((line, event), outcome))| {
            let state = match (event, outcome) {
                (Ok(event), Ok(Processed { outcome, value })) => {
                    EventState::Processed { attributes: Attributes::new(event, *value), outcome: *outcome }
                }
                (Ok(event), Err(_)) => {
                    EventState::Dead { runid: event.runid.as_deref(), sequence: event.sequence }
                }
                (Err(_), _) => EventState::Dead { runid: None, sequence: None },
            };
            StoredEvent { index: index as u16, line, state }
        },
    );
    Some(StoredEntry {
        id: processed.entry.borrow_owner().id,
        partition,
        accepted_us: entry.accepted_us,
        worker,
        arch: ARCH,
        processed_us: processed.processed_us,
        events: stored.collect(),
    })
}

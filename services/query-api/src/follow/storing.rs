//! The thread that writes the cache: everything that waits goes into one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cache::{CacheError, Followed, StoreReport, Writer};
use events::EntryId;
use observability::Outage;
use observability::trace::Span;
use service::backoff::Backoff;
use service::clock::unix_us;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::decode::Entry;
use super::trace::{Tracer, commit, count};
use crate::telemetry::Instruments;

/// Larger transactions gain nothing, and keep what they hold from being queryable.
const EVENTS_MAX: usize = 8192;

const GAUGE_INTERVAL: Duration = Duration::from_millis(500);

/// Entries of one partition that were read together.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The last of them.
    pub(super) followed: Followed,
    /// Results up to this one were missed.
    pub(super) gap: Option<EntryId>,
    /// When they arrived here, unix microseconds.
    pub(super) received_us: i64,
}

/// The writing end.
pub(super) struct Storing {
    pub(super) tracer: Tracer,
    pub(super) writer: Writer,
    pub(super) batches: mpsc::Receiver<Batch>,
    pub(super) progress: Arc<Progress>,
    pub(super) instruments: Instruments,
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
    pub(super) outage: Outage,
}

impl Storing {
    /// Stores until all readers have gone.
    ///
    /// # Errors
    /// A cache that is damaged; it is deleted, and the next start builds it again.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut gauges_due = Instant::now();
        self.instruments.set_sizes(&self.writer.stats());
        while let Some(first) = self.batches.blocking_recv() {
            let waiting = self.collect(first);
            match self.store_at_last(&waiting) {
                Ok(true) => {}
                // What was not stored is read again by the next process.
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.stop.cancel();
                    self.writer.discard().context("deleting the cache")?;
                    return Err(error).context("the cache was deleted, the next start builds it again");
                }
            }
            // Also when nothing more comes: the gauges stay as they are then.
            if self.batches.is_empty() || gauges_due <= Instant::now() {
                gauges_due = Instant::now() + GAUGE_INTERVAL;
                self.instruments.set_sizes(&self.writer.stats());
            }
        }
        if let Err(error) = self.writer.close() {
            tracing::warn!(%error, "the cache was left with its write-ahead log");
        }
        Ok(())
    }

    fn collect(&mut self, first: Batch) -> Vec<Batch> {
        let size = |batch: &Batch| batch.entries.iter().map(Entry::events).sum::<usize>();
        let mut events = size(&first);
        let mut waiting = vec![first];
        while events < EVENTS_MAX
            && let Ok(batch) = self.batches.try_recv()
        {
            events += size(&batch);
            waiting.push(batch);
        }
        waiting
    }

    /// Tries until it works, or until the service stops: then `false`.
    fn store_at_last(&mut self, waiting: &[Batch]) -> Result<bool, CacheError> {
        let mut backoff = Backoff::default();
        let span = self.tracer.batch(waiting);
        loop {
            match self.store(waiting, &span) {
                Ok(()) => {
                    self.tracer.events(&span, waiting);
                    self.outage.recovered();
                    return Ok(true);
                }
                Err(error @ CacheError::Corrupt(_)) => return Err(error),
                Err(error) => self.outage.failed(&error),
            }
            let (runtime, stop) = (self.runtime.clone(), self.stop.clone());
            let delay = backoff.next_delay();
            let is_stopped = runtime.block_on(async {
                tokio::select! {
                    () = stop.cancelled() => true,
                    () = sleep(delay) => false,
                }
            });
            if is_stopped {
                return Ok(false);
            }
        }
    }

    fn store(&mut self, waiting: &[Batch], batch_span: &Span) -> Result<(), CacheError> {
        let started = Instant::now();
        let mut span = commit(batch_span, waiting);
        let entries: Vec<_> = waiting
            .iter()
            .flat_map(|batch| batch.entries.iter().filter_map(|entry| entry.stored(batch.followed.partition)))
            .collect();
        let followed: Vec<_> = waiting.iter().map(|batch| batch.followed).collect();
        for batch in waiting {
            if let Some(through) = batch.gap {
                self.writer.record_gap(batch.followed.partition, through)?;
                self.progress.gap_recorded(batch.followed.partition, through);
            }
        }
        let report = self.writer.store(&entries, &followed).inspect_err(|error| span.fail(error.kind()))?;
        drop(span);
        self.instruments.committed(started.elapsed(), self.writer.take_checkpoint());
        self.instruments.batch_events.record_count(count(waiting) as u64);
        self.instruments.events_stored.add(report.inserted);
        // Entries that are read again were fresh once before.
        if let StoreReport { duplicates: 0, .. } = report {
            let now_us = unix_us();
            for entry in &entries {
                self.instruments.freshness.record_since_us(entry.accepted_us, now_us);
            }
        }
        followed.into_iter().for_each(|followed| self.progress.committed(followed));
        Ok(())
    }
}

//! Decodes the entries of a batch and does the work on their events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use events::entry::Outcome;
use events::{Event, EventError};
use observability::trace;
use service::clock::unix_us;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::consume::{Batch, Deliveries};
use crate::decode::{Entry, RawEntry};
use crate::error::ProcessError;
use crate::settle::Stored;
use crate::store::StoreRequest;
use crate::telemetry::Instruments;
use crate::trace::{BatchTimes, BatchTrace, Fate, SampledEvent, Tracer};
use crate::work::Work;

/// An entry and what became of each of its events.
pub(crate) struct ProcessedEntry {
    pub(crate) entry: Entry,
    /// One per event; empty where the entry could not be read.
    pub(crate) outcomes: Vec<Result<Processed, ProcessError>>,
    /// Unix microseconds.
    pub(crate) processed_us: i64,
    /// Empty where no event is sampled, mostly.
    pub(crate) sampled: Vec<SampledEvent>,
}

/// What the work gave, and the event's reading, which is parsed here because the cache's writer is one thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Processed {
    pub(crate) outcome: Outcome,
    pub(crate) value: Option<f64>,
}

/// The second stage of one partition.
pub(crate) struct Processor {
    pub(crate) tracer: Tracer,
    pub(crate) work: Arc<Work>,
    pub(crate) deliveries_max: u64,
    pub(crate) retry_delay: Duration,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) store: mpsc::Sender<StoreRequest>,
    pub(crate) stored: mpsc::Sender<Stored>,
    pub(crate) instruments: Instruments,
}

impl Processor {
    /// Works until the reading stage ends.
    pub(crate) async fn run(self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(batch) = batches.recv().await {
            let Batch { entries, delivery, delivered_us } = batch;
            let work = Arc::clone(&self.work);
            let work_duration = self.instruments.work_duration.clone();
            let processing = spawn_blocking(move || {
                let (begun_us, begun) = (unix_us(), Instant::now());
                let record = |outcome: &Outcome| work_duration.record(Duration::from_nanos(outcome.work_ns));
                let entries: Vec<_> = entries.into_iter().map(|raw| process(raw, &work, &record)).collect();
                (entries, begun_us, begun.elapsed())
            });
            // Without an answer the runtime is going down.
            let Ok((mut entries, begun_us, duration)) = processing.await else { return };
            self.observe(&entries, delivered_us, duration);
            let times = BatchTimes { delivered_us, begun_us };
            let trace = self.tracer.batch(delivery, times, &entries);
            entries.retain(|entry| !self.leave_for_retry(entry, &trace));
            if entries.is_empty() {
                continue;
            }
            let partition = self.tracer.keys.partition;
            let request = StoreRequest { partition, entries, trace, reply: self.stored.clone() };
            if self.store.send(request).await.is_err() {
                return;
            }
        }
    }

    fn observe(&self, entries: &[ProcessedEntry], delivered_us: i64, duration: Duration) {
        self.instruments.process_duration.record(duration);
        let count: usize = entries.iter().map(|entry| entry.outcomes.len()).sum();
        self.instruments.batch_events.record_count(count as u64);
        for accepted_us in entries.iter().filter_map(ProcessedEntry::accepted_us) {
            self.instruments.queue_duration.record_since_us(accepted_us, delivered_us);
        }
    }

    /// An entry with a failure that may pass is not settled, until it has been delivered too often.
    fn leave_for_retry(&self, entry: &ProcessedEntry, trace: &BatchTrace) -> bool {
        let raw = entry.entry.borrow_owner();
        let may_pass = |outcome: &Result<Processed, ProcessError>| {
            outcome.as_ref().is_err_and(|error| !error.is_permanent())
        };
        let retries = raw.deliveries < self.deliveries_max && entry.outcomes.iter().any(may_pass);
        if retries {
            self.tracer.events(trace, entry, Fate::Retried(None));
            self.instruments.events_retried.add(entry.outcomes.len() as u64);
            self.deliveries.retry(raw.id, raw.deliveries, self.retry_delay);
        }
        retries
    }
}

impl ProcessedEntry {
    /// When ingest took the entry, unix microseconds.
    pub(crate) fn accepted_us(&self) -> Option<i64> {
        self.entry.borrow_dependent().as_ref().ok().map(|(entry, _)| entry.accepted_us)
    }

    /// The event at a place in the entry, where it could be read.
    pub(crate) fn event(&self, index: u16) -> Option<&Event<'_>> {
        let (_, events) = self.entry.borrow_dependent().as_ref().ok()?;
        events.get(usize::from(index))?.as_ref().ok()
    }
}

fn process(raw: RawEntry, work: &Work, record: &impl Fn(&Outcome)) -> ProcessedEntry {
    let entry = raw.decode();
    let outcomes = match entry.borrow_dependent() {
        Err(_) => Vec::new(),
        Ok((content, events)) => content
            .lines()
            .zip(events)
            .map(|(line, event)| {
                let event = event.as_ref().map_err(Clone::clone)?;
                let outcome = work.perform(line)?;
                if outcome.work_ns > 0 {
                    record(&outcome);
                }
                Ok(Processed { outcome, value: event.value() })
            })
            .collect(),
    };
    let sampled = sampled_events(&entry);
    ProcessedEntry { entry, outcomes, processed_us: unix_us(), sampled }
}

fn sampled_events(entry: &Entry) -> Vec<SampledEvent> {
    let Ok((_, events)) = entry.borrow_dependent() else { return Vec::new() };
    if !trace::is_enabled() {
        return Vec::new();
    }
    let sampled = |(index, event): (u16, &Result<Event<'_>, EventError>)| {
        let context = trace::sampled(event.as_ref().ok()?.traceparent.as_deref()?)?;
        Some(SampledEvent { index, context })
    };
    (0..).zip(events).filter_map(sampled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::raw;
    use crate::work::{WorkConfig, WorkKind};

    #[test]
    fn every_event_has_one_outcome() {
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let deep = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{}1{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        let work = Work::new(&WorkConfig { kind: WorkKind::Json, amount: 1, chase_bytes: 0 });
        let processed = process(raw(&[good, "{}", &deep]), &work, &|_| {});
        assert!(processed.outcomes[0].is_ok());
        assert!(processed.outcomes[1].as_ref().is_err_and(ProcessError::is_permanent));
        assert!(processed.outcomes[2].as_ref().is_err_and(|error| !error.is_permanent()));
    }
}

//! The spans of a batch and of its sampled events. Nothing of it costs anything where no event is sampled.

use std::sync::Arc;

use events::{GROUP, Keys, Position, TraceContext, rfc3339_from_unix_us};
use observability::trace::{LinkedEvent, Span, SpanName, TraceStream, attribute};
use service::clock::unix_us;

use crate::consume::Delivery;
use crate::error::ProcessError;
use crate::process::{Processed, ProcessedEntry};

/// An event whose trace is sampled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampledEvent {
    /// Its place in the entry.
    pub(crate) index: u16,
    pub(crate) context: TraceContext,
}

/// When a batch was where; unix microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchTimes {
    pub(crate) delivered_us: i64,
    pub(crate) begun_us: i64,
}

/// The trace of one batch, which travels with it and ends when it is dropped.
pub(crate) struct BatchTrace {
    span: Span,
    delivery: Delivery,
    delivered_us: i64,
}

/// What became of the entries of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Settled,
    /// Another worker had settled it.
    Superseded,
    /// Left for another delivery; with what failed, where it was not an event of it.
    Retried(Option<&'static str>),
    /// The worker stops before Redis has taken it.
    Pending,
}

/// Makes the spans of one partition. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Tracer {
    pub(crate) keys: Arc<Keys>,
    pub(crate) instance: Arc<str>,
    pub(crate) stream: TraceStream,
}

impl Tracer {
    /// The trace of a batch that has been worked on just now; of all its entries, whatever becomes of them.
    pub(crate) fn batch(
        &self,
        delivery: Delivery,
        times: BatchTimes,
        entries: &[ProcessedEntry],
    ) -> BatchTrace {
        let BatchTimes { delivered_us, begun_us } = times;
        let mut trace = BatchTrace { span: Span::none(SpanName::WorkerBatch), delivery, delivered_us };
        if entries.iter().all(|entry| entry.sampled.is_empty()) {
            return trace;
        }
        let mut span = Span::root(SpanName::WorkerBatch, &self.keys.events, delivered_us);
        span.link_events(entries.iter().flat_map(|entry| self.linked_events(entry)));
        self.describe(&mut span, count(entries));
        span.set(attribute::DELIVERY, delivery.name());
        let deliveries = entries.iter().map(|entry| entry.entry.borrow_owner().deliveries).max();
        span.set(attribute::DELIVERY_COUNT, deliveries.unwrap_or(0) as i64);
        let mut receive =
            Span::child(SpanName::WorkerReceive, &self.keys.events, span.context(), delivered_us);
        self.describe(&mut receive, count(entries));
        receive.end_at(begun_us);
        let mut work = Span::child(SpanName::WorkerWork, "", span.context(), begun_us);
        work.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, count(entries));
        trace.span = span;
        trace
    }

    /// The settling of what is left of the batch, from now on.
    pub(crate) fn settle(&self, trace: &BatchTrace, entries: &[ProcessedEntry]) -> Span {
        let mut span =
            Span::child(SpanName::WorkerSettle, &self.keys.events, trace.span.context(), unix_us());
        if span.is_recorded() {
            self.describe(&mut span, count(entries));
            span.set(attribute::DB_OPERATION_BATCH_SIZE, entries.len() as i64);
        }
        span
    }

    /// The spans of the sampled events of an entry, which end now.
    pub(crate) fn events(&self, trace: &BatchTrace, entry: &ProcessedEntry, fate: Fate) {
        if entry.sampled.is_empty() || self.stream == TraceStream::Links {
            return;
        }
        for sampled in &entry.sampled {
            self.event(trace, entry, *sampled, fate);
        }
    }

    fn event(&self, trace: &BatchTrace, entry: &ProcessedEntry, sampled: SampledEvent, fate: Fate) {
        let Some(event) = entry.event(sampled.index) else { return };
        let raw = entry.entry.borrow_owner();
        let mut span =
            Span::continuing(SpanName::WorkerEvent, &self.keys.events, sampled.context, trace.delivered_us);
        if trace.span.is_recorded() {
            span.link(trace.span.context());
        }
        self.describe_stream(&mut span);
        span.set_event(event, self.position(entry, sampled.index));
        span.set(attribute::DELIVERY, trace.delivery.name());
        span.set(attribute::DELIVERY_COUNT, raw.deliveries as i64);
        if let Some(accepted_us) = entry.accepted_us() {
            span.set(attribute::ACCEPTED_AT, rfc3339_from_unix_us(accepted_us));
            span.set_duration_us(attribute::QUEUE_DURATION, trace.delivered_us - accepted_us);
        }
        end(span, &entry.outcomes[usize::from(sampled.index)], fate);
    }

    fn linked_events<'a>(
        &self,
        entry: &'a ProcessedEntry,
    ) -> impl Iterator<Item = LinkedEvent<'a, Position>> {
        let partition = self.keys.partition;
        entry.sampled.iter().filter_map(move |sampled| {
            Some(LinkedEvent {
                context: sampled.context,
                id: &entry.event(sampled.index)?.id,
                position: Position::new(entry.entry.borrow_owner().id, partition, sampled.index),
            })
        })
    }

    fn position(&self, entry: &ProcessedEntry, index: u16) -> Position {
        Position::new(entry.entry.borrow_owner().id, self.keys.partition, index)
    }

    fn describe(&self, span: &mut Span, events: i64) {
        self.describe_stream(span);
        span.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, events);
    }

    fn describe_stream(&self, span: &mut Span) {
        span.set_text(attribute::MESSAGING_DESTINATION_NAME, &self.keys.events);
        span.set_text(attribute::MESSAGING_DESTINATION_PARTITION_ID, self.keys.partition);
        span.set(attribute::MESSAGING_CONSUMER_GROUP_NAME, GROUP);
        span.set_text(attribute::MESSAGING_CLIENT_ID, &self.instance);
    }
}

impl BatchTrace {
    /// The cache's transaction of the batch, from now on.
    pub(crate) fn commit(&self, entries: &[ProcessedEntry]) -> Span {
        let mut span = Span::child(SpanName::WorkerCommit, "", self.span.context(), unix_us());
        span.set(attribute::DB_OPERATION_BATCH_SIZE, count(entries));
        span
    }

    /// The trace that a log line about the failed events of an entry belongs to: that of the first of them that has
    /// one, or else the batch's.
    pub(crate) fn context_of_failure(&self, entry: &ProcessedEntry) -> Option<TraceContext> {
        let has_failed = |event: &&SampledEvent| entry.outcomes[usize::from(event.index)].is_err();
        let failed = entry.sampled.iter().find(has_failed).map(|event| event.context);
        failed.or_else(|| self.span.is_recorded().then(|| self.span.context()))
    }

    /// Marks the whole batch as failed.
    pub(crate) fn fail(&mut self, error_type: &'static str) {
        self.span.fail(error_type);
    }
}

fn end(mut span: Span, outcome: &Result<Processed, ProcessError>, fate: Fate) {
    if let Ok(processed) = outcome {
        span.set(attribute::WORK_DURATION, processed.outcome.work_ns as f64 * 1e-9);
    }
    let error = outcome.as_ref().err().map(ProcessError::kind);
    let (name, error) = match fate {
        Fate::Settled if error.is_some() => ("dead-lettered", error),
        Fate::Settled => ("stored", None),
        Fate::Superseded => ("superseded", None),
        Fate::Retried(reason) => ("retried", error.or(reason)),
        Fate::Pending => ("pending", Some("redis")),
    };
    span.set(attribute::OUTCOME, name);
    if let Some(error) = error {
        span.fail(error);
    }
}

fn count(entries: &[ProcessedEntry]) -> i64 {
    entries.iter().map(|entry| entry.outcomes.len()).sum::<usize>() as i64
}

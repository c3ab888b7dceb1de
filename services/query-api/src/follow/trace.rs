//! The spans of results that are stored together, and of the sampled events among them.

use events::{Keys, Position, rfc3339_from_unix_us};
use observability::trace::{LinkedEvent, Span, SpanName, TraceStream, attribute};
use service::clock::unix_us;

use super::decode::{Entry, SampledEvent};
use super::storing::Batch;

/// A batch may be of several partitions, so that it has no stream of its own.
const DESTINATION: &str = "results";

/// Makes the spans of following.
pub(super) struct Tracer {
    pub(super) instance: String,
    pub(super) stream: TraceStream,
}

impl Tracer {
    /// The trace of what is stored together; there is none where no event of it is sampled.
    pub(super) fn batch(&self, waiting: &[Batch]) -> Span {
        let mut events = waiting.iter().flat_map(sampled).peekable();
        if events.peek().is_none() {
            return Span::none(SpanName::QueryBatch);
        }
        let received_us = waiting.iter().map(|batch| batch.received_us).min().unwrap_or_default();
        let mut span = Span::root(SpanName::QueryBatch, DESTINATION, received_us);
        span.link_events(events.map(|(partition, event)| LinkedEvent {
            context: event.context,
            id: &event.event.id,
            position: Position::new(event.entry, partition, event.index),
        }));
        span.set(attribute::MESSAGING_DESTINATION_NAME, DESTINATION);
        span.set(attribute::MESSAGING_CLIENT_ID, self.instance.clone());
        span.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, count(waiting) as i64);
        span
    }

    /// The spans of the sampled events, which are queryable now.
    pub(super) fn events(&self, batch_span: &Span, waiting: &[Batch]) {
        if !batch_span.is_recorded() || self.stream == TraceStream::Links {
            return;
        }
        let now_us = unix_us();
        for batch in waiting {
            let keys = Keys::new(batch.followed.partition);
            for (_, event) in sampled(batch) {
                let mut span =
                    Span::continuing(SpanName::QueryEvent, &keys.results, event.context, batch.received_us);
                span.link(batch_span.context());
                self.describe(&mut span, &event, &keys);
                span.set_duration_us(attribute::FRESHNESS, now_us - event.accepted_us);
                span.end_at(now_us);
            }
        }
    }

    fn describe(&self, span: &mut Span, event: &SampledEvent<'_>, keys: &Keys) {
        span.set_text(attribute::MESSAGING_DESTINATION_NAME, &keys.results);
        span.set_text(attribute::MESSAGING_DESTINATION_PARTITION_ID, keys.partition);
        span.set_text(attribute::MESSAGING_CLIENT_ID, &self.instance);
        span.set_event(event.event, Position::new(event.entry, keys.partition, event.index));
        span.set(attribute::ACCEPTED_AT, rfc3339_from_unix_us(event.accepted_us));
        span.set(attribute::OUTCOME, if event.is_processed { "stored" } else { "dead-lettered" });
    }
}

/// The cache's transaction, from now on.
pub(super) fn commit(batch_span: &Span, waiting: &[Batch]) -> Span {
    let mut span = Span::child(SpanName::QueryCommit, "", batch_span.context(), unix_us());
    if span.is_recorded() {
        span.set(attribute::DB_OPERATION_BATCH_SIZE, count(waiting) as i64);
    }
    span
}

/// Events in all entries.
pub(super) fn count(waiting: &[Batch]) -> usize {
    waiting.iter().flat_map(|batch| &batch.entries).map(Entry::events).sum()
}

/// The sampled events of a batch, with their partition.
fn sampled(batch: &Batch) -> impl Iterator<Item = (u8, SampledEvent<'_>)> {
    let partition = batch.followed.partition;
    batch.entries.iter().flat_map(Entry::sampled).map(move |event| (partition, event))
}

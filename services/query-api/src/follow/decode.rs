//! Entries of `results` and what was parsed out of them.

use cache::{Attributes, EventState, StoredEntry, StoredEvent};
use events::entry::{EntryError, ResultsEntry};
use events::{EntryId, Event, TraceContext};
use observability::trace;
use self_cell::self_cell;

use crate::streams::RawEntry;

/// An entry and its events; `None` for an event that cannot be read, which only a dead one may be.
type Content<'a> = Result<(ResultsEntry<'a>, Vec<Option<ParsedEvent<'a>>>), EntryError>;

/// An event and what is parsed of it here and not by the one thread that writes.
#[derive(Debug)]
pub(super) struct ParsedEvent<'a> {
    event: Event<'a>,
    value: Option<f64>,
    /// Where its trace is sampled.
    context: Option<TraceContext>,
}

/// An event whose trace is sampled.
pub(super) struct SampledEvent<'a> {
    pub(super) context: TraceContext,
    pub(super) event: &'a Event<'a>,
    /// Its entry in `events`.
    pub(super) entry: EntryId,
    /// Its place in the entry.
    pub(super) index: u16,
    pub(super) accepted_us: i64,
    /// Without it, it was dead-lettered.
    pub(super) is_processed: bool,
}

self_cell!(
    /// An entry that travels between threads together with what was parsed out of it.
    pub(super) struct Entry {
        owner: RawEntry,
        #[covariant]
        dependent: Content,
    }
);

impl Entry {
    pub(super) fn parse(raw: RawEntry) -> Self {
        Self::new(raw, |raw| {
            let fields: Vec<_> = raw.fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            let entry = ResultsEntry::decode(&fields)?;
            let parse = |line| {
                let event = Event::parse(line).ok()?;
                let context = event.traceparent.as_deref().and_then(trace::sampled);
                Some(ParsedEvent { value: event.value(), context, event })
            };
            let events = entry.events.lines().map(parse).collect();
            Ok((entry, events))
        })
    }

    /// Why the entry cannot be stored.
    pub(super) fn error(&self) -> Option<&EntryError> {
        self.borrow_dependent().as_ref().err()
    }

    pub(super) fn events(&self) -> usize {
        self.borrow_dependent().as_ref().map_or(0, |(_, events)| events.len())
    }

    pub(super) fn sampled(&self) -> impl Iterator<Item = SampledEvent<'_>> {
        let content = self.borrow_dependent().as_ref().ok().into_iter();
        content.flat_map(|(entry, events)| {
            (0..).zip(events.iter().zip(&entry.outcomes)).filter_map(|(index, (parsed, outcome))| {
                let ParsedEvent { event, context, .. } = parsed.as_ref()?;
                Some(SampledEvent {
                    context: (*context)?,
                    event,
                    entry: entry.id,
                    index,
                    accepted_us: entry.events.accepted_us,
                    is_processed: outcome.is_some(),
                })
            })
        })
    }

    /// What the cache takes; `None` where there is an error.
    pub(super) fn stored(&self, partition: u8) -> Option<StoredEntry<'_>> {
        let (entry, events) = self.borrow_dependent().as_ref().ok()?;
        let parts = entry.events.lines().zip(events).zip(&entry.outcomes);
        let events = (0..).zip(parts).map(|(index, ((line, parsed), outcome))| {
            let state = match (parsed, outcome) {
                (Some(parsed), Some(outcome)) => EventState::Processed {
                    attributes: Attributes::new(&parsed.event, parsed.value),
                    outcome: *outcome,
                },
                (parsed, _) => EventState::Dead {
                    runid: parsed.as_ref().and_then(|parsed| parsed.event.runid.as_deref()),
                    sequence: parsed.as_ref().and_then(|parsed| parsed.event.sequence),
                },
            };
            StoredEvent { index, line, state }
        });
        Some(StoredEntry {
            id: entry.id,
            partition,
            accepted_us: entry.events.accepted_us,
            processed_us: entry.processed_us,
            worker: entry.worker,
            arch: entry.arch,
            events: events.collect(),
        })
    }
}

//! Entries of `results` and what was parsed out of them.

use cache::{Attributes, EventState, StoredEntry, StoredEvent};
use events::entry::{EntryError, ResultsEntry};
use events::{Event, TraceContext};
use self_cell::self_cell;

use crate::streams::RawEntry;

/// An entry and its events; `None` for an event that cannot be read, which only a dead one may be.
type Content<'a> = Result<(ResultsEntry<'a>, Vec<Option<ParsedEvent<'a>>>), EntryError>;

/// An event and its number, which is parsed here and not by the one thread that writes.
#[derive(Debug)]
pub(super) struct ParsedEvent<'a> {
    event: Event<'a>,
    value: Option<f64>,
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
                Some(ParsedEvent { value: event.value(), event })
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

    /// The contexts of the sampled events.
    pub(super) fn trace_contexts(&self) -> impl Iterator<Item = TraceContext> {
        let events =
            self.borrow_dependent().as_ref().map(|(_, events)| events.as_slice()).unwrap_or_default();
        let contexts = events.iter().filter_map(|parsed| parsed.as_ref()?.event.trace_context());
        contexts.filter(|context| context.sampled)
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

//! What the writer takes: processed entries of the streams.

use events::entry::Outcome;
use events::{EntryId, Event};

/// One entry of an `events` stream and what became of its events.
#[derive(Clone, Debug)]
pub struct StoredEntry<'a> {
    pub id: EntryId,
    pub partition: u8,
    /// When ingest took the entry, unix microseconds.
    pub accepted_us: i64,
    /// When the worker had processed it, unix microseconds.
    pub processed_us: i64,
    /// The instance of the worker.
    pub worker: &'a str,
    /// The worker's architecture, as OCI names it.
    pub arch: &'a str,
    /// In the order of their indexes.
    pub events: Vec<StoredEvent<'a>>,
}

/// One event of an entry.
#[derive(Clone, Debug)]
pub struct StoredEvent<'a> {
    /// Place in the entry, below [`events::entry::EVENTS_MAX`] and unique within the entry.
    pub index: u16,
    /// The CloudEvent, verbatim.
    pub line: &'a str,
    pub state: EventState<'a>,
}

/// What became of an event.
#[derive(Clone, Debug)]
pub enum EventState<'a> {
    Processed {
        attributes: Attributes<'a>,
        outcome: Outcome,
    },
    /// Sent to the dead-letter stream; run and sequence where they could be read.
    Dead {
        runid: Option<&'a str>,
        sequence: Option<u64>,
    },
}

/// The attributes of an event that the cache can be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub source: &'a str,
    /// The attribute `type`.
    pub kind: &'a str,
    pub runid: Option<&'a str>,
    /// The sender's count within the run; ignored without a run.
    pub sequence: Option<u64>,
    /// The number that `data` carries, see [`Event::value`].
    pub value: Option<f64>,
}

impl<'a> Attributes<'a> {
    /// `value` is [`Event::value`], which is parsed where there is time for it: the writer is one thread.
    pub fn new(event: &'a Event<'_>, value: Option<f64>) -> Self {
        Self {
            source: &event.source,
            kind: &event.kind,
            runid: event.runid.as_deref(),
            sequence: event.sequence,
            value,
        }
    }
}

//! Codec of stream entries: what one XADD writes and one XREADGROUP gives back.
//!
//! One entry holds a batch of events as NDJSON, so that `redis-cli XRANGE` shows them to a person.

use crate::position::EntryId;

/// Most events in one entry: larger entries gain no speed, and the index of a position has nine bits.
pub const EVENTS_MAX: usize = 512;

/// Most bytes of events in one entry, so that a batch of entries has a bounded size.
pub const BYTES_MAX: usize = 256 * 1024;

const VERSION: &[u8] = b"1";

/// The fields of an entry, in the order in which they are written.
pub type Fields<'a> = Vec<(&'static str, std::borrow::Cow<'a, [u8]>)>;

/// An entry that is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("field {0} is missing")]
    Missing(&'static str),
    #[error("field {0} is not valid")]
    Invalid(&'static str),
    #[error("contract version {0:?} is not 1")]
    Version(String),
    #[error("{found} events where n says {expected}")]
    Count { expected: usize, found: usize },
}

/// An entry of the `events` stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsEntry<'a> {
    /// Number of events.
    pub count: usize,
    /// When ingest took the batch, unix microseconds.
    pub accepted_us: i64,
    /// The instance of ingest.
    pub by: &'a str,
    /// NDJSON, one CloudEvent a line, without a final line break.
    pub events: &'a str,
}

/// An entry of the `results` stream: an entry of `events` and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsEntry<'a> {
    /// Id of the entry in `events`.
    pub id: EntryId,
    pub events: EventsEntry<'a>,
    /// The instance of the worker.
    pub worker: &'a str,
    /// The worker's architecture, as Go and OCI name it: `amd64`, `arm64`.
    pub arch: &'a str,
    /// When the worker had processed the entry, unix microseconds.
    pub processed_us: i64,
    /// One per event; `None` where the event went to the dead-letter stream.
    pub outcomes: Vec<Option<Outcome>>,
}

/// What the work on one event gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub result: u64,
    /// Duration of the work, nanoseconds.
    pub work_ns: u64,
}

impl<'a> EventsEntry<'a> {
    pub fn fields(&self) -> Fields<'a> {
        vec![
            ("v", VERSION.into()),
            ("n", number(self.count)),
            ("at", number(self.accepted_us)),
            ("by", self.by.as_bytes().into()),
            ("events", self.events.as_bytes().into()),
        ]
    }

    /// Reads the fields of an entry; unknown ones are ignored.
    ///
    /// # Errors
    /// [`EntryError`] where the entry does not follow the contract.
    pub fn decode(fields: &[(&'a [u8], &'a [u8])]) -> Result<Self, EntryError> {
        check_version(fields)?;
        let entry = Self {
            count: parse(fields, "n")?,
            accepted_us: parse(fields, "at")?,
            by: text(fields, "by")?,
            events: text(fields, "events")?,
        };
        let found = entry.lines().count();
        if found != entry.count || found > EVENTS_MAX {
            return Err(EntryError::Count { expected: entry.count, found });
        }
        Ok(entry)
    }

    /// The events, one JSON text each.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.events.split('\n')
    }
}

impl<'a> ResultsEntry<'a> {
    pub fn fields(&self) -> Fields<'a> {
        vec![
            ("v", VERSION.into()),
            ("n", number(self.events.count)),
            ("id", self.id.to_string().into_bytes().into()),
            ("at", number(self.events.accepted_us)),
            ("by", self.events.by.as_bytes().into()),
            ("worker", self.worker.as_bytes().into()),
            ("arch", self.arch.as_bytes().into()),
            ("done", number(self.processed_us)),
            ("outcomes", encode_outcomes(&self.outcomes).into_bytes().into()),
            ("events", self.events.events.as_bytes().into()),
        ]
    }

    /// Reads the fields of an entry; unknown ones are ignored.
    ///
    /// # Errors
    /// [`EntryError`] where the entry does not follow the contract.
    pub fn decode(fields: &[(&'a [u8], &'a [u8])]) -> Result<Self, EntryError> {
        let events = EventsEntry::decode(fields)?;
        let outcomes = decode_outcomes(text(fields, "outcomes")?)?;
        if outcomes.len() != events.count {
            return Err(EntryError::Count { expected: events.count, found: outcomes.len() });
        }
        Ok(Self {
            id: parse(fields, "id")?,
            events,
            worker: text(fields, "worker")?,
            arch: text(fields, "arch")?,
            processed_us: parse(fields, "done")?,
            outcomes,
        })
    }
}

/// An event that no worker could process, as it stands in the `dead` stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadEntry<'a> {
    /// Position of the event; of the first one where the whole entry could not be read.
    pub position: String,
    pub reason: &'a str,
    /// How often the entry had been delivered.
    pub deliveries: u64,
    pub worker: &'a str,
    /// Unix microseconds.
    pub at_us: i64,
    /// The bytes that were not understood.
    pub event: &'a [u8],
}

impl<'a> DeadEntry<'a> {
    pub fn fields(&self) -> Fields<'a> {
        vec![
            ("v", VERSION.into()),
            ("position", self.position.clone().into_bytes().into()),
            ("reason", self.reason.as_bytes().into()),
            ("deliveries", number(self.deliveries)),
            ("worker", self.worker.as_bytes().into()),
            ("at", number(self.at_us)),
            ("event", self.event.into()),
        ]
    }
}

fn number(value: impl std::fmt::Display) -> std::borrow::Cow<'static, [u8]> {
    value.to_string().into_bytes().into()
}

fn encode_outcomes(outcomes: &[Option<Outcome>]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 + outcomes.len() * 16);
    text.push('[');
    for (index, outcome) in outcomes.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match outcome {
            Some(Outcome { result, work_ns }) => {
                write!(text, "[{result},{work_ns}]").expect("writing to a String does not fail");
            }
            None => text.push_str("null"),
        }
    }
    text.push(']');
    text
}

fn decode_outcomes(text: &str) -> Result<Vec<Option<Outcome>>, EntryError> {
    let outcomes: Vec<Option<(u64, u64)>> =
        serde_json::from_str(text).map_err(|_| EntryError::Invalid("outcomes"))?;
    Ok(outcomes.into_iter().map(|o| o.map(|(result, work_ns)| Outcome { result, work_ns })).collect())
}

fn check_version(fields: &[(&[u8], &[u8])]) -> Result<(), EntryError> {
    let version = find(fields, "v")?;
    if version == VERSION {
        Ok(())
    } else {
        Err(EntryError::Version(String::from_utf8_lossy(version).into_owned()))
    }
}

fn find<'a>(fields: &[(&'a [u8], &'a [u8])], name: &'static str) -> Result<&'a [u8], EntryError> {
    let field = fields.iter().find(|(field, _)| *field == name.as_bytes());
    field.map(|(_, value)| *value).ok_or(EntryError::Missing(name))
}

fn text<'a>(fields: &[(&'a [u8], &'a [u8])], name: &'static str) -> Result<&'a str, EntryError> {
    std::str::from_utf8(find(fields, name)?).map_err(|_| EntryError::Invalid(name))
}

fn parse<T: std::str::FromStr>(fields: &[(&[u8], &[u8])], name: &'static str) -> Result<T, EntryError> {
    text(fields, name)?.parse().map_err(|_| EntryError::Invalid(name))
}

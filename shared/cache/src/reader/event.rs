//! One event with all that is known of it.

use std::cell::RefCell;
use std::sync::Arc;

use events::Position;
use rusqlite::{OptionalExtension as _, Row};

use super::Snapshot;
use crate::body::{self, BLOCK_BITS, LINES};
use crate::error::CacheError;
use crate::schema::INDEX_BITS;

/// Bits of a position's `sub` that count events of an entry.
pub(super) const INDEX_MASK: i64 = (1 << INDEX_BITS) - 1;

/// A stored event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    pub position: Position,
    /// The CloudEvent, verbatim.
    pub event: String,
    /// Unix microseconds.
    pub accepted_us: i64,
    /// Unix microseconds.
    pub processed_us: i64,
    /// The worker's instance.
    pub worker: Arc<str>,
    pub arch: Arc<str>,
    /// Result of the work.
    pub result: u64,
    /// Duration of the work, nanoseconds.
    pub work_ns: u64,
}

/// A row of `entry`: `ms, sub, number, accepted_us, processed_us, worker`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) ms: i64,
    pub(super) sub: i64,
    pub(super) number: i64,
    pub(super) accepted_us: i64,
    pub(super) processed_us: i64,
    pub(super) worker: u32,
}

/// A row of `event`: `id, source, type, run, sequence, work_ns, result`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    id: i64,
    pub(super) source: u32,
    kind: u32,
    pub(super) run: Option<u32>,
    pub(super) sequence: Option<i64>,
    work_ns: i64,
    result: i64,
}

/// The interned attributes that an event must have; `None` takes any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub(super) source: Option<u32>,
    pub(super) kind: Option<u32>,
    pub(super) run: Option<u32>,
}

/// The last block of bodies that was read: neighbours share it.
#[derive(Default)]
pub(super) struct Bodies(RefCell<(i64, Vec<u8>)>);

impl Entry {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            ms: row.get(0)?,
            sub: row.get(1)?,
            number: row.get(2)?,
            accepted_us: row.get(3)?,
            processed_us: row.get(4)?,
            worker: row.get(5)?,
        })
    }
}

impl Event {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            source: row.get(1)?,
            kind: row.get(2)?,
            run: row.get(3)?,
            sequence: row.get(4)?,
            work_ns: row.get(5)?,
            result: row.get(6)?,
        })
    }

    pub(super) fn index(&self) -> i64 {
        self.id & INDEX_MASK
    }

    pub(super) fn has(&self, attributes: &Attributes) -> bool {
        attributes.source.is_none_or(|source| source == self.source)
            && attributes.kind.is_none_or(|kind| kind == self.kind)
            && attributes.run.is_none_or(|run| Some(run) == self.run)
    }
}

impl Snapshot<'_> {
    /// The event at a position.
    ///
    /// # Errors
    /// The deadline, or what SQLite says.
    pub fn event(&self, position: Position) -> Result<Option<EventRow>, CacheError> {
        let (ms, sub) = position.parts();
        let Some((entry, event)) = self.find(ms, sub)? else { return Ok(None) };
        self.event_row(&entry, &event, &Bodies::default()).map(Some)
    }

    /// The rows of the event at a position.
    pub(super) fn find(&self, ms: i64, sub: i64) -> Result<Option<(Entry, Event)>, CacheError> {
        let mut entries = self.transaction.prepare_cached(
            "SELECT ms, sub, number, accepted_us, processed_us, worker FROM entry WHERE ms = ? AND sub = ?",
        )?;
        let entry = entries.query_row((ms, sub & !INDEX_MASK), Entry::from_row).optional()?;
        let Some(entry) = entry else { return Ok(None) };
        let mut events = self.transaction.prepare_cached(
            "SELECT id, source, type, run, sequence, work_ns, result FROM event WHERE id = ?",
        )?;
        let id = (entry.number << INDEX_BITS) | (sub & INDEX_MASK);
        Ok(events.query_row([id], Event::from_row).optional()?.map(|event| (entry, event)))
    }

    pub(super) fn event_row(
        &self,
        entry: &Entry,
        event: &Event,
        bodies: &Bodies,
    ) -> Result<EventRow, CacheError> {
        let worker = self.worker(entry.worker)?;
        Ok(EventRow {
            position: Position::from_parts(entry.ms, entry.sub | event.index()),
            event: self.body(event.id, bodies)?,
            accepted_us: entry.accepted_us,
            processed_us: entry.processed_us,
            worker: worker.name,
            arch: worker.arch,
            result: event.result as u64,
            work_ns: event.work_ns as u64,
        })
    }

    fn body(&self, event: i64, bodies: &Bodies) -> Result<String, CacheError> {
        let block = event >> BLOCK_BITS;
        let mut last = bodies.0.borrow_mut();
        if last.0 != block {
            let mut statement = self.transaction.prepare_cached("SELECT lines FROM body WHERE id = ?")?;
            let (id, lines) = &mut *last;
            lines.clear();
            statement
                .query_row([block], |row| {
                    lines.extend_from_slice(row.get_ref(0)?.as_blob()?);
                    Ok(())
                })
                .optional()?;
            *id = block;
        }
        let line = body::line(&last.1, event as usize % LINES);
        line.map(str::to_owned).ok_or_else(|| CacheError::Corrupt(format!("event {event} has no body")))
    }
}

//! The rows of entries, events, bodies and dead events.

use events::entry::Outcome;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::batch::Ids;
use crate::body::{self, BLOCK_BITS, LINES};
use crate::entry::{Attributes, StoredEvent};
use crate::error::CacheError;
use crate::schema::INDEX_BITS;

/// A row of `entry`.
pub(super) struct EntryRow {
    pub(super) ms: i64,
    pub(super) sub: i64,
    pub(super) number: i64,
    pub(super) accepted_us: i64,
    pub(super) processed_us: i64,
    pub(super) worker: u32,
    pub(super) types: i64,
    pub(super) runs: i64,
}

/// The statements of the hot loop, looked up once a transaction.
pub(super) struct Rows<'t> {
    connection: &'t Connection,
    find_entry: CachedStatement<'t>,
    insert_entry: CachedStatement<'t>,
    insert_event: CachedStatement<'t>,
    insert_body: CachedStatement<'t>,
    block: Vec<u8>,
}

impl<'t> Rows<'t> {
    pub(super) fn new(connection: &'t Connection) -> Result<Self, CacheError> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            connection,
            find_entry: prepare("SELECT number FROM entry WHERE ms = ? AND sub = ?")?,
            insert_entry: prepare(
                "INSERT INTO entry (ms, sub, number, accepted_us, processed_us, worker, types, runs)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
            insert_event: prepare(
                "INSERT INTO event (id, source, type, run, sequence, work_ns, result, value)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?,
            insert_body: prepare("INSERT INTO body (id, lines) VALUES (?, ?)")?,
            block: Vec::new(),
        })
    }

    /// The number of an entry that is there.
    pub(super) fn find_entry(&mut self, ms: i64, sub: i64) -> Result<Option<i64>, CacheError> {
        Ok(self.find_entry.query_row((ms, sub), |row| row.get(0)).optional()?)
    }

    pub(super) fn insert_entry(&mut self, row: &EntryRow) -> Result<(), CacheError> {
        let EntryRow { ms, sub, number, accepted_us, processed_us, worker, types, runs } = row;
        self.insert_entry.execute(params![
            ms,
            sub,
            number,
            accepted_us,
            processed_us,
            worker,
            types,
            runs
        ])?;
        Ok(())
    }

    /// Events were added to an entry that was there.
    pub(super) fn add_to_entry(&mut self, row: &EntryRow) -> Result<(), CacheError> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE entry SET types = types | ?3, runs = runs | ?4 WHERE ms = ?1 AND sub = ?2",
        )?;
        statement.execute((row.ms, row.sub, row.types, row.runs))?;
        // An event can only be new in an old entry where it was dead before.
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM dead WHERE ms = ?1 AND sub BETWEEN ?2 AND ?2 + 511
             AND EXISTS (SELECT 1 FROM event WHERE id = ?3 + (sub - ?2))",
        )?;
        statement.execute((row.ms, row.sub, row.number << INDEX_BITS))?;
        Ok(())
    }

    /// Whether the event was not there before.
    pub(super) fn insert_event(
        &mut self,
        entry: &EntryRow,
        index: u16,
        ids: &Ids,
        attributes: &Attributes<'_>,
        outcome: Outcome,
    ) -> Result<bool, CacheError> {
        let sequence = ids.run.and(attributes.sequence).map(|sequence| sequence as i64);
        let inserted = self.insert_event.execute(params![
            event_id(entry.number, index),
            ids.source,
            ids.kind,
            ids.run,
            sequence,
            outcome.work_ns as i64,
            outcome.result as i64,
            attributes.value,
        ])?;
        Ok(inserted == 1)
    }

    /// Whether the event is not there as stored or dead.
    pub(super) fn insert_dead(
        &mut self,
        entry: &EntryRow,
        index: u16,
        run: Option<u32>,
        sequence: Option<u64>,
    ) -> Result<bool, CacheError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dead (ms, sub, run, sequence) SELECT ?1, ?2, ?3, ?4
             WHERE NOT EXISTS (SELECT 1 FROM event WHERE id = ?5) ON CONFLICT DO NOTHING",
        )?;
        let sub = entry.sub | i64::from(index);
        let sequence = run.and(sequence).map(|sequence| sequence as i64);
        Ok(statement.execute((entry.ms, sub, run, sequence, event_id(entry.number, index)))? == 1)
    }

    pub(super) fn insert_bodies(
        &mut self,
        number: i64,
        events: &[StoredEvent<'_>],
    ) -> Result<(), CacheError> {
        for events in events.chunk_by(|a, b| block_of(a) == block_of(b)) {
            let mut lines = [None; LINES];
            place(events, &mut lines);
            let used = usize::from(events[events.len() - 1].index) % LINES + 1;
            self.block.clear();
            body::encode(&lines[..used], &mut self.block);
            self.insert_body.execute((body_id(number, block_of(&events[0])), &self.block))?;
        }
        Ok(())
    }

    /// Adds the lines that were not there.
    pub(super) fn merge_bodies(&mut self, number: i64, events: &[StoredEvent<'_>]) -> Result<(), CacheError> {
        let connection = self.connection;
        let mut find = connection.prepare_cached("SELECT lines FROM body WHERE id = ?")?;
        let mut replace =
            connection.prepare_cached("INSERT OR REPLACE INTO body (id, lines) VALUES (?, ?)")?;
        for events in events.chunk_by(|a, b| block_of(a) == block_of(b)) {
            let id = body_id(number, block_of(&events[0]));
            let stored: Option<Vec<u8>> = find.query_row([id], |row| row.get(0)).optional()?;
            let stored = stored.unwrap_or_default();
            let mut lines = [None; LINES];
            place(events, &mut lines);
            for (line, stored) in lines.iter_mut().zip(body::decode(&stored).unwrap_or_default()) {
                *line = stored.or(*line);
            }
            self.block.clear();
            body::encode(&lines, &mut self.block);
            replace.execute((id, &self.block))?;
        }
        Ok(())
    }
}

fn event_id(number: i64, index: u16) -> i64 {
    (number << INDEX_BITS) | i64::from(index)
}

fn body_id(number: i64, block: u16) -> i64 {
    (number << (INDEX_BITS - BLOCK_BITS)) | i64::from(block)
}

fn block_of(event: &StoredEvent<'_>) -> u16 {
    event.index >> BLOCK_BITS
}

fn place<'a>(events: &[StoredEvent<'a>], lines: &mut [Option<&'a str>; LINES]) {
    for event in events {
        lines[usize::from(event.index) % LINES] = Some(event.line);
    }
}

//! One transaction: entries go in row by row, what is derived from them once per distinct key at the end.

use events::Position;
use rusqlite::Transaction;

use super::entries::{EntryRow, Rows};
use super::rollups::RollupDelta;
use super::runs::RunDelta;
use super::source_keys::SourceKeys;
use super::{State, StoreReport};
use crate::aggregate::{Aggregate, Latest};
use crate::entry::{Attributes, EventState, StoredEntry, StoredEvent};
use crate::error::CacheError;

/// A transaction in the making.
pub(super) struct Batch<'t> {
    transaction: &'t Transaction<'t>,
    state: &'t mut State,
    rows: Rows<'t>,
    rollups: RollupDelta,
    runs: RunDelta,
    keys: SourceKeys,
    report: StoreReport,
    worker_name: String,
}

/// What the events of one entry have in common, and what they add up to.
struct Current {
    row: EntryRow,
    is_new: bool,
    /// Of all events that were inserted.
    total: Aggregate,
    latency_us: i64,
}

impl<'t> Batch<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>, state: &'t mut State) -> Result<Self, CacheError> {
        Ok(Self {
            rows: Rows::new(transaction)?,
            transaction,
            state,
            rollups: RollupDelta::default(),
            runs: RunDelta::default(),
            keys: SourceKeys::default(),
            report: StoreReport::default(),
            worker_name: String::new(),
        })
    }

    pub(super) fn store(&mut self, entry: &StoredEntry<'_>) -> Result<(), CacheError> {
        if entry.events.is_empty() {
            return Ok(());
        }
        let before = self.report;
        let mut current = self.begin(entry)?;
        for event in &entry.events {
            match &event.state {
                EventState::Processed { attributes, outcome } => {
                    let row = &current.row;
                    let ids = self.ids(attributes)?;
                    if self.rows.insert_event(row, event.index, &ids, attributes, *outcome)? {
                        self.count(&mut current, entry, event, attributes, &ids);
                    } else {
                        self.report.duplicates += 1;
                    }
                }
                EventState::Dead { runid, sequence } => {
                    let run = runid.map(|runid| self.state.names.runs.id(self.transaction, runid));
                    let is_new =
                        self.rows.insert_dead(&current.row, event.index, run.transpose()?, *sequence)?;
                    self.report.dead += u64::from(is_new);
                }
            }
        }
        self.finish_entry(entry, &current, self.report != before)
    }

    /// Writes what is derived from the rows.
    pub(super) fn finish(mut self) -> Result<StoreReport, CacheError> {
        self.state.bounds.rows += self.report.inserted;
        self.state.bounds.save(self.transaction)?;
        self.rollups.save(self.transaction)?;
        self.runs.save(self.transaction)?;
        self.keys.save(self.transaction, &mut self.state.tail)?;
        Ok(self.report)
    }

    fn begin(&mut self, entry: &StoredEntry<'_>) -> Result<Current, CacheError> {
        let (ms, sub) = Position::new(entry.id, entry.partition, 0).parts();
        self.worker_name.clear();
        self.worker_name.push_str(entry.worker);
        self.worker_name.push('\n');
        self.worker_name.push_str(entry.arch);
        let worker = self.state.names.workers.id(self.transaction, &self.worker_name)?;
        let found = self.rows.find_entry(ms, sub)?;
        let row = EntryRow {
            ms,
            sub,
            number: found.unwrap_or(self.state.entries + 1),
            accepted_us: entry.accepted_us,
            processed_us: entry.processed_us,
            worker,
            types: 0,
            runs: 0,
        };
        let latency_us = entry.processed_us.saturating_sub(entry.accepted_us);
        Ok(Current { row, is_new: found.is_none(), total: Aggregate::default(), latency_us })
    }

    fn ids(&mut self, attributes: &Attributes<'_>) -> Result<Ids, CacheError> {
        let names = &mut self.state.names;
        Ok(Ids {
            source: names.sources.id(self.transaction, attributes.source)?,
            kind: names.types.id(self.transaction, attributes.kind)?,
            run: attributes.runid.map(|runid| names.runs.id(self.transaction, runid)).transpose()?,
        })
    }

    /// Counts an event that was inserted.
    fn count(
        &mut self,
        current: &mut Current,
        entry: &StoredEntry<'_>,
        event: &StoredEvent<'_>,
        attributes: &Attributes<'_>,
        ids: &Ids,
    ) {
        let Current { row, total, latency_us, .. } = current;
        let position = Position::new(entry.id, entry.partition, event.index);
        row.types |= 1 << (ids.kind % 64);
        if let Some(run) = ids.run {
            row.runs |= 1 << (run % 64);
            self.runs.add(run, attributes.sequence, position.parts());
        }
        self.report.inserted += 1;
        total.add(attributes.value, *latency_us);
        let latest = Latest { position, accepted_us: entry.accepted_us };
        self.rollups.add_event(ids, latest, attributes.value, *latency_us);
        self.keys.add(ids.source, position.parts());
    }

    fn finish_entry(
        &mut self,
        entry: &StoredEntry<'_>,
        current: &Current,
        has_changed: bool,
    ) -> Result<(), CacheError> {
        let Current { row, is_new, total, .. } = current;
        if *is_new {
            self.state.entries = row.number;
            self.state.bounds.add_entry(entry.id.ms, entry.accepted_us);
            self.rows.insert_bodies(row.number, &entry.events)?;
            self.rows.insert_entry(row)?;
        } else if has_changed {
            self.rows.merge_bodies(row.number, &entry.events)?;
            self.rows.add_to_entry(row)?;
        }
        self.rollups.add_entry(row.worker, entry.accepted_us, total);
        Ok(())
    }
}

/// The interned names of an event.
pub(super) struct Ids {
    pub(super) source: u32,
    pub(super) kind: u32,
    pub(super) run: Option<u32>,
}

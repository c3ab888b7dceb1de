//! The sources of events, and the latest event of each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use events::Position;
use rusqlite::OptionalExtension as _;

use super::{EventRow, Snapshot};
use crate::aggregate::{GROUPS, Group, Latest, visit_groups};
use crate::error::CacheError;
use crate::rollup::{Dimension, Level, RollupId};

/// Some sources by name, and the name after which the next page begins.
#[derive(Clone, Debug, Default)]
pub struct SourcePage {
    pub sources: Vec<SourceRow>,
    /// `None` where there are no more.
    pub next: Option<String>,
}

/// A source and its latest event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    pub source: String,
    pub events: u64,
    pub last_position: Position,
    /// Unix microseconds.
    pub last_accepted_us: i64,
}

type Groups = [Group; GROUPS as usize];

impl Snapshot<'_> {
    /// At most `limit` sources in the order of their names' bytes, after the name `after`.
    ///
    /// # Errors
    /// The deadline, or what SQLite says.
    pub fn sources(&self, after: Option<&str>, limit: usize) -> Result<SourcePage, CacheError> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT id, name FROM source WHERE name > ? ORDER BY name LIMIT ?")?;
        let mut rows = statement.query((after.unwrap_or_default(), limit as i64 + 1))?;
        let mut page = SourcePage::default();
        // Sources that are neighbours by name often share a row of groups.
        let mut chunks: HashMap<u32, Groups> = HashMap::new();
        while let Some(row) = rows.next()? {
            if page.sources.len() == limit {
                page.next = page.sources.last().map(|row| row.source.clone());
                break;
            }
            let (id, source): (u32, String) = (row.get(0)?, row.get(1)?);
            let groups = match chunks.entry(id / GROUPS) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(self.source_groups(id / GROUPS)?),
            };
            let Group { aggregate, latest } = &groups[(id % GROUPS) as usize];
            page.sources.extend(latest.map(|Latest { position, accepted_us }| SourceRow {
                source,
                events: aggregate.events,
                last_position: position,
                last_accepted_us: accepted_us,
            }));
        }
        Ok(page)
    }

    /// The event of a source with the greatest position.
    ///
    /// # Errors
    /// The deadline, or what SQLite says.
    pub fn latest(&self, source: &str) -> Result<Option<EventRow>, CacheError> {
        let Some(id) = self.id("source", source)? else { return Ok(None) };
        let groups = self.source_groups(id / GROUPS)?;
        let latest = groups[(id % GROUPS) as usize].latest;
        latest.map_or(Ok(None), |latest| self.event(latest.position))
    }

    fn source_groups(&self, chunk: u32) -> Result<Groups, CacheError> {
        let id = RollupId { dimension: Dimension::Source, level: Level::All, bucket: 0, chunk };
        let mut statement = self.transaction.prepare_cached("SELECT groups FROM rollup WHERE id = ?")?;
        let mut groups = Groups::default();
        statement
            .query_row([id.as_integer()], |row| {
                let blob = row.get_ref(0)?.as_blob()?;
                Ok(visit_groups(blob, |slot, parts| groups[slot as usize].merge_encoded(parts)))
            })
            .optional()?
            .unwrap_or(Ok(()))?;
        Ok(groups)
    }
}

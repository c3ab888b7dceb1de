//! Adds a transaction's events to the rollups.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::batch::Ids;
use crate::aggregate::{Aggregate, GROUPS, Group, Latest, encode_groups, visit_groups};
use crate::error::CacheError;
use crate::rollup::{Dimension, Level, RollupId, minute_of};

/// What a transaction adds, by dimension, minute and key.
#[derive(Default)]
pub(super) struct RollupDelta {
    groups: HashMap<(Dimension, u32, u32), Group>,
}

/// A group's part of one row.
struct Item<'a> {
    id: RollupId,
    slot: u32,
    group: &'a Group,
}

impl RollupDelta {
    pub(super) fn add_event(&mut self, ids: &Ids, latest: Latest, value: Option<f64>, latency_us: i64) {
        let minute = minute_of(latest.accepted_us);
        let source = self.groups.entry((Dimension::Source, minute, ids.source)).or_default();
        source.aggregate.add(value, latency_us);
        source.add_latest(Some(latest));
        let kind = self.groups.entry((Dimension::Type, minute, ids.kind)).or_default();
        kind.aggregate.add(value, latency_us);
    }

    /// Adds the sum of an entry's events where only the entry matters.
    pub(super) fn add_entry(&mut self, worker: u32, accepted_us: i64, total: &Aggregate) {
        if total.events == 0 {
            return;
        }
        let minute = minute_of(accepted_us);
        for (dimension, key) in [(Dimension::Total, 0), (Dimension::Worker, worker)] {
            self.groups.entry((dimension, minute, key)).or_default().aggregate.merge(total);
        }
    }

    pub(super) fn save(&self, connection: &Connection) -> Result<(), CacheError> {
        let mut find = connection.prepare_cached("SELECT groups FROM rollup WHERE id = ?")?;
        let mut replace =
            connection.prepare_cached("INSERT OR REPLACE INTO rollup (id, groups) VALUES (?, ?)")?;
        let mut blob = Vec::new();
        let mut groups: [Group; GROUPS as usize] = Default::default();
        for items in self.items().chunk_by(|a, b| a.id == b.id) {
            let id = items[0].id.as_integer();
            groups.iter_mut().for_each(Group::clear);
            find.query_row([id], |row| {
                let stored = row.get_ref(0)?.as_blob()?;
                Ok(visit_groups(stored, |slot, parts| groups[slot as usize].merge_encoded(parts)))
            })
            .optional()?
            .unwrap_or(Ok(()))?;
            for Item { id, slot, group } in items {
                let sum = &mut groups[*slot as usize];
                sum.aggregate.merge(&group.aggregate);
                if id.level == Level::All {
                    sum.add_latest(group.latest);
                }
            }
            blob.clear();
            encode_groups((0..).zip(&groups).filter(|(_, group)| group.aggregate.events > 0), &mut blob);
            replace.execute((id, &blob))?;
        }
        Ok(())
    }

    /// Every group at every level, in the order of the rows.
    fn items(&self) -> Vec<Item<'_>> {
        let mut items = Vec::with_capacity(self.groups.len() * Level::ALL.len());
        for (&(dimension, minute, key), group) in &self.groups {
            items.extend(Level::ALL.map(|level| {
                let id = RollupId { dimension, level, bucket: level.bucket_of(minute), chunk: key / GROUPS };
                Item { id, slot: key % GROUPS, group }
            }));
        }
        items.sort_unstable_by_key(|item| (item.id, item.slot));
        items
    }
}

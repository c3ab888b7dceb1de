//! Sums over groups of events, from the rollups alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Snapshot, Worker};
use crate::aggregate::{Aggregate, GROUPS, Group, encoded_events, visit_groups};
use crate::codec::Parts;
use crate::error::CacheError;
use crate::rollup::{Dimension, Level, RollupId, cover, minute_of, minute_start_us};

/// What events are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SummaryBy {
    Source,
    Type,
    Worker,
    Arch,
    Minute,
}

/// Accepted times that are asked for, unix microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SummaryRange {
    pub since_us: Option<i64>,
    /// Exclusive.
    pub until_us: Option<i64>,
}

/// Groups and their total.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The accepted times that are covered, unix microseconds: whole minutes around what was asked for, or
    /// the first and last event where nothing was. `None` while there is nothing.
    pub covered_us: Option<(i64, i64)>,
    /// With the most events first; minutes in their order.
    pub groups: Vec<SummaryGroup>,
    /// Number of groups, of which `groups` may be a part.
    pub groups_total: u64,
    pub total: Aggregate,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SummaryGroup {
    pub key: String,
    /// When the minute began, unix microseconds; 0 for groups that are none.
    pub minute_us: i64,
    pub aggregate: Aggregate,
}

/// Rows of a dimension: levels and inclusive ranges of buckets.
type Buckets = Vec<(Level, u32, u32)>;

impl Snapshot<'_> {
    /// At most `limit` groups. Ranges are widened to whole minutes.
    ///
    /// # Errors
    /// The deadline, or what SQLite says.
    pub fn summary(&self, by: SummaryBy, range: SummaryRange, limit: usize) -> Result<Summary, CacheError> {
        let Some((first_us, last_us)) = self.bounds.accepted_us else { return Ok(Summary::default()) };
        let minutes = minutes(range, first_us, last_us);
        let buckets = if range == SummaryRange::default() {
            vec![(Level::All, 0, 0)]
        } else {
            cover(minutes.0, minutes.1)
        };
        let mut summary = Summary {
            covered_us: Some((
                range.since_us.map_or(first_us, |_| minute_start_us(minutes.0)),
                range.until_us.map_or(last_us, |_| minute_start_us(minutes.1)),
            )),
            ..Summary::default()
        };
        if let Some((_, total)) = self.aggregates(Dimension::Total, &buckets, |_| true)?.pop() {
            summary.total = total;
        }
        let groups = match by {
            SummaryBy::Source => self.by_key(Dimension::Source, "source", &buckets, limit)?,
            SummaryBy::Type => self.by_key(Dimension::Type, "type", &buckets, limit)?,
            SummaryBy::Worker => self.by_worker(&buckets, |worker| worker.name)?,
            SummaryBy::Arch => self.by_worker(&buckets, |worker| worker.arch)?,
            SummaryBy::Minute => self.by_minute(minutes, limit)?,
        };
        (summary.groups, summary.groups_total) = groups;
        summary.groups.truncate(limit);
        Ok(summary)
    }

    fn by_key(
        &self,
        dimension: Dimension,
        table: &str,
        buckets: &Buckets,
        limit: usize,
    ) -> Result<(Vec<SummaryGroup>, u64), CacheError> {
        let mut counts = self.counts(dimension, buckets)?;
        let count = counts.len() as u64;
        counts.sort_unstable_by_key(|&(key, events)| (std::cmp::Reverse(events), key));
        counts.truncate(limit);
        let order: HashMap<u32, usize> = counts.iter().enumerate().map(|(at, &(key, _))| (key, at)).collect();
        let mut groups = self.aggregates(dimension, buckets, |key| order.contains_key(&key))?;
        groups.sort_unstable_by_key(|(key, _)| order[key]);
        let named = groups
            .into_iter()
            .map(|(id, aggregate)| Ok(SummaryGroup { key: self.name(table, id)?, minute_us: 0, aggregate }));
        Ok((named.collect::<Result<_, CacheError>>()?, count))
    }

    fn by_worker(
        &self,
        buckets: &Buckets,
        key: impl Fn(Worker) -> Arc<str>,
    ) -> Result<(Vec<SummaryGroup>, u64), CacheError> {
        let mut sums: BTreeMap<Arc<str>, Aggregate> = BTreeMap::new();
        for (id, aggregate) in self.aggregates(Dimension::Worker, buckets, |_| true)? {
            sums.entry(key(self.worker(id)?)).or_default().merge(&aggregate);
        }
        let count = sums.len() as u64;
        let mut groups: Vec<_> = sums
            .into_iter()
            .map(|(key, aggregate)| SummaryGroup { key: key.to_string(), minute_us: 0, aggregate })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.aggregate.events));
        Ok((groups, count))
    }

    fn by_minute(
        &self,
        (first, end): (u32, u32),
        limit: usize,
    ) -> Result<(Vec<SummaryGroup>, u64), CacheError> {
        let mut groups = Vec::new();
        let mut count = 0;
        if first < end {
            self.visit_rollup(Dimension::Total, (Level::Minute, first, end - 1), |minute, _, parts| {
                let mut group = Group::default();
                group.merge_encoded(parts)?;
                count += 1;
                if groups.len() < limit {
                    let (key, minute_us) = (String::new(), minute_start_us(minute));
                    groups.push(SummaryGroup { key, minute_us, aggregate: group.aggregate });
                }
                Ok(())
            })?;
        }
        for group in &mut groups {
            group.key = events::rfc3339_from_unix_us(group.minute_us);
        }
        Ok((groups, count))
    }

    /// Keys of a dimension and the number of their events.
    fn counts(&self, dimension: Dimension, buckets: &Buckets) -> Result<Vec<(u32, u64)>, CacheError> {
        let mut counts = Vec::new();
        for &range in buckets {
            self.visit_rollup(dimension, range, |_, key, parts| {
                *slot(&mut counts, key) += encoded_events(parts)?;
                Ok(())
            })?;
        }
        Ok((0..).zip(counts).filter(|(_, events)| *events > 0).collect())
    }

    /// The sums of those keys of a dimension that are wanted and have events.
    fn aggregates(
        &self,
        dimension: Dimension,
        buckets: &Buckets,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Result<Vec<(u32, Aggregate)>, CacheError> {
        let mut sums: Vec<Group> = Vec::new();
        for &range in buckets {
            self.visit_rollup(dimension, range, |_, key, parts| {
                if is_wanted(key) { slot(&mut sums, key).merge_encoded(parts) } else { Ok(()) }
            })?;
        }
        let sums = (0..).zip(sums).map(|(key, group)| (key, group.aggregate));
        Ok(sums.filter(|(_, aggregate)| aggregate.events > 0).collect())
    }

    /// Visits bucket, key and encoded group of the rows of a level.
    fn visit_rollup(
        &self,
        dimension: Dimension,
        (level, first, last): (Level, u32, u32),
        mut visit: impl FnMut(u32, u32, Parts<'_>) -> Result<(), CacheError>,
    ) -> Result<(), CacheError> {
        let id = |bucket, chunk| RollupId { dimension, level, bucket, chunk }.as_integer();
        let mut statement = self
            .transaction
            .prepare_cached("SELECT id, groups FROM rollup WHERE id >= ? AND id < ? ORDER BY id")?;
        let mut rows = statement.query((id(first, 0), id(last + 1, 0)))?;
        while let Some(row) = rows.next()? {
            self.check_deadline()?;
            let (bucket, chunk) = RollupId::bucket_and_chunk(row.get(0)?);
            let blob = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            visit_groups(blob, |slot, parts| visit(bucket, chunk * GROUPS + slot, parts))?;
        }
        Ok(())
    }
}

/// The place of a key in a list. Keys count from 1 without gaps.
fn slot<T: Default>(list: &mut Vec<T>, key: u32) -> &mut T {
    let at = key as usize;
    if at >= list.len() {
        list.resize_with(at + 1, T::default);
    }
    &mut list[at]
}

/// The whole minutes that cover a range, as far as there are events: first, and end exclusive.
fn minutes(range: SummaryRange, first_us: i64, last_us: i64) -> (u32, u32) {
    let first = range.since_us.map_or(0, minute_of).max(minute_of(first_us));
    let end = range.until_us.map_or(u32::MAX, |until| minute_of(until.saturating_sub(1)) + 1);
    (first, end.min(minute_of(last_us) + 1))
}

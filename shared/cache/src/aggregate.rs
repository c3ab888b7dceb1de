//! What a rollup keeps of a group of events, and how groups share a row.
//!
//! A row holds the groups of 32 neighbouring keys, because a transaction at full load touches every source:
//! 32 upserts of a few kilobytes cost a tenth of 1000 small ones.

use events::Position;

use crate::codec::{Parts, put_float, put_signed, put_unsigned};
use crate::error::CacheError;
use crate::latency::{LatencyHistogram, bucket_of};

/// Keys that share a row.
pub(crate) const GROUPS: u32 = 32;

/// Counts of a group of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    pub events: u64,
    pub values: Values,
    /// Accepted to processed.
    pub latency: LatencyHistogram,
    /// The exact maximum, microseconds.
    pub latency_max_us: i64,
}

/// Statistics of the numbers that events carried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Values {
    pub count: u64,
    pub sum: f64,
    /// 0 while `count` is.
    pub min: f64,
    /// 0 while `count` is.
    pub max: f64,
}

/// One key's part of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) aggregate: Aggregate,
    pub(crate) latest: Option<Latest>,
}

/// The greatest position of a group; kept only where all time is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) position: Position,
    pub(crate) accepted_us: i64,
}

impl Aggregate {
    pub(crate) fn add(&mut self, value: Option<f64>, latency_us: i64) {
        self.latency_max_us = if self.events == 0 { latency_us } else { self.latency_max_us.max(latency_us) };
        self.events += 1;
        self.latency.add(bucket_of(latency_us), 1);
        if let Some(value) = value {
            self.values.merge(&Values { count: 1, sum: value, min: value, max: value });
        }
    }

    pub fn merge(&mut self, other: &Self) {
        if other.events == 0 {
            return;
        }
        let no_events = self.events == 0;
        self.latency_max_us =
            if no_events { other.latency_max_us } else { self.latency_max_us.max(other.latency_max_us) };
        self.events += other.events;
        self.latency.merge(&other.latency);
        self.values.merge(&other.values);
    }
}

impl Values {
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Group {
    /// Empties the group and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.aggregate.latency.clear();
        let latency = std::mem::take(&mut self.aggregate.latency);
        *self = Self { aggregate: Aggregate { latency, ..Aggregate::default() }, latest: None };
    }

    fn encode(&self, buffer: &mut Vec<u8>) {
        let Self { aggregate: Aggregate { events, values, latency, latency_max_us }, latest } = self;
        put_unsigned(buffer, *events);
        put_signed(buffer, *latency_max_us);
        put_unsigned(buffer, values.count);
        if values.count > 0 {
            put_float(buffer, values.sum);
            put_float(buffer, values.min);
            put_float(buffer, values.max);
        }
        latency.encode(buffer);
        put_unsigned(buffer, u64::from(latest.is_some()));
        if let Some(Latest { position, accepted_us }) = latest {
            let (ms, sub) = position.parts();
            put_signed(buffer, ms);
            put_signed(buffer, sub);
            put_signed(buffer, *accepted_us);
        }
    }

    /// Adds one encoded group.
    pub(crate) fn merge_encoded(&mut self, mut parts: Parts<'_>) -> Result<(), CacheError> {
        let Aggregate { events, values, latency, latency_max_us } = &mut self.aggregate;
        let (more_events, max_us) = (parts.unsigned()?, parts.signed()?);
        *latency_max_us = if *events == 0 { max_us } else { max_us.max(*latency_max_us) };
        *events += more_events;
        let count = parts.unsigned()?;
        if count > 0 {
            values.merge(&Values { count, sum: parts.float()?, min: parts.float()?, max: parts.float()? });
        }
        latency.merge_encoded(&mut parts)?;
        if parts.unsigned()? != 0 {
            let position = Position::from_parts(parts.signed()?, parts.signed()?);
            self.add_latest(Some(Latest { position, accepted_us: parts.signed()? }));
        }
        Ok(())
    }

    pub(crate) fn add_latest(&mut self, latest: Option<Latest>) {
        if latest.map(|latest| latest.position) > self.latest.map(|latest| latest.position) {
            self.latest = latest;
        }
    }
}

/// Appends groups with their slot, the key's place in the row, each behind its length in bytes.
pub(crate) fn encode_groups<'a>(groups: impl Iterator<Item = (u32, &'a Group)>, buffer: &mut Vec<u8>) {
    for (slot, group) in groups {
        put_unsigned(buffer, u64::from(slot));
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 2]);
        group.encode(buffer);
        // A group has at most 497 latency buckets of 12 bytes.
        let length = (buffer.len() - start - 2) as u16;
        buffer[start..start + 2].copy_from_slice(&length.to_le_bytes());
    }
}

/// Reads what [`encode_groups`] wrote. The visitor gets the slot, and the parts that [`Group::merge_encoded`]
/// reads; it may leave them unread.
pub(crate) fn visit_groups(
    blob: &[u8],
    mut visit: impl FnMut(u32, Parts<'_>) -> Result<(), CacheError>,
) -> Result<(), CacheError> {
    let mut parts = Parts(blob);
    while !parts.is_empty() {
        let slot = parts.unsigned()? as u32;
        if slot >= GROUPS {
            return Err(CacheError::Corrupt(format!("a rollup has the slot {slot}")));
        }
        visit(slot, parts.section()?)?;
    }
    Ok(())
}

/// The number of events of an encoded group.
pub(crate) fn encoded_events(mut parts: Parts<'_>) -> Result<u64, CacheError> {
    parts.unsigned()
}

#[cfg(test)]
mod tests {
    use events::EntryId;

    use super::*;

    fn aggregate(events: &[(Option<f64>, i64)]) -> Aggregate {
        let mut aggregate = Aggregate::default();
        events.iter().for_each(|&(value, latency_us)| aggregate.add(value, latency_us));
        aggregate
    }

    #[test]
    fn groups_round_trip() {
        let latest = Latest { position: Position::new(EntryId::new(5, 6), 7, 8), accepted_us: -1 };
        let groups = [
            (0, Group { aggregate: aggregate(&[(Some(1.5), 10), (None, -3)]), latest: None }),
            (31, Group { aggregate: aggregate(&[(None, 99_999)]), latest: Some(latest) }),
        ];
        let mut blob = Vec::new();
        encode_groups(groups.iter().map(|(slot, group)| (*slot, group)), &mut blob);
        let mut merged = vec![Group::default(); GROUPS as usize];
        let merge = |merged: &mut [Group], blob: &[u8]| {
            visit_groups(blob, |slot, parts| merged[slot as usize].merge_encoded(parts))
        };
        assert!(merge(&mut merged, &blob[..blob.len() - 1]).is_err());
        assert!(merge(&mut merged, &[32, 0]).is_err());
        merged.iter_mut().for_each(Group::clear);
        merge(&mut merged, &blob).expect("valid");
        for (slot, group) in &groups {
            assert_eq!(merged[*slot as usize], *group);
        }
        assert_eq!(merged.iter().filter(|group| **group != Group::default()).count(), groups.len());
    }

    #[test]
    fn merging_equals_adding() {
        let (a, b) = ([(Some(2.0), 5), (None, -7)], [(Some(-1.0), 900)]);
        let mut merged = aggregate(&a);
        merged.merge(&aggregate(&b));
        merged.merge(&Aggregate::default());
        assert_eq!(merged, aggregate(&[&a[..], &b].concat()));
        let mut merged = Aggregate::default();
        merged.merge(&aggregate(&[(None, -7)]));
        assert_eq!(merged.latency_max_us, -7);
    }

    #[test]
    fn greatest_position_is_kept() {
        let at = |ms| Group {
            latest: Some(Latest {
                position: Position::new(EntryId::new(ms, 0), 0, 0),
                accepted_us: ms as i64,
            }),
            ..Group::default()
        };
        let mut group = at(5);
        group.add_latest(at(3).latest);
        group.add_latest(None);
        assert_eq!(group, at(5));
        group.add_latest(at(9).latest);
        assert_eq!(group, at(9));
    }
}

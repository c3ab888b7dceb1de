//! Which sequence numbers of a run are there: from the bitmaps, without reading events.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::time::Instant;

use events::Position;

use super::Snapshot;
use super::keys::Key;
use crate::bitmap::{Bitmap, CHUNK, Ranges};
use crate::cursor::Order;
use crate::error::CacheError;

/// Duplicates that an audit lists; the others are counted.
const DUPLICATES_MAX: usize = 1000;

/// The books of one run. All zero and empty for a run that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunAudit {
    /// Stored events.
    pub events: u64,
    /// Distinct sequence numbers.
    pub distinct: u64,
    /// Stored events without a sequence number.
    pub unnumbered: u64,
    /// Present sequence numbers, inclusive ranges.
    pub ranges: Vec<(u64, u64)>,
    /// The first ones by sequence.
    pub duplicates: Vec<RunDuplicate>,
    /// Stored events whose sequence number another event had before.
    pub duplicates_total: u64,
    /// Sequence numbers of dead-lettered events, inclusive ranges.
    pub dead: Vec<(u64, u64)>,
    /// Position of the run's first event.
    pub first: Option<Position>,
}

/// A sequence number that several events have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDuplicate {
    pub sequence: u64,
    /// In order. That of the event which came first is left out where the deadline leaves no time to look for
    /// it.
    pub positions: Vec<Position>,
}

impl Snapshot<'_> {
    /// # Errors
    /// The deadline, or what SQLite says.
    pub fn audit(&self, runid: &str) -> Result<RunAudit, CacheError> {
        let Some(run) = self.id("run", runid)? else { return Ok(RunAudit::default()) };
        let mut statement = self.transaction.prepare_cached(
            "SELECT events, unnumbered, duplicates, first_ms, first_sub FROM run WHERE id = ?",
        )?;
        let mut audit = statement.query_row([run], |row| {
            let first = row.get::<_, Option<i64>>(3)?.zip(row.get(4)?);
            Ok(RunAudit {
                events: row.get::<_, i64>(0)? as u64,
                unnumbered: row.get::<_, i64>(1)? as u64,
                duplicates_total: row.get::<_, i64>(2)? as u64,
                first: first.map(|(ms, sub)| Position::from_parts(ms, sub)),
                ..RunAudit::default()
            })
        })?;
        let present = self.present(run)?;
        (audit.distinct, audit.ranges) = (present.count, present.ranges);
        audit.dead = self.dead(run)?;
        if audit.duplicates_total > 0 {
            audit.duplicates = self.duplicates(run)?;
        }
        Ok(audit)
    }

    fn present(&self, run: u32) -> Result<Ranges, CacheError> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT chunk, bits FROM run_chunk WHERE run = ? ORDER BY chunk")?;
        let mut rows = statement.query([run])?;
        let mut ranges = Ranges::default();
        while let Some(row) = rows.next()? {
            let first = row.get::<_, i64>(0)? as u64 * CHUNK;
            let blob = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            ranges.add_chunk(first, &Bitmap::from_blob(blob)?);
        }
        Ok(ranges)
    }

    fn dead(&self, run: u32) -> Result<Vec<(u64, u64)>, CacheError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT sequence FROM dead WHERE run = ? AND sequence IS NOT NULL ORDER BY sequence",
        )?;
        let mut ranges = Ranges::default();
        for sequence in statement.query_map([run], |row| row.get::<_, i64>(0))? {
            ranges.add_number(sequence? as u64);
        }
        Ok(ranges.ranges)
    }

    fn duplicates(&self, run: u32) -> Result<Vec<RunDuplicate>, CacheError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT sequence, ms, sub FROM run_duplicate WHERE run = ? ORDER BY sequence, ms, sub",
        )?;
        let rows = statement
            .query_map([run], |row| Ok((row.get::<_, i64>(0)? as u64, (row.get(1)?, row.get(2)?))))?;
        let mut found: BTreeMap<u64, Vec<Key>> = BTreeMap::new();
        for row in rows {
            let (sequence, key) = row?;
            if found.len() == DUPLICATES_MAX && !found.contains_key(&sequence) {
                break;
            }
            found.entry(sequence).or_default().push(key);
        }
        self.add_first_positions(run, &mut found)?;
        let duplicate = |(sequence, mut keys): (u64, Vec<Key>)| {
            keys.sort_unstable();
            keys.dedup();
            let positions = keys.into_iter().map(|(ms, sub)| Position::from_parts(ms, sub)).collect();
            RunDuplicate { sequence, positions }
        };
        Ok(found.into_iter().map(duplicate).collect())
    }

    /// The books do not say where the first event with a sequence number is. Whoever sends an event twice
    /// sends it from the same source, so the events of that source are searched.
    fn add_first_positions(&self, run: u32, found: &mut BTreeMap<u64, Vec<Key>>) -> Result<(), CacheError> {
        let mut sources: HashMap<u32, Vec<u64>> = HashMap::new();
        for (&sequence, keys) in &*found {
            if let Some((_, event)) = self.find(keys[0].0, keys[0].1)? {
                sources.entry(event.source).or_default().push(sequence);
            }
        }
        let keys = self.keys_of_run(run)?;
        let give_up = Instant::now() + self.deadline.saturating_duration_since(Instant::now()) / 2;
        for (source, sequences) in sources {
            self.visit_source(source, &keys, Order::Ascending, |(ms, sub)| {
                let event =
                    self.find(ms, sub)?.map(|(_, event)| event).filter(|event| event.run == Some(run));
                let sequence = event.and_then(|event| event.sequence).map(|sequence| sequence as u64);
                if let Some(sequence) = sequence.filter(|sequence| sequences.binary_search(sequence).is_ok())
                {
                    found.entry(sequence).or_default().push((ms, sub));
                }
                Ok(if Instant::now() > give_up { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(())
    }
}

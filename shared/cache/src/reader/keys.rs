//! The positions of a source: its index merged with the tail that is not in the index yet.

use std::ops::{ControlFlow, Range};

use super::Snapshot;
use crate::cursor::Order;
use crate::error::CacheError;
use crate::source_tail;

/// A position as it stands in the tables, `(ms, sub)`.
pub(super) type Key = (i64, i64);

impl Snapshot<'_> {
    /// Visits the positions of a source within a range, in order, until the visitor breaks.
    pub(super) fn visit_source(
        &self,
        source: u32,
        range: &Range<Key>,
        order: Order,
        mut visit: impl FnMut(Key) -> Result<ControlFlow<()>, CacheError>,
    ) -> Result<(), CacheError> {
        let tail = self.tail(source, range, order)?;
        let mut tail = tail.into_iter().peekable();
        let mut statement = self.transaction.prepare_cached(match order {
            Order::Ascending => {
                "SELECT ms, sub FROM source_index WHERE source = ? AND (ms, sub) >= (?, ?) AND (ms, sub) < (?, ?)
                 ORDER BY ms, sub"
            }
            Order::Descending => {
                "SELECT ms, sub FROM source_index WHERE source = ? AND (ms, sub) >= (?, ?) AND (ms, sub) < (?, ?)
                 ORDER BY ms DESC, sub DESC"
            }
        })?;
        let (start, end) = (range.start, range.end);
        let index = statement
            .query_map((source, start.0, start.1, end.0, end.1), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_before = |a: &Key, b: &Key| match order {
            Order::Ascending => a < b,
            Order::Descending => a > b,
        };
        for key in index {
            let key = key?;
            while let Some(key) = tail.next_if(|tail| is_before(tail, &key)) {
                if visit(key)?.is_break() {
                    return Ok(());
                }
            }
            if visit(key)?.is_break() {
                return Ok(());
            }
        }
        for key in tail {
            if visit(key)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn tail(&self, source: u32, range: &Range<Key>, order: Order) -> Result<Vec<Key>, CacheError> {
        let key = |(ms, sub): Key| (source, ms, sub);
        let range = key(range.start)..key(range.end);
        let mut statement = self.transaction.prepare_cached("SELECT keys FROM source_tail")?;
        let mut rows = statement.query([])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            let blob = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            keys.extend(source_tail::decode(source_tail::slice(blob, &range)).map(|(_, ms, sub)| (ms, sub)));
        }
        keys.sort_unstable();
        if order == Order::Descending {
            keys.reverse();
        }
        Ok(keys)
    }
}

//! Feeds the index of sources in sorted runs: row by row it would halve the speed of the cache.

use rusqlite::Connection;

use crate::error::CacheError;
use crate::source_tail::{self, Key};

/// The tail goes into the index once it has so many keys; a query by source reads the whole tail, 20 bytes a
/// key.
const TAIL_KEYS_MAX: u64 = 65_536;
/// … or so many rows, which small transactions make.
const TAIL_ROWS_MAX: u64 = 64;

/// The size of `source_tail`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    rows: u64,
    keys: u64,
}

/// The keys that a transaction adds.
#[derive(Default)]
pub(super) struct SourceKeys(Vec<Key>);

impl Tail {
    pub(super) fn load(connection: &Connection) -> Result<Self, CacheError> {
        let sql = "SELECT count(*), coalesce(sum(length(keys)), 0) FROM source_tail";
        let (rows, bytes): (i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { rows: rows as u64, keys: bytes as u64 / source_tail::KEY_BYTES as u64 })
    }
}

impl SourceKeys {
    pub(super) fn add(&mut self, source: u32, (ms, sub): (i64, i64)) {
        self.0.push((source, ms, sub));
    }

    pub(super) fn save(&mut self, connection: &Connection, tail: &mut Tail) -> Result<(), CacheError> {
        if self.0.is_empty() {
            return Ok(());
        }
        tail.rows += 1;
        tail.keys += self.0.len() as u64;
        if tail.keys < TAIL_KEYS_MAX && tail.rows < TAIL_ROWS_MAX {
            self.0.sort_unstable();
            let mut insert = connection.prepare_cached("INSERT INTO source_tail (keys) VALUES (?)")?;
            insert.execute([source_tail::encode(&self.0)])?;
            return Ok(());
        }
        self.merge(connection)?;
        *tail = Tail::default();
        Ok(())
    }

    /// Moves the tail and the new keys into the index.
    fn merge(&mut self, connection: &Connection) -> Result<(), CacheError> {
        let mut rows = connection.prepare_cached("SELECT keys FROM source_tail")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let blob = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            self.0.extend(source_tail::decode(blob));
        }
        self.0.sort_unstable();
        let mut insert =
            connection.prepare_cached("INSERT INTO source_index (source, ms, sub) VALUES (?, ?, ?)")?;
        for key in &self.0 {
            insert.execute(*key)?;
        }
        drop(rows);
        connection.prepare_cached("DELETE FROM source_tail")?.execute([])?;
        Ok(())
    }
}

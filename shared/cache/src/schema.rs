//! The layout of the file, and why it is as it is.
//!
//! Measured with one million rows of 300-byte events from 1000 random sources, 100 events an entry, 6000 rows
//! a transaction, on two cores of a virtual x86-64 machine (rows a second):
//!
//! | layout | rows/s |
//! |---|---|
//! | one table by (ms, sub) WITHOUT ROWID, body in the row | 572 k |
//! | the same and an index on (source, ms, sub) | 268 k |
//! | entry + narrow event + blocks of 16 bodies | 937 k |
//! | the same and an index on (source, ms, sub), row by row | 306 k |
//! | the same, index fed in sorted runs of 65,536 rows | 567 k |
//! | all of it: names, rollups, bitmaps of runs | 384 k |
//!
//! The last one with 1000 rows a transaction: 244 k, because rollups cost per distinct key and transaction.
//! Entries of one event each and 1000 rows a transaction: 212 k.
//!
//! So: what an entry's events have in common stands once in `entry`; an event's id is its entry's number and
//! its index, so that rows append; bodies stand sixteen a row; the index of sources, the only secondary one,
//! is fed in sorted runs from `source_tail`, whose rows each hold one transaction's new keys. Type and run
//! have no index: `entry` holds a bit set of each, so that a scan skips entries, and `run` the bounds of each
//! run. Rollups and bitmaps answer summaries and audits without reading events.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use events::EntryId;

use crate::error::CacheError;

/// Goes up with every change of the layout or of a blob's format; a file of another version is rebuilt.
pub(crate) const VERSION: i64 = 2;

/// "tbch", so that other databases are not taken for a cache.
const APPLICATION_ID: i64 = 0x7462_6368;

/// Bits of the index in `event.id`.
pub(crate) const INDEX_BITS: u32 = 9;

const TABLES: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    rows INTEGER NOT NULL,
    first_accepted_us INTEGER,
    last_accepted_us INTEGER,
    -- Bounds of (accepted - Redis' clock at the write), ms: how a range of one becomes a range of the other.
    skew_min_ms INTEGER,
    skew_max_ms INTEGER,
    -- The boot of the kernel that it was made in, where that is known.
    boot TEXT
);
INSERT INTO meta (id, rows) VALUES (0, 0);

CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
-- The name is the instance, a line break and the architecture.
CREATE TABLE worker (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    events INTEGER NOT NULL DEFAULT 0,
    unnumbered INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    first_ms INTEGER, first_sub INTEGER,
    last_ms INTEGER, last_sub INTEGER
);

-- sub: the entry's part of the position, with index 0. number: order of arrival, from 1.
CREATE TABLE entry (
    ms INTEGER NOT NULL,
    sub INTEGER NOT NULL,
    number INTEGER NOT NULL,
    accepted_us INTEGER NOT NULL,
    processed_us INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    -- Bit (id mod 64) is set for the type and the run of each event.
    types INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (ms, sub)
) WITHOUT ROWID;
-- id: entry number << 9 | index.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    type INTEGER NOT NULL,
    run INTEGER,
    sequence INTEGER,
    work_ns INTEGER NOT NULL,
    result INTEGER NOT NULL,
    value REAL
);
-- id: entry number << 5 | index >> 4.
CREATE TABLE body (id INTEGER PRIMARY KEY, lines BLOB NOT NULL);
CREATE TABLE dead (
    ms INTEGER NOT NULL,
    sub INTEGER NOT NULL,
    run INTEGER,
    sequence INTEGER,
    PRIMARY KEY (ms, sub)
) WITHOUT ROWID;
CREATE INDEX dead_run ON dead (run, sequence) WHERE run IS NOT NULL;

CREATE TABLE source_index (source INTEGER, ms INTEGER, sub INTEGER, PRIMARY KEY (source, ms, sub)) WITHOUT ROWID;
CREATE TABLE source_tail (number INTEGER PRIMARY KEY, keys BLOB NOT NULL);

-- id: dimension, level, bucket and chunk, see rollup.rs.
CREATE TABLE rollup (id INTEGER PRIMARY KEY, groups BLOB NOT NULL);

CREATE TABLE run_chunk (run INTEGER, chunk INTEGER, bits BLOB NOT NULL, PRIMARY KEY (run, chunk)) WITHOUT ROWID;
-- A row whose sequence was there already.
CREATE TABLE run_duplicate (
    run INTEGER, sequence INTEGER, ms INTEGER, sub INTEGER,
    PRIMARY KEY (run, sequence, ms, sub)
) WITHOUT ROWID;

CREATE TABLE follow (
    partition INTEGER PRIMARY KEY,
    ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    -- Entries that were added up to here: with the stream's own count it tells whether some were missed.
    entries INTEGER NOT NULL,
    -- Everything in results up to here may have been missed.
    gap_ms INTEGER,
    gap_seq INTEGER
);
";

/// How far a partition's results have been taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    pub partition: u8,
    /// The last entry of `results` that the cache holds.
    pub position: EntryId,
    /// How many entries had been added to `results` up to that one.
    pub entries: u64,
}

/// How far a partition's results have been taken in, and whether some were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowPosition {
    pub followed: Followed,
    /// Entries up to this one were gone before they could be read.
    pub gap: Option<EntryId>,
}

/// Makes the tables in an empty file.
pub(crate) fn create(transaction: &Transaction<'_>, boot: Option<&str>) -> Result<(), CacheError> {
    transaction.execute_batch(TABLES)?;
    transaction.execute("UPDATE meta SET boot = ?", [boot])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Empty,
    Cache,
    Other { version: i64 },
}

pub(crate) fn content(connection: &Connection) -> Result<Content, CacheError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (tables, application, version) {
        (0, 0, 0) => Content::Empty,
        (_, APPLICATION_ID, VERSION) => Content::Cache,
        _ => Content::Other { version },
    })
}

/// The boot of the kernel that the file was made in.
pub(crate) fn boot(connection: &Connection) -> Result<Option<String>, CacheError> {
    Ok(connection.query_row("SELECT boot FROM meta", [], |row| row.get(0)).optional()?.flatten())
}

/// The file itself and those that SQLite keeps beside it.
pub(crate) fn files(path: &Path) -> [std::path::PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

pub(crate) fn follow_positions(connection: &Connection) -> Result<Vec<FollowPosition>, CacheError> {
    let mut statement = connection.prepare_cached(
        "SELECT partition, ms, seq, entries, gap_ms, gap_seq FROM follow ORDER BY partition",
    )?;
    let rows = statement.query_map([], |row| {
        let gap: Option<(i64, i64)> = row.get::<_, Option<i64>>(4)?.zip(row.get(5)?);
        Ok(FollowPosition {
            followed: Followed {
                partition: row.get(0)?,
                position: EntryId::new(row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64),
                entries: row.get::<_, i64>(3)? as u64,
            },
            gap: gap.map(|(ms, seq)| EntryId::new(ms as u64, seq as u64)),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Bounds over all entries, and their number of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) rows: u64,
    /// First and last, unix microseconds.
    pub(crate) accepted_us: Option<(i64, i64)>,
    /// Least and greatest (accepted − Redis' clock at the write), milliseconds.
    pub(crate) skew_ms: Option<(i64, i64)>,
}

impl Bounds {
    pub(crate) fn load(connection: &Connection) -> Result<Self, CacheError> {
        let mut statement = connection.prepare_cached(
            "SELECT rows, first_accepted_us, last_accepted_us, skew_min_ms, skew_max_ms FROM meta",
        )?;
        let bounds = statement.query_row([], |row| {
            let pair =
                |at| -> rusqlite::Result<_> { Ok(row.get::<_, Option<i64>>(at)?.zip(row.get(at + 1)?)) };
            Ok(Self { rows: row.get::<_, i64>(0)? as u64, accepted_us: pair(1)?, skew_ms: pair(3)? })
        });
        bounds.optional()?.ok_or_else(|| CacheError::Corrupt("no row in meta".to_owned()))
    }

    pub(crate) fn save(&self, connection: &Connection) -> Result<(), CacheError> {
        let mut statement = connection.prepare_cached(
            "UPDATE meta SET rows = ?, first_accepted_us = ?, last_accepted_us = ?, skew_min_ms = ?, skew_max_ms = ?",
        )?;
        let (first, last) = self.accepted_us.unzip();
        let (least, greatest) = self.skew_ms.unzip();
        statement.execute((self.rows as i64, first, last, least, greatest))?;
        Ok(())
    }

    pub(crate) fn add_entry(&mut self, ms: u64, accepted_us: i64) {
        let widen = |bounds: Option<(i64, i64)>, value: i64| {
            Some(bounds.map_or((value, value), |(least, greatest)| (least.min(value), greatest.max(value))))
        };
        self.accepted_us = widen(self.accepted_us, accepted_us);
        self.skew_ms = widen(self.skew_ms, accepted_us.div_euclid(1000).saturating_sub(ms as i64));
    }
}

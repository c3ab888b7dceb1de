//! Keeps the books that audits read: which sequence numbers of a run are there, and which more than once.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::bitmap::{Bitmap, CHUNK};
use crate::error::CacheError;

/// What a transaction adds to runs.
#[derive(Default)]
pub(super) struct RunDelta {
    runs: HashMap<u32, Run>,
}

struct Run {
    events: u64,
    unnumbered: u64,
    first: (i64, i64),
    last: (i64, i64),
    /// Sequence and position.
    numbered: Vec<(u64, (i64, i64))>,
}

impl RunDelta {
    pub(super) fn add(&mut self, run: u32, sequence: Option<u64>, position: (i64, i64)) {
        let run = self.runs.entry(run).or_insert_with(|| Run {
            events: 0,
            unnumbered: 0,
            first: position,
            last: position,
            numbered: Vec::new(),
        });
        run.events += 1;
        run.first = run.first.min(position);
        run.last = run.last.max(position);
        match sequence {
            Some(sequence) => run.numbered.push((sequence, position)),
            None => run.unnumbered += 1,
        }
    }

    pub(super) fn save(&mut self, connection: &Connection) -> Result<(), CacheError> {
        for (&id, run) in &mut self.runs {
            run.numbered.sort_unstable();
            let mut duplicates = 0;
            for numbered in run.numbered.chunk_by(|a, b| a.0 / CHUNK == b.0 / CHUNK) {
                duplicates += save_chunk(connection, id, numbered)?;
            }
            save_run(connection, id, run, duplicates)?;
        }
        Ok(())
    }
}

/// Sets the bits of one chunk; gives the number of duplicates.
fn save_chunk(connection: &Connection, run: u32, numbered: &[(u64, (i64, i64))]) -> Result<u64, CacheError> {
    let chunk = (numbered[0].0 / CHUNK) as i64;
    let mut find = connection.prepare_cached("SELECT bits FROM run_chunk WHERE run = ? AND chunk = ?")?;
    let stored = find.query_row((run, chunk), |row| Ok(Bitmap::from_blob(row.get_ref(0)?.as_blob()?)));
    let mut bitmap = stored.optional()?.transpose()?.unwrap_or_default();
    let mut duplicates = 0;
    for &(sequence, (ms, sub)) in numbered {
        if !bitmap.insert(sequence) {
            duplicates += 1;
            let mut insert = connection
                .prepare_cached("INSERT INTO run_duplicate (run, sequence, ms, sub) VALUES (?, ?, ?, ?)")?;
            insert.execute((run, sequence as i64, ms, sub))?;
        }
    }
    let mut replace =
        connection.prepare_cached("INSERT OR REPLACE INTO run_chunk (run, chunk, bits) VALUES (?, ?, ?)")?;
    replace.execute((run, chunk, bitmap.bytes()))?;
    Ok(duplicates)
}

fn save_run(connection: &Connection, id: u32, run: &Run, duplicates: u64) -> Result<(), CacheError> {
    let mut count = connection.prepare_cached(
        "UPDATE run SET events = events + ?2, unnumbered = unnumbered + ?3, duplicates = duplicates + ?4
         WHERE id = ?1",
    )?;
    count.execute((id, run.events as i64, run.unnumbered as i64, duplicates as i64))?;
    let mut first = connection.prepare_cached(
        "UPDATE run SET first_ms = ?2, first_sub = ?3
         WHERE id = ?1 AND (first_ms IS NULL OR (first_ms, first_sub) > (?2, ?3))",
    )?;
    first.execute((id, run.first.0, run.first.1))?;
    let mut last = connection.prepare_cached(
        "UPDATE run SET last_ms = ?2, last_sub = ?3
         WHERE id = ?1 AND (last_ms IS NULL OR (last_ms, last_sub) < (?2, ?3))",
    )?;
    last.execute((id, run.last.0, run.last.1))?;
    Ok(())
}

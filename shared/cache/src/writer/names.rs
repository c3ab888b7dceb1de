//! Interned names: text is stored once and rows hold small integers.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::CacheError;

/// Names of one kind that are kept in memory; beyond, the file is asked again.
const REMEMBERED_MAX: usize = 65_536;

/// The tables of names.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) sources: Interner,
    pub(super) types: Interner,
    pub(super) runs: Interner,
    pub(super) workers: Interner,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            sources: Interner::new("source"),
            types: Interner::new("type"),
            runs: Interner::new("run"),
            workers: Interner::new("worker"),
        }
    }
}

/// One table of names and what is remembered of it.
#[derive(Debug)]
pub(super) struct Interner {
    table: &'static str,
    remembered: HashMap<Arc<str>, u32>,
    /// Neighbouring events often share a name; comparing is cheaper than hashing.
    last: Option<(Arc<str>, u32)>,
}

impl Interner {
    fn new(table: &'static str) -> Self {
        Self { table, remembered: HashMap::new(), last: None }
    }

    /// The id of a name, which is made where there is none.
    pub(super) fn id(&mut self, connection: &Connection, name: &str) -> Result<u32, CacheError> {
        if let Some((last, id)) = &self.last
            && **last == *name
        {
            return Ok(*id);
        }
        let (name, id) = match self.remembered.get_key_value(name) {
            Some((name, &id)) => (Arc::clone(name), id),
            None => {
                let id = find_or_insert(connection, self.table, name)?;
                if self.remembered.len() >= REMEMBERED_MAX {
                    self.remembered.clear();
                }
                let name: Arc<str> = name.into();
                self.remembered.insert(Arc::clone(&name), id);
                (name, id)
            }
        };
        self.last = Some((name, id));
        Ok(id)
    }
}

fn find_or_insert(connection: &Connection, table: &str, name: &str) -> Result<u32, CacheError> {
    let find = format!("SELECT id FROM {table} WHERE name = ?");
    if let Some(id) = connection.prepare_cached(&find)?.query_row([name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let insert = format!("INSERT INTO {table} (name) VALUES (?) RETURNING id");
    Ok(connection.prepare_cached(&insert)?.query_row([name], |row| row.get(0))?)
}

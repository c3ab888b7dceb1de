//! Pages of events by keyset: after a key, never after a count.

use std::ops::{ControlFlow, Range};

use events::Position;

use super::Snapshot;
use super::event::{Attributes, Bodies, Entry, Event, EventRow, INDEX_MASK};
use super::keys::Key;
use crate::cursor::{Cursor, Order, fingerprint};
use crate::error::CacheError;
use crate::schema::INDEX_BITS;

/// Which events are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub source: Option<String>,
    /// The attribute `type`.
    pub kind: Option<String>,
    pub runid: Option<String>,
    /// Accepted at or after, unix microseconds.
    pub since_us: Option<i64>,
    /// Accepted before, unix microseconds.
    pub until_us: Option<i64>,
}

/// Some events, and where the next page begins.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    pub events: Vec<EventRow>,
    /// `None` where there are no more.
    pub next: Option<Cursor>,
}

impl EventFilter {
    fn fingerprint(&self) -> u64 {
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let (since, until) = (number(self.since_us), number(self.until_us));
        let names = [&self.source, &self.kind, &self.runid, &since, &until];
        fingerprint(&names.map(|name| name.as_deref()))
    }
}

/// A filter in terms of the tables.
struct Plan {
    attributes: Attributes,
    accepted_us: Range<i64>,
    /// Positions that can match.
    keys: Range<Key>,
    order: Order,
}

/// A page in the making.
struct PageBuilder<'s> {
    snapshot: &'s Snapshot<'s>,
    plan: &'s Plan,
    limit: usize,
    has_more: bool,
    bodies: Bodies,
    events: Vec<EventRow>,
}

impl Snapshot<'_> {
    /// At most `limit` events in the order of their positions, from the start or from where `cursor` stands.
    ///
    /// # Errors
    /// A cursor of another query, the deadline, or what SQLite says.
    pub fn events(
        &self,
        filter: &EventFilter,
        order: Order,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventPage, CacheError> {
        let fingerprint = filter.fingerprint();
        let after = cursor.map(|cursor| cursor.check(order, fingerprint)).transpose()?;
        let Some(plan) = self.plan(filter, order, after)? else { return Ok(EventPage::default()) };
        let mut page = PageBuilder {
            snapshot: self,
            plan: &plan,
            limit,
            has_more: false,
            bodies: Bodies::default(),
            events: Vec::new(),
        };
        match plan.attributes.source {
            Some(source) => self.visit_source(source, &plan.keys, order, |key| page.visit_key(key))?,
            None => self.visit_entries(&plan, |entry| page.visit_entry(entry))?,
        }
        let PageBuilder { events, has_more, .. } = page;
        let last = events.last().filter(|_| has_more).map(|event| event.position);
        Ok(EventPage { events, next: last.map(|last| Cursor { order, fingerprint, last }) })
    }

    /// `None` where nothing can match.
    fn plan(
        &self,
        filter: &EventFilter,
        order: Order,
        after: Option<Position>,
    ) -> Result<Option<Plan>, CacheError> {
        let mut attributes = Attributes::default();
        for (table, name, id) in [
            ("source", &filter.source, &mut attributes.source),
            ("type", &filter.kind, &mut attributes.kind),
            ("run", &filter.runid, &mut attributes.run),
        ] {
            let Some(name) = name else { continue };
            *id = self.id(table, name)?;
            if id.is_none() {
                return Ok(None);
            }
        }
        let accepted_us = filter.since_us.unwrap_or(i64::MIN)..filter.until_us.unwrap_or(i64::MAX);
        let mut keys = self.keys_of_time(filter);
        if let Some(run) = attributes.run {
            let bounds = self.keys_of_run(run)?;
            keys = keys.start.max(bounds.start)..keys.end.min(bounds.end);
        }
        match (after.map(Position::parts), order) {
            (Some((ms, sub)), Order::Ascending) => keys.start = keys.start.max((ms, sub + 1)),
            (Some(key), Order::Descending) => keys.end = keys.end.min(key),
            (None, _) => {}
        }
        Ok((keys.start < keys.end).then_some(Plan { attributes, accepted_us, keys, order }))
    }

    /// Positions carry Redis' clock and the filter is about that of ingest: the greatest differences seen
    /// between the two turn one into bounds of the other.
    fn keys_of_time(&self, filter: &EventFilter) -> Range<Key> {
        let (skew_min_ms, skew_max_ms) = self.bounds.skew_ms.unwrap_or_default();
        let start = filter.since_us.map(|since| since.div_euclid(1000).saturating_sub(skew_max_ms));
        let end = filter.until_us.map(|until| until.div_euclid(1000).saturating_sub(skew_min_ms));
        let end = end.map_or((i64::MAX, i64::MAX), |end| (end.saturating_add(1), 0));
        (start.unwrap_or(0).max(0), 0)..end
    }

    pub(super) fn keys_of_run(&self, run: u32) -> Result<Range<Key>, CacheError> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT first_ms, first_sub, last_ms, last_sub FROM run WHERE id = ?")?;
        let bounds = statement.query_row([run], |row| {
            let key = |at| -> rusqlite::Result<Option<Key>> {
                Ok(row.get::<_, Option<i64>>(at)?.zip(row.get(at + 1)?))
            };
            Ok(key(0)?.zip(key(2)?))
        })?;
        // A run without events has only dead ones.
        Ok(bounds.map_or((0, 0)..(0, 0), |(first, (ms, sub))| first..(ms, sub + 1)))
    }

    /// Visits the entries that can hold matching events, in order, until the visitor breaks.
    fn visit_entries(
        &self,
        plan: &Plan,
        mut visit: impl FnMut(&Entry) -> Result<ControlFlow<()>, CacheError>,
    ) -> Result<(), CacheError> {
        let mut statement = self.transaction.prepare_cached(match plan.order {
            Order::Ascending => {
                "SELECT ms, sub, number, accepted_us, processed_us, worker FROM entry
                 WHERE (ms, sub) >= (?, ?) AND (ms, sub) < (?, ?) AND accepted_us >= ? AND accepted_us < ?
                   AND types & ?7 = ?7 AND runs & ?8 = ?8 ORDER BY ms, sub"
            }
            Order::Descending => {
                "SELECT ms, sub, number, accepted_us, processed_us, worker FROM entry
                 WHERE (ms, sub) >= (?, ?) AND (ms, sub) < (?, ?) AND accepted_us >= ? AND accepted_us < ?
                   AND types & ?7 = ?7 AND runs & ?8 = ?8 ORDER BY ms DESC, sub DESC"
            }
        })?;
        let Plan { attributes, accepted_us, keys, .. } = plan;
        let bit = |id: Option<u32>| id.map_or(0_i64, |id| 1 << (id % 64));
        let mut rows = statement.query((
            keys.start.0,
            // The entry of the first position, whose own key has index 0.
            keys.start.1 & !INDEX_MASK,
            keys.end.0,
            keys.end.1,
            accepted_us.start,
            accepted_us.end,
            bit(attributes.kind),
            bit(attributes.run),
        ))?;
        while let Some(row) = rows.next()? {
            if visit(&Entry::from_row(row)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl PageBuilder<'_> {
    fn visit_entry(&mut self, entry: &Entry) -> Result<ControlFlow<()>, CacheError> {
        self.snapshot.check_deadline()?;
        let mut statement = self.snapshot.transaction.prepare_cached(match self.plan.order {
            Order::Ascending => {
                "SELECT id, source, type, run, sequence, work_ns, result FROM event WHERE id BETWEEN ? AND ?
                   AND (?3 IS NULL OR type = ?3) AND (?4 IS NULL OR run = ?4) ORDER BY id"
            }
            Order::Descending => {
                "SELECT id, source, type, run, sequence, work_ns, result FROM event WHERE id BETWEEN ? AND ?
                   AND (?3 IS NULL OR type = ?3) AND (?4 IS NULL OR run = ?4) ORDER BY id DESC"
            }
        })?;
        let first = entry.number << INDEX_BITS;
        let Attributes { kind, run, .. } = self.plan.attributes;
        let mut rows = statement.query((first, first | INDEX_MASK, kind, run))?;
        while let Some(row) = rows.next()? {
            if self.push(entry, &Event::from_row(row)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn visit_key(&mut self, (ms, sub): Key) -> Result<ControlFlow<()>, CacheError> {
        self.snapshot.check_deadline()?;
        match self.snapshot.find(ms, sub)? {
            Some((entry, event)) if self.plan.accepted_us.contains(&entry.accepted_us) => {
                self.push(&entry, &event)
            }
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    fn push(&mut self, entry: &Entry, event: &Event) -> Result<ControlFlow<()>, CacheError> {
        let key = (entry.ms, entry.sub | event.index());
        if !self.plan.keys.contains(&key) || !event.has(&self.plan.attributes) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.events.len() == self.limit {
            self.has_more = true;
            return Ok(ControlFlow::Break(()));
        }
        self.events.push(self.snapshot.event_row(entry, event, &self.bodies)?);
        Ok(ControlFlow::Continue(()))
    }
}

//! Where in Redis events are that cannot be queried. Reads the streams once, in pages, and changes nothing.

use anyhow::Context;
use events::entry::{EventsEntry, ResultsEntry};
use events::{EntryId, Event, GROUP, Keys, Position};
use measurement::SequenceSet;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamInfoGroupsReply;
use service::redis::RedisConfig;
use std::collections::BTreeMap;
use std::time::Duration;

/// Entries a page: an entry has up to 256 KiB, so a page stays within some MiB.
const PAGE_ENTRIES: usize = 20;

/// A page must arrive within this time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most events that are looked for: what the first hundred thousand have in common, the others have too.
const LOOKED_FOR_MAX: usize = 100_000;

/// Where one copy of an event is. The order is by how far it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In `events`, given to no worker yet.
    Undelivered,
    /// In `events`, acknowledged, and in neither of the streams that an acknowledged event goes to.
    Acknowledged,
    /// In `events`, given to a worker that has not acknowledged it.
    Pending {
        /// The worker.
        consumer: String,
    },
    /// In `results`.
    Published,
    /// In `dead`.
    Dead {
        /// Why the worker gave it up.
        reason: String,
    },
}

/// What was looked for and where it was found; what is not among the places is nowhere.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The events that were looked for: all, or the first of very many.
    pub(super) looked_for: SequenceSet,
    /// The furthest place of every copy of them: an event that was accepted twice has two.
    pub(super) copies: BTreeMap<u64, BTreeMap<Position, Place>>,
}

impl Places {
    /// The place of the copy that came furthest.
    pub(super) fn furthest(&self, sequence: u64) -> Option<&Place> {
        self.copies.get(&sequence)?.values().max()
    }

    /// The place of the copy that came least far, where there are several.
    pub(super) fn last_of_several(&self, sequence: u64) -> Option<&Place> {
        self.copies.get(&sequence).filter(|copies| copies.len() > 1)?.values().min()
    }

    fn add(&mut self, copies: Vec<(u64, Position)>, place: &Place) {
        for (sequence, position) in copies {
            let copies = self.copies.entry(sequence).or_default();
            let furthest = copies.entry(position).or_insert_with(|| place.clone());
            if *furthest < *place {
                *furthest = place.clone();
            }
        }
    }
}

/// Fields of a stream entry.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

struct Search<'a> {
    connection: MultiplexedConnection,
    run: &'a str,
    partition: u8,
    places: Places,
}

/// Looks for the events `sequences` of `run` in all partitions.
///
/// # Errors
/// Where Redis does not answer as it should.
pub(super) async fn find(
    redis: &RedisConfig,
    partitions: u16,
    run: &str,
    sequences: &SequenceSet,
) -> anyhow::Result<Places> {
    let connection = redis.connect_once(RESPONSE_TIMEOUT).await?;
    let looked_for = sequences.iter().take(LOOKED_FOR_MAX).collect();
    let mut search =
        Search { connection, run, partition: 0, places: Places { looked_for, copies: BTreeMap::new() } };
    for (partition, keys) in (0..=u8::MAX).zip(Keys::all(partitions)) {
        search.partition = partition;
        search.look_in_events(&keys).await.with_context(|| keys.events.clone())?;
        search.look_in_results(&keys).await.with_context(|| keys.results.clone())?;
        search.look_in_dead(&keys).await.with_context(|| keys.dead.clone())?;
    }
    Ok(search.places)
}

impl Search<'_> {
    async fn look_in_events(&mut self, keys: &Keys) -> anyhow::Result<()> {
        let delivered = self.last_delivered(keys).await?;
        let mut from = EntryId::ZERO;
        while let Some((page, next)) = self.page(&keys.events, from).await? {
            for (id, fields) in page {
                // An entry that is not one of ours cannot hold what is looked for.
                let Ok(entry) = EventsEntry::decode(&borrowed(&fields)) else { continue };
                let wanted = self.wanted(id, entry.lines());
                if wanted.is_empty() {
                    continue;
                }
                let place = match self.consumer(keys, id).await? {
                    Some(consumer) => Place::Pending { consumer },
                    None if delivered.is_none_or(|delivered| id > delivered) => Place::Undelivered,
                    None => Place::Acknowledged,
                };
                self.places.add(wanted, &place);
            }
            from = next;
        }
        Ok(())
    }

    async fn look_in_results(&mut self, keys: &Keys) -> anyhow::Result<()> {
        let mut from = EntryId::ZERO;
        while let Some((page, next)) = self.page(&keys.results, from).await? {
            for (_, fields) in page {
                let Ok(entry) = ResultsEntry::decode(&borrowed(&fields)) else { continue };
                // An event without an outcome stands here only beside others; it is in `dead`.
                let published =
                    |index: u16| entry.outcomes.get(usize::from(index)).is_some_and(Option::is_some);
                let mut wanted = self.wanted(entry.id, entry.events.lines());
                wanted.retain(|(_, position)| published(position.index));
                self.places.add(wanted, &Place::Published);
            }
            from = next;
        }
        Ok(())
    }

    async fn look_in_dead(&mut self, keys: &Keys) -> anyhow::Result<()> {
        let mut from = EntryId::ZERO;
        while let Some((page, next)) = self.page(&keys.dead, from).await? {
            for (_, fields) in page {
                let field = |name: &[u8]| {
                    let value =
                        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_slice());
                    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
                };
                let (event, reason) = (field(b"event"), field(b"reason"));
                let unnamed = Position::new(EntryId::ZERO, self.partition, 0);
                let position = field(b"position").parse::<Position>().unwrap_or(unnamed);
                let copies = self.wanted(position.entry, event.lines());
                // The bytes of one event, or of a whole entry.
                let at = |index: u16| Position { index: position.index.saturating_add(index), ..position };
                let copies = copies.into_iter().map(|(sequence, line)| (sequence, at(line.index))).collect();
                self.places.add(copies, &Place::Dead { reason });
            }
            from = next;
        }
        Ok(())
    }

    /// The events of an entry that are looked for.
    fn wanted<'b>(&self, entry: EntryId, lines: impl Iterator<Item = &'b str>) -> Vec<(u64, Position)> {
        let position = |index| Position::new(entry, self.partition, index);
        (0..)
            .zip(lines)
            .filter_map(|(index, line)| Some((self.wanted_sequence(line)?, position(index))))
            .collect()
    }

    /// The number of an event of the run that is looked for.
    fn wanted_sequence(&self, line: &str) -> Option<u64> {
        let event = Event::parse(line).ok()?;
        let sequence = event.sequence.filter(|_| event.runid.as_deref() == Some(self.run))?;
        self.places.looked_for.contains(sequence).then_some(sequence)
    }

    /// Up to [`PAGE_ENTRIES`] entries from `from` on, and where the next page begins; `None` at the end.
    async fn page(
        &mut self,
        key: &str,
        from: EntryId,
    ) -> anyhow::Result<Option<(Vec<(EntryId, Fields)>, EntryId)>> {
        let mut command = redis::cmd("XRANGE");
        command.arg(key).arg(from.to_string()).arg("+").arg("COUNT").arg(PAGE_ENTRIES);
        let raw: Vec<(String, Fields)> = command.query_async(&mut self.connection).await?;
        let page: Vec<(EntryId, Fields)> =
            raw.into_iter().map(|(id, fields)| Ok((id.parse()?, fields))).collect::<anyhow::Result<_>>()?;
        Ok(page.last().map(|(id, _)| id.next()).map(|next| (page, next)))
    }

    /// The last entry that was given to any worker; `None` where there is no group, so that none was.
    async fn last_delivered(&mut self, keys: &Keys) -> anyhow::Result<Option<EntryId>> {
        let exists: bool = redis::cmd("EXISTS").arg(&keys.events).query_async(&mut self.connection).await?;
        if !exists {
            return Ok(None);
        }
        let groups: StreamInfoGroupsReply =
            redis::cmd("XINFO").arg("GROUPS").arg(&keys.events).query_async(&mut self.connection).await?;
        let group = groups.groups.iter().find(|group| group.name == GROUP);
        group.map(|group| Ok(group.last_delivered_id.parse()?)).transpose()
    }

    /// The worker that an entry was given to and that has not acknowledged it.
    async fn consumer(&mut self, keys: &Keys, id: EntryId) -> anyhow::Result<Option<String>> {
        let id = id.to_string();
        let mut command = redis::cmd("XPENDING");
        command.arg(&keys.events).arg(GROUP).arg(&id).arg(&id).arg(1);
        let pending: Result<Vec<(String, String, u64, u64)>, redis::RedisError> =
            command.query_async(&mut self.connection).await;
        match pending {
            Ok(pending) => Ok(pending.into_iter().next().map(|(_, consumer, _, _)| consumer)),
            Err(error) if error.code() == Some("NOGROUP") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn borrowed(fields: &Fields) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
}

#[cfg(test)]
mod tests;

//! Follows the results of one partition, and notices when some can no longer be had.

use std::sync::Arc;
use std::time::Duration;

use cache::Followed;
use events::{EntryId, Keys};
use observability::Outage;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use service::clock::unix_us;
use service::redis::Link;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::decode::Entry;
use super::storing::Batch;
use crate::streams::{self, RawEntry, StreamInfo};
use crate::telemetry::Instruments;

/// How often the position is registered and the stream is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Longer than any blocking read.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(6);

/// Most entries a read asks for, however small they are: an upper bound when entries suddenly grow.
const ENTRIES_MAX: usize = 128;

/// The reader of one partition.
pub(super) struct PartitionReader {
    pub(super) keys: Keys,
    pub(super) link: Link,
    pub(super) instance: String,
    pub(super) batch_bytes_max: usize,
    pub(super) progress: Arc<Progress>,
    pub(super) instruments: Instruments,
    pub(super) batches: mpsc::Sender<Batch>,
}

enum Interruption {
    /// The writer has gone.
    Stopped,
    Redis(RedisError),
}

impl From<RedisError> for Interruption {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

/// What a look at the stream says about the way there.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Where to go on.
    next: Followed,
    /// Results up to this one cannot be had any more.
    gap: Option<EntryId>,
    /// Redis has lost data that were there.
    is_lost: bool,
}

impl PartitionReader {
    /// Follows until `stop` is cancelled.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut at = self.progress.of(self.keys.partition).followed;
        while let Some(mut connection) = self.link.connect(&stop).await {
            let interruption = tokio::select! {
                () = stop.cancelled() => return,
                Err(interruption) = self.follow(&mut connection, &mut at) => interruption,
            };
            match interruption {
                Interruption::Stopped => return,
                Interruption::Redis(error) => self.link.lost(&error),
            }
        }
    }

    /// Only ends with an interruption.
    async fn follow(
        &self,
        connection: &mut MultiplexedConnection,
        at: &mut Followed,
    ) -> Result<std::convert::Infallible, Interruption> {
        let unreadable = Outage::new(format!("entries of {}", self.keys.results));
        let mut count = 1;
        loop {
            self.check(connection, at).await?;
            let check_at = Instant::now() + CHECK_INTERVAL;
            while let Some(block) =
                check_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            {
                let entries =
                    streams::read(connection, &self.keys.results, at.position, count, block).await?;
                let Some(last) = entries.last() else { continue };
                count = next_count(&entries, count, self.batch_bytes_max);
                *at = Followed { position: last.id, entries: at.entries + entries.len() as u64, ..*at };
                self.instruments.entries_followed.add(entries.len() as u64);
                self.send(self.batch(entries, *at, &unreadable)).await?;
            }
        }
    }

    /// Looks at the stream, tells the writer what was missed, and registers what the cache holds.
    async fn check(
        &self,
        connection: &mut MultiplexedConnection,
        at: &mut Followed,
    ) -> Result<(), Interruption> {
        let stream = streams::info(connection, &self.keys.results).await?;
        let before = self.progress.looked_at(self.keys.partition, stream);
        let finding = compare(*at, &stream, before.as_ref());
        if finding.is_lost {
            tracing::warn!(stream = %self.keys.results, position = %at.position, last = %stream.last, "redis has lost data, following again from its start");
        }
        if let Some(through) = finding.gap {
            tracing::warn!(stream = %self.keys.results, %through, "results were gone before they could be followed");
        }
        if finding.gap.is_some() || finding.next != *at {
            *at = finding.next;
            self.send(Batch { entries: Vec::new(), followed: *at, gap: finding.gap, received_us: unix_us() })
                .await?;
        }
        let position = self.progress.of(self.keys.partition).followed.position;
        Ok(streams::register(connection, &self.keys, &self.instance, position, unix_us()).await?)
    }

    fn batch(&self, entries: Vec<RawEntry>, followed: Followed, unreadable: &Outage) -> Batch {
        let received_us = unix_us();
        let mut gap = None;
        let parse = |raw: RawEntry| {
            let id = raw.id;
            let entry = Entry::parse(raw);
            if let Some(error) = entry.error() {
                unreadable.failed(error);
                gap = Some(id);
            }
            entry
        };
        let entries = entries.into_iter().map(parse).collect();
        Batch { entries, followed, gap, received_us }
    }

    async fn send(&self, batch: Batch) -> Result<(), Interruption> {
        self.batches.send(batch).await.map_err(|_| Interruption::Stopped)
    }
}

/// Compares how far we have come with the stream as it is now and as it was at the last look of this process.
///
/// Streams are trimmed at their start, so more entries gone than we have read means that some were missed.
/// Only counts show that: an id does not say how many came before it, and trimming leaves no trace in
/// `max-deleted-entry-id`.
fn compare(at: Followed, stream: &StreamInfo, before: Option<&StreamInfo>) -> Finding {
    if stream.last < at.position || stream.added < at.entries {
        let was_at_end = before.is_some_and(|before| before.last <= at.position);
        let last = before.map_or(at.position, |before| before.last.max(at.position));
        let start = Followed { position: EntryId::ZERO, entries: 0, ..at };
        let Finding { next, gap, .. } = compare(start, stream, None);
        let lost = (!was_at_end).then_some(last);
        return Finding { next, gap: gap.max(lost), is_lost: true };
    }
    if stream.last_entry.is_none_or(|last| last <= at.position) {
        // Nothing more to read; what was added and not read is gone.
        let gap = (stream.added > at.entries).then_some(stream.last);
        return Finding {
            next: Followed { position: stream.last, entries: stream.added, ..at },
            gap,
            is_lost: false,
        };
    }
    let removed = stream.added.saturating_sub(stream.length);
    let gap = stream.first_entry.filter(|_| removed > at.entries);
    Finding { next: Followed { entries: at.entries.max(removed), ..at }, gap, is_lost: false }
}

/// As many entries as fit the bound, judged by those of the last read.
fn next_count(entries: &[RawEntry], count: usize, bytes_max: usize) -> usize {
    let bytes: usize = entries.iter().map(RawEntry::size).sum();
    match bytes.checked_div(entries.len()) {
        Some(mean) => (bytes_max / mean.max(1)).clamp(1, ENTRIES_MAX),
        None => count,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u64) -> EntryId {
        if n == 0 { EntryId::ZERO } else { EntryId::new(1000 + n, 0) }
    }

    fn followed(n: u64) -> Followed {
        Followed { partition: 3, position: id(n), entries: n }
    }

    /// A stream to which `added` entries were added and of which the first `removed` were trimmed.
    fn stream(added: u64, removed: u64) -> StreamInfo {
        StreamInfo {
            last: id(added),
            added,
            length: added - removed,
            first_entry: (removed < added).then(|| id(removed + 1)),
            last_entry: (removed < added).then(|| id(added)),
        }
    }

    proptest! {
        #[test]
        fn gap_is_found_where_unread_entries_were_trimmed(added in 0..20_u64, removed in 0..20_u64, read in 0..20_u64) {
            prop_assume!(removed <= added && read <= added);
            let finding = compare(followed(read), &stream(added, removed), None);
            prop_assert!(!finding.is_lost);
            prop_assert_eq!(finding.gap.is_some(), removed > read);
            prop_assert_eq!(finding.next.entries, read.max(removed));
            if removed == added {
                prop_assert_eq!(finding.next, followed(added));
            } else {
                prop_assert_eq!(finding.next.position, id(read));
            }
            // Reading on from there, the counts agree at the end.
            prop_assert!(compare(finding.next, &stream(added, removed), None).gap.is_none());
        }
    }

    #[test]
    fn lost_stream_is_followed_from_its_start() {
        let lost = |at, stream, before: Option<&StreamInfo>| compare(at, &stream, before);
        let at_end = lost(followed(5), StreamInfo::default(), Some(&stream(5, 0)));
        assert_eq!(at_end, Finding { next: followed(0), gap: None, is_lost: true });
        let behind = lost(followed(5), StreamInfo::default(), Some(&stream(7, 0)));
        assert_eq!(behind, Finding { next: followed(0), gap: Some(id(7)), is_lost: true });
        let away = lost(followed(5), stream(3, 0), None);
        assert_eq!(away, Finding { next: followed(0), gap: Some(id(5)), is_lost: true });
    }

    #[test]
    fn lost_stream_that_has_grown_again_is_noticed_by_its_count() {
        let new = StreamInfo {
            last: id(100),
            added: 2,
            length: 2,
            first_entry: Some(id(99)),
            last_entry: Some(id(100)),
        };
        let finding = compare(followed(5), &new, Some(&stream(5, 0)));
        assert_eq!(finding, Finding { next: followed(0), gap: None, is_lost: true });
    }

    #[test]
    fn read_size_follows_the_size_of_entries() {
        let entry = |size| RawEntry { id: id(1), fields: vec![(Vec::new(), vec![0; size])] };
        assert_eq!(next_count(&[entry(100_000), entry(200_000)], 1, 1 << 20), 6);
        assert_eq!(next_count(&[entry(10)], 1, 1 << 20), ENTRIES_MAX);
        assert_eq!(next_count(&[entry(2 << 20)], 1, 1 << 20), 1);
        assert_eq!(next_count(&[], 7, 1 << 20), 7);
    }
}

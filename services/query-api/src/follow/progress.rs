//! How far the cache has come, for readiness, for audits and for the pipeline's picture.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache::{FollowPosition, Followed};
use events::EntryId;
use observability::metrics::Gauge;
use service::health::Condition;

use crate::streams::StreamInfo;

/// The progress of all partitions.
pub(crate) struct Progress {
    partitions: Vec<Mutex<PartitionProgress>>,
    condition: Condition,
    gauge: Gauge,
    has_caught_up: AtomicBool,
}

/// The progress of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionProgress {
    /// What the cache holds.
    pub(crate) followed: Followed,
    /// Results up to this one were missed.
    pub(crate) gap: Option<EntryId>,
    /// The stream when it was looked at last.
    stream: Option<StreamInfo>,
    /// The end of the stream when it was looked at first: what must be reached before the service is ready.
    target: Option<EntryId>,
}

impl Progress {
    pub(crate) fn new(
        partitions: u16,
        stored: &[FollowPosition],
        condition: Condition,
        gauge: Gauge,
    ) -> Self {
        let partition = |partition: u16| {
            let start = Followed { partition: partition as u8, position: EntryId::ZERO, entries: 0 };
            let stored = stored.iter().find(|stored| stored.followed.partition == start.partition);
            Mutex::new(PartitionProgress {
                followed: stored.map_or(start, |stored| stored.followed),
                gap: stored.and_then(|stored| stored.gap),
                stream: None,
                target: None,
            })
        };
        let partitions = (0..partitions).map(partition).collect();
        Self { partitions, condition, gauge, has_caught_up: AtomicBool::new(false) }
    }

    pub(crate) fn of(&self, partition: u8) -> PartitionProgress {
        *self.lock(partition)
    }

    /// Partitions of which results were missed, and up to which one.
    pub(crate) fn gaps(&self) -> Vec<(u8, EntryId)> {
        let gap = |progress: PartitionProgress| Some((progress.followed.partition, progress.gap?));
        self.partitions.iter().filter_map(|partition| gap(*lock(partition))).collect()
    }

    /// The cache has stored what was read up to here.
    pub(super) fn committed(&self, followed: Followed) {
        self.lock(followed.partition).followed = followed;
        self.evaluate();
    }

    pub(super) fn gap_recorded(&self, partition: u8, through: EntryId) {
        let mut progress = self.lock(partition);
        progress.gap = progress.gap.max(Some(through));
    }

    /// The stream was looked at; gives what it was the time before.
    pub(super) fn looked_at(&self, partition: u8, stream: StreamInfo) -> Option<StreamInfo> {
        let before = {
            let mut progress = self.lock(partition);
            progress.target.get_or_insert(stream.last);
            progress.stream.replace(stream)
        };
        self.evaluate();
        before
    }

    /// Ready once every partition has reached the end that was seen at the start, and from then on: a cache
    /// that falls behind still answers, and says in the pipeline's picture and in audits that it is behind.
    fn evaluate(&self) {
        let all: Vec<_> = self.partitions.iter().map(|partition| *lock(partition)).collect();
        let is_at_end = |progress: &PartitionProgress| {
            progress.stream.is_some_and(|stream| stream.last <= progress.followed.position)
        };
        self.gauge.set(if all.iter().all(is_at_end) { 1.0 } else { 0.0 });
        if self.has_caught_up.load(Ordering::Relaxed) {
            return;
        }
        let is_behind = |progress: &&PartitionProgress| {
            progress.target.is_none_or(|target| progress.followed.position < target)
        };
        match all.iter().find(is_behind) {
            None => {
                self.has_caught_up.store(true, Ordering::Relaxed);
                self.condition.set_ready();
            }
            Some(behind) => self.condition.set_not_ready(behind.reason()),
        }
    }

    fn lock(&self, partition: u8) -> MutexGuard<'_, PartitionProgress> {
        lock(&self.partitions[usize::from(partition)])
    }
}

impl PartitionProgress {
    fn reason(&self) -> String {
        let Followed { partition, entries, .. } = self.followed;
        match self.stream {
            None => format!("partition {partition} has not been read yet, redis does not answer"),
            Some(stream) => {
                format!("partition {partition} is {} entries behind", stream.added.saturating_sub(entries))
            }
        }
    }
}

fn lock(partition: &Mutex<PartitionProgress>) -> MutexGuard<'_, PartitionProgress> {
    partition.lock().unwrap_or_else(PoisonError::into_inner)
}

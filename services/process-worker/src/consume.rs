//! Reads a partition: new entries, its own pending ones after a start or an error, and those of dead workers.

pub(crate) mod commands;
mod deliveries;

use std::sync::Arc;
use std::time::Duration;

use events::Keys;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use service::clock::unix_us;
use service::redis::Link;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::DeliveryConfig;
use crate::decode::RawEntry;
use crate::telemetry::Instruments;

pub(crate) use self::deliveries::Deliveries;

/// Longest blocking read; the connection must allow more.
const BLOCK: Duration = Duration::from_millis(1_000);

/// Response timeout of the connection for blocking reads.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(6);

/// Most entries a read asks for, however small they are: an upper bound when entries suddenly grow.
const ENTRIES_MAX: usize = 128;

/// Most entries that are claimed at a time.
const CLAIM_MAX: usize = 32;

/// Entries that were read together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<RawEntry>,
    pub(crate) delivery: Delivery,
    /// When they arrived here, unix microseconds.
    pub(crate) delivered_us: i64,
}

/// How entries came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    New,
    /// This worker's own, which it had not settled before a start or an error.
    Drained,
    /// Of a worker that is gone or stuck.
    Claimed,
    /// Left for another try by this worker.
    Retried,
}

impl Delivery {
    pub(crate) const ALL: [Self; 4] = [Self::New, Self::Drained, Self::Claimed, Self::Retried];

    /// The value of the label and of the attribute.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Drained => "drained",
            Self::Claimed => "claimed",
            Self::Retried => "retried",
        }
    }
}

/// The reading stage of one partition.
pub(crate) struct Consumer {
    pub(crate) keys: Arc<Keys>,
    pub(crate) link: Link,
    pub(crate) name: String,
    pub(crate) delivery: DeliveryConfig,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) instruments: Instruments,
}

/// Where the next stage has gone, or the service stops.
struct Stopped;

enum Interruption {
    Stopped,
    Redis(RedisError),
}

impl From<RedisError> for Interruption {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<Stopped> for Interruption {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Consumer {
    /// Reads until `shutdown` is cancelled.
    pub(crate) async fn run(self, batches: mpsc::Sender<Batch>, shutdown: CancellationToken) {
        while let Some(mut connection) = self.link.connect(&shutdown).await {
            let reading = self.read_all(&mut connection, &batches);
            let interruption = tokio::select! {
                () = shutdown.cancelled() => return,
                interruption = reading => interruption,
            };
            match interruption {
                Ok(()) | Err(Interruption::Stopped) => return,
                Err(Interruption::Redis(error)) if error.code() == Some("NOGROUP") => {
                    tracing::warn!(stream = %self.keys.events, "redis has lost the consumer group, creating it again");
                }
                Err(Interruption::Redis(error)) => self.link.lost(&error),
            }
        }
    }

    /// Only ends with an interruption.
    async fn read_all(
        &self,
        connection: &mut MultiplexedConnection,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<(), Interruption> {
        commands::create_group(connection, &self.keys).await?;
        self.drain_own(connection, batches).await?;
        let mut count = 1;
        let mut claim_at = Instant::now() + self.delivery.claim_idle / 2;
        loop {
            let now = Instant::now();
            if now >= claim_at {
                claim_at = now + self.delivery.claim_idle / 2;
                self.claim_idle(connection, batches).await?;
            }
            self.retry(connection, batches).await?;
            let due = self.deliveries.next_retry().map_or(claim_at, |retry| retry.min(claim_at));
            let block = due.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), BLOCK);
            let entries = commands::read_new(connection, &self.keys, &self.name, count, block).await?;
            count = next_count(&entries, count, self.delivery.batch_bytes_max);
            self.pass_on(entries, Delivery::New, batches).await?;
        }
    }

    /// What this consumer was given and has not settled: after a crash, or after a read whose answer was lost.
    async fn drain_own(
        &self,
        connection: &mut MultiplexedConnection,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<(), Interruption> {
        let mut after = None;
        loop {
            let pending =
                commands::pending(connection, &self.keys, Some(&self.name), Duration::ZERO, after, CLAIM_MAX)
                    .await?;
            let Some(last) = pending.last() else { return Ok(()) };
            after = Some(last.id);
            let entries =
                commands::claim(connection, &self.keys, &self.name, Duration::ZERO, &pending).await?;
            self.pass_on(entries, Delivery::Drained, batches).await?;
        }
    }

    /// What consumers that are dead or stuck have not settled.
    async fn claim_idle(
        &self,
        connection: &mut MultiplexedConnection,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<(), Interruption> {
        let mut after = None;
        let idle = self.delivery.claim_idle;
        loop {
            let pending = commands::pending(connection, &self.keys, None, idle, after, CLAIM_MAX).await?;
            let Some(last) = pending.last() else { return Ok(()) };
            after = Some(last.id);
            let others: Vec<_> =
                pending.iter().filter(|one| !self.deliveries.contains(one.id)).cloned().collect();
            let entries = commands::claim(connection, &self.keys, &self.name, idle, &others).await?;
            self.pass_on(entries, Delivery::Claimed, batches).await?;
        }
    }

    /// Entries that failed a while ago.
    async fn retry(
        &self,
        connection: &mut MultiplexedConnection,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<(), Interruption> {
        let due = self.deliveries.take_due_retries(CLAIM_MAX);
        if due.is_empty() {
            return Ok(());
        }
        let entries = commands::claim(connection, &self.keys, &self.name, Duration::ZERO, &due).await?;
        self.pass_on(entries, Delivery::Retried, batches).await
    }

    async fn pass_on(
        &self,
        mut entries: Vec<RawEntry>,
        delivery: Delivery,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<(), Interruption> {
        entries.retain(|entry| self.deliveries.begin(entry.id));
        if entries.is_empty() {
            return Ok(());
        }
        self.instruments.received(delivery).add(entries.len() as u64);
        let batch = Batch { entries, delivery, delivered_us: unix_us() };
        batches.send(batch).await.map_err(|_| Stopped)?;
        Ok(())
    }
}

/// How many entries of the last read's size fill a batch; at most four times as many as before.
fn next_count(entries: &[RawEntry], count: usize, bytes_max: usize) -> usize {
    if entries.is_empty() {
        return count;
    }
    let size = entries.iter().map(RawEntry::size).sum::<usize>() / entries.len();
    (bytes_max / size.max(1)).clamp(1, (count * 4).min(ENTRIES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::raw;

    #[test]
    fn batches_grow_and_shrink_with_the_size_of_entries() {
        let small = || raw(&["x"]);
        let large = raw(&[&"x".repeat(200_000)]);
        assert_eq!(next_count(&[small()], 1, 1 << 20), 4);
        assert_eq!(next_count(&[small(), small()], 64, 1 << 20), ENTRIES_MAX);
        assert_eq!(next_count(&[large], 64, 1 << 20), 5);
        assert_eq!(next_count(&[], 7, 1 << 20), 7);
    }
}

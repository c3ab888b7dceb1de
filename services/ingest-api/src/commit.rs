//! Group commit: while one write to Redis is in flight, the next one fills; an idle partition writes at once.

mod pack;
mod queue;

use std::sync::Arc;

use events::{EntryId, Keys};
use observability::trace::{self, Span, SpanName, attribute};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError};
use service::clock::unix_us;
use service::redis::{Link, describe};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::error::IngestError;
use crate::telemetry::Instruments;

use self::pack::Entry;
use self::queue::Submission;

pub(crate) use self::queue::Partition;

/// How often an idle partition asks Redis how far the workers are.
const COUNTERS_INTERVAL: Duration = Duration::from_millis(250);

/// The one writer of a partition.
pub(crate) struct Committer {
    pub(crate) keys: Keys,
    pub(crate) partition: Arc<Partition>,
    pub(crate) link: Link,
    pub(crate) instance: String,
    pub(crate) instruments: Instruments,
}

impl Committer {
    /// Writes until `stop` is cancelled. A write whose answer is lost is never sent again: it may have been stored.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(COUNTERS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(mut connection) = self.link.connect(&stop).await {
            self.partition.open();
            let lost = loop {
                tokio::select! {
                    biased;
                    () = self.partition.filled() => {}
                    _ = ticks.tick() => match self.read_counters(&mut connection).await {
                        Ok(()) => continue,
                        Err(error) => break error,
                    },
                    () = stop.cancelled() => return self.partition.close("shutting down"),
                }
                let submissions = self.partition.take();
                if let Err(error) = self.write(&mut connection, submissions).await {
                    break error;
                }
            };
            self.link.lost(&lost);
            self.partition.close(&describe(&lost));
        }
        self.partition.close("shutting down");
    }

    /// On an error the connection is given up, also where Redis only refused: it may be loading, full or a replica.
    async fn write(
        &self,
        connection: &mut MultiplexedConnection,
        submissions: Vec<Submission>,
    ) -> Result<(), RedisError> {
        let entries = pack::entries(&submissions);
        let count = entries.iter().map(|entry| entry.count).sum::<usize>();
        let mut span = self.span(&submissions, count, entries.len());
        self.instruments.writes_in_flight.add(1.0);
        let started = Instant::now();
        let outcome = self.pipeline(&entries, count).query_async::<Reply>(connection).await;
        self.instruments.write_duration.record(started.elapsed());
        self.instruments.writes_in_flight.add(-1.0);
        self.instruments.write_events.record_count(count as u64);
        match outcome {
            Ok(reply) => {
                self.instruments.events_accepted.add(count as u64);
                self.instruments.entries_written.add(entries.len() as u64);
                self.partition.set_counters(reply.accepted, reply.settled);
                let context = span.is_recorded().then(|| span.context());
                pack::answer(submissions, self.keys.partition, (&entries, &reply.ids), context);
                Ok(())
            }
            Err(error) if is_refusal(&error) => {
                span.fail("redis-refused");
                fail(submissions, || IngestError::Unavailable(describe(&error)));
                Err(error)
            }
            Err(error) => {
                span.fail("outcome-unknown");
                fail(submissions, || IngestError::Unknown(describe(&error)));
                Err(error)
            }
        }
    }

    /// Only where a request or an event is sampled.
    fn span(&self, submissions: &[Submission], events: usize, entries: usize) -> Span {
        let is_sampled = |submission: &Submission| {
            submission.context.sampled
                || submission.lines.sampled.iter().any(|context| trace::samples(*context))
        };
        if !trace::is_enabled() || !submissions.iter().any(is_sampled) {
            return Span::none(SpanName::IngestSend);
        }
        let mut span = Span::root(SpanName::IngestSend, &self.keys.events, unix_us());
        span.link_all(submissions.iter().flat_map(|submission| {
            let request = Some(submission.context).filter(|context| context.sampled);
            let events = submission.lines.sampled.iter().copied().filter(|context| trace::samples(*context));
            request.into_iter().chain(events)
        }));
        span.set(attribute::MESSAGING_DESTINATION_NAME, self.keys.events.clone());
        span.set(attribute::MESSAGING_DESTINATION_PARTITION_ID, self.keys.partition.to_string());
        span.set(attribute::MESSAGING_CLIENT_ID, self.instance.clone());
        span.set(attribute::MESSAGING_BATCH_MESSAGE_COUNT, events as i64);
        span.set(attribute::DB_OPERATION_BATCH_SIZE, entries as i64);
        span
    }

    /// One transaction, so that a request that spans entries is stored whole or not at all.
    fn pipeline(&self, entries: &[Entry], count: usize) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(entries.len() + 2);
        pipeline.atomic();
        let accepted_us = unix_us();
        for entry in entries {
            let fields = events::entry::EventsEntry {
                count: entry.count,
                accepted_us,
                by: &self.instance,
                events: &entry.text,
            };
            let command = pipeline.cmd("XADD").arg(&self.keys.events).arg("*");
            for (name, value) in fields.fields() {
                command.arg(name).arg(value.as_ref());
            }
        }
        pipeline.cmd("HINCRBY").arg(&self.keys.counters).arg("accepted").arg(count);
        pipeline.cmd("HGET").arg(&self.keys.counters).arg("settled");
        pipeline
    }

    async fn read_counters(&self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let mut command = redis::cmd("HMGET");
        command.arg(&self.keys.counters).arg("accepted").arg("settled");
        let (accepted, settled): (Option<u64>, Option<u64>) = command.query_async(connection).await?;
        self.partition.set_counters(accepted.unwrap_or(0), settled);
        Ok(())
    }
}

/// Ids of the entries, then the counters `accepted` and `settled`.
struct Reply {
    ids: Vec<EntryId>,
    accepted: u64,
    settled: Option<u64>,
}

impl redis::FromRedisValue for Reply {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let mut values = Vec::<redis::Value>::from_redis_value(value)?;
        let settled = values.pop().map(redis::from_redis_value).transpose()?.flatten();
        let accepted = values.pop().map(redis::from_redis_value).transpose()?.unwrap_or(0);
        let ids = values.into_iter().map(entry_id).collect::<Result<_, _>>()?;
        Ok(Self { ids, accepted, settled })
    }
}

fn entry_id(value: redis::Value) -> Result<EntryId, redis::ParsingError> {
    let text: String = redis::from_redis_value(value)?;
    text.parse().map_err(|error: events::ParsePositionError| redis::ParsingError::from(error.to_string()))
}

/// Whether Redis has said no, in which case the transaction had no effect.
fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        redis::ErrorKind::Server(_) | redis::ErrorKind::Extension | redis::ErrorKind::Client
    )
}

fn fail(submissions: Vec<Submission>, error: impl Fn() -> IngestError) {
    for submission in submissions {
        submission.answer(Err(error()));
    }
}

//! Acknowledges the entries of a stored batch and publishes their results, in one script.

use std::sync::Arc;
use std::time::{Duration, Instant};

use events::entry::{DeadEntry, Fields, ResultsEntry};
use events::{GROUP, Keys, Position};
use observability::log::in_trace;
use redis::aio::MultiplexedConnection;
use redis::{Script, ScriptInvocation};
use service::build::ARCH;
use service::clock::unix_us;
use service::redis::Link;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::consume::Deliveries;
use crate::process::ProcessedEntry;
use crate::telemetry::Instruments;
use crate::trace::{BatchTrace, Fate, Tracer};

/// Response timeout of scripts; a batch is a few megabytes.
pub(crate) const SCRIPT_TIMEOUT: Duration = Duration::from_secs(10);

/// For each entry: acknowledge it, and publish only where that was ours to do. An entry that is neither pending nor
/// in the stream was lost by Redis: its results are all that is left of it, and the caches ignore a second copy.
///
/// Keys: events, results, dead, counters. Arguments: group, then for each entry: id, number of events, number of
/// dead-lettered ones, number of additions, and for each addition: index of its key, number of arguments, arguments.
const SETTLE: &str = r"
local fates, at = {}, 2
while ARGV[at] do
  local id, events, dead, additions = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local fate = redis.call('XACK', KEYS[1], ARGV[1], id)
  if fate == 0 and #redis.call('XRANGE', KEYS[1], id, id) == 0 then fate = 2 end
  at = at + 4
  for _ = 1, additions do
    local key, count = KEYS[tonumber(ARGV[at])], tonumber(ARGV[at + 1])
    if fate > 0 then redis.call('XADD', key, '*', unpack(ARGV, at + 2, at + 1 + count)) end
    at = at + 2 + count
  end
  if fate == 1 then
    redis.call('HINCRBY', KEYS[4], 'settled', events)
    if dead ~= '0' then redis.call('HINCRBY', KEYS[4], 'dead', dead) end
  end
  fates[#fates + 1] = fate
end
return fates
";

/// Another worker had acknowledged the entry.
const FATE_SUPERSEDED: u8 = 0;

/// Positions of the keys in the script.
const RESULTS_KEY: u8 = 2;
const DEAD_KEY: u8 = 3;

/// A batch that the cache has, or could not take.
pub(crate) struct Stored {
    pub(crate) entries: Vec<ProcessedEntry>,
    pub(crate) trace: BatchTrace,
    pub(crate) is_stored: bool,
}

/// The last stage of one partition.
pub(crate) struct Settler {
    pub(crate) tracer: Tracer,
    pub(crate) keys: Arc<Keys>,
    pub(crate) link: Link,
    pub(crate) worker: String,
    pub(crate) retry_delay: Duration,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) instruments: Instruments,
}

impl Settler {
    /// Settles until the stages before end, or until `give_up` is cancelled while Redis is away.
    pub(crate) async fn run(self, mut batches: mpsc::Receiver<Stored>, give_up: CancellationToken) {
        let script = Script::new(SETTLE);
        let mut connection = None;
        while let Some(mut batch) = batches.recv().await {
            if !batch.is_stored {
                self.give_back(&batch);
                continue;
            }
            let mut span = self.tracer.settle(&batch.trace, &batch.entries);
            let started = Instant::now();
            let invocation = self.invocation(&script, &batch.entries);
            if let Some(fates) = self.invoke(&invocation, &mut connection, &give_up).await {
                self.instruments.settle_duration.record(started.elapsed());
                drop(span);
                self.conclude(&batch, &fates);
            } else {
                span.fail("redis");
                batch.trace.fail("redis");
                for entry in &batch.entries {
                    self.tracer.events(&batch.trace, entry, Fate::Pending);
                }
                tracing::warn!(
                    entries = batch.entries.len(),
                    "stopping while redis is away, the entries stay pending"
                );
            }
        }
    }

    /// Runs the script until Redis answers. Running it again is safe: what was acknowledged is not published twice.
    async fn invoke(
        &self,
        invocation: &ScriptInvocation<'_>,
        connection: &mut Option<MultiplexedConnection>,
        give_up: &CancellationToken,
    ) -> Option<Vec<u8>> {
        loop {
            let mut current = match connection.take() {
                Some(current) => current,
                None => self.link.connect(give_up).await?,
            };
            match invocation.invoke_async(&mut current).await {
                Ok(fates) => {
                    *connection = Some(current);
                    return Some(fates);
                }
                Err(error) => self.link.lost(&error),
            }
        }
    }

    fn invocation<'s>(&self, script: &'s Script, entries: &[ProcessedEntry]) -> ScriptInvocation<'s> {
        let mut invocation = script.key(&self.keys.events);
        invocation.key(&self.keys.results).key(&self.keys.dead).key(&self.keys.counters).arg(GROUP);
        for processed in entries {
            let dead = self.dead_entries(processed);
            let results = self.results_entry(processed);
            let additions = dead.len() + usize::from(results.is_some());
            let id = processed.entry.borrow_owner().id.to_string();
            invocation.arg(id).arg(processed.outcomes.len()).arg(dead.len()).arg(additions);
            for fields in &dead {
                add(&mut invocation, DEAD_KEY, fields);
            }
            if let Some(entry) = results {
                add(&mut invocation, RESULTS_KEY, &entry.fields());
            }
        }
        invocation
    }

    /// `None` where the entry could not be read: there is nothing to publish.
    fn results_entry<'a>(&'a self, processed: &'a ProcessedEntry) -> Option<ResultsEntry<'a>> {
        let (events, _) = processed.entry.borrow_dependent().as_ref().ok()?;
        Some(ResultsEntry {
            id: processed.entry.borrow_owner().id,
            events: events.clone(),
            worker: &self.worker,
            arch: ARCH,
            processed_us: processed.processed_us,
            outcomes: processed
                .outcomes
                .iter()
                .map(|outcome| outcome.as_ref().ok().map(|processed| processed.outcome))
                .collect(),
        })
    }

    fn dead_entries(&self, processed: &ProcessedEntry) -> Vec<Fields<'static>> {
        let raw = processed.entry.borrow_owner();
        let dead = |index: usize, reason: &str, event: &[u8]| {
            let entry = DeadEntry {
                position: Position::new(raw.id, self.keys.partition, index as u16).to_string(),
                reason,
                deliveries: raw.deliveries,
                worker: &self.worker,
                at_us: processed.processed_us,
                event,
            };
            entry.fields().into_iter().map(|(name, value)| (name, value.into_owned().into())).collect()
        };
        match processed.entry.borrow_dependent() {
            Err(error) => vec![dead(0, &format!("entry: {error}"), &raw.text())],
            Ok((content, _)) => {
                let failed = content.lines().zip(&processed.outcomes).enumerate();
                failed
                    .filter_map(|(index, (line, outcome))| {
                        let error = outcome.as_ref().err()?;
                        Some(dead(index, &error.to_string(), line.as_bytes()))
                    })
                    .collect()
            }
        }
    }

    fn conclude(&self, batch: &Stored, fates: &[u8]) {
        let now_us = unix_us();
        for (processed, fate) in batch.entries.iter().zip(fates) {
            let raw = processed.entry.borrow_owner();
            self.deliveries.end(raw.id);
            let is_superseded = *fate == FATE_SUPERSEDED;
            let fate = if is_superseded { Fate::Superseded } else { Fate::Settled };
            self.tracer.events(&batch.trace, processed, fate);
            if is_superseded {
                self.instruments.entries_superseded.add(1);
                continue;
            }
            let dead = processed.outcomes.iter().filter(|outcome| outcome.is_err()).count();
            self.instruments.entries_settled.add(1);
            self.instruments.events_processed.add((processed.outcomes.len() - dead) as u64);
            let unreadable = usize::from(processed.accepted_us().is_none());
            self.instruments.events_dead_lettered.add((dead + unreadable) as u64);
            if dead + unreadable > 0 {
                let events = dead + unreadable;
                let warn = || tracing::warn!(entry = %raw.id, events, deliveries = raw.deliveries, "events dead-lettered");
                match batch.trace.context_of_failure(processed) {
                    Some(context) => in_trace(context, warn),
                    None => warn(),
                }
            }
            if let Some(accepted_us) = processed.accepted_us() {
                self.instruments.event_duration.record_since_us(accepted_us, now_us);
            }
        }
    }

    /// The cache could not take the batch: it is delivered again.
    fn give_back(&self, batch: &Stored) {
        for processed in &batch.entries {
            self.tracer.events(&batch.trace, processed, Fate::Retried(Some("cache")));
            let raw = processed.entry.borrow_owner();
            self.instruments.events_retried.add(processed.outcomes.len() as u64);
            self.deliveries.retry(raw.id, raw.deliveries, self.retry_delay);
        }
    }
}

fn add(invocation: &mut ScriptInvocation<'_>, key: u8, fields: &Fields<'_>) {
    invocation.arg(key).arg(fields.len() * 2);
    for (name, value) in fields {
        invocation.arg(*name).arg(value.as_ref());
    }
}

//! process-worker against the two things that it cannot be faster than: reading the stream, and filling the cache.

use std::time::Instant;

use cache::{Attributes, EventState, StoredEntry, StoredEvent, Writer, WriterOptions};
use events::entry::{EventsEntry, Outcome};
use events::{EntryId, Event, GROUP, Keys};
use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};

use crate::ROUNDS;
use crate::load::{self, ENTRY_EVENTS};
use crate::processes::{Process, redis, until};
use crate::report::Report;

const COUNT: usize = 500_000;

/// Entries a read or a transaction, as the worker does with entries of this size.
const BATCH_ENTRIES: usize = 64;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (server, mut connection) = redis().await;
    let (mut drains, mut inserts, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        load::fill(&mut connection, COUNT).await?;
        drains.push(drain(&mut connection).await?);
        cmd("FLUSHALL").exec_async(&mut connection).await?;
        inserts.push(tokio::task::spawn_blocking(insert).await??);
        load::fill(&mut connection, COUNT).await?;
        let (rate, mib) = work(&server.url(), &mut connection).await?;
        rates.push(rate);
        resident.push(mib);
        cmd("FLUSHALL").exec_async(&mut connection).await?;
    }
    report.add("bare XREADGROUP and XACK", "events/s", drains.clone());
    report.add("bare insert into the cache", "events/s", inserts.clone());
    report.add("process-worker, no work", "events/s", rates.clone());
    let bound: Vec<f64> = drains.iter().zip(&inserts).map(|(a, b)| a.min(*b)).collect();
    report.add_ratio("process-worker ÷ the smaller of both", &rates, &bound, 0.7);
    report.add_bounded("process-worker resident after the load", "MiB", resident, 64.0);
    Ok(())
}

async fn drain(connection: &mut MultiplexedConnection) -> anyhow::Result<f64> {
    let keys = Keys::new(0);
    cmd("XGROUP").arg("CREATE").arg(&keys.events).arg(GROUP).arg("0").exec_async(connection).await?;
    let started = Instant::now();
    let mut read = 0;
    while read < COUNT / ENTRY_EVENTS {
        let mut command = cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg("bench").arg("COUNT").arg(BATCH_ENTRIES);
        let reply: Value = command.arg("STREAMS").arg(&keys.events).arg(">").query_async(connection).await?;
        let mut acknowledge = cmd("XACK");
        acknowledge.arg(&keys.events).arg(GROUP);
        if let Value::Array(streams) = &reply
            && let Some(Value::Array(stream)) = streams.first()
            && let Some(Value::Array(entries)) = stream.get(1)
        {
            read += entries.len();
            for entry in entries {
                if let Value::Array(entry) = entry
                    && let Some(Value::BulkString(id)) = entry.first()
                {
                    acknowledge.arg(id);
                }
            }
        }
        acknowledge.exec_async(connection).await?;
    }
    Ok(COUNT as f64 / started.elapsed().as_secs_f64())
}

/// Stores the same events, decoded beforehand.
fn insert() -> anyhow::Result<f64> {
    let directory = tempfile::tempdir()?;
    let mut writer = Writer::open(&directory.path().join("bench.db"), WriterOptions::default())?;
    let texts: Vec<String> = (0..COUNT)
        .step_by(ENTRY_EVENTS)
        .map(|first| {
            (first..first + ENTRY_EVENTS).map(|n| load::event(n, 1000)).collect::<Vec<_>>().join("\n")
        })
        .collect();
    let entry = |text| EventsEntry {
        count: ENTRY_EVENTS,
        accepted_us: 1_700_000_000_000_000,
        by: "bench",
        events: text,
    };
    let entries: Vec<(EventsEntry<'_>, Vec<Event<'_>>)> = texts
        .iter()
        .map(|text| Ok((entry(text), text.lines().map(Event::parse).collect::<Result<_, _>>()?)))
        .collect::<Result<_, events::EventError>>()?;
    let started = Instant::now();
    for (batch, chunk) in entries.chunks(BATCH_ENTRIES).enumerate() {
        let stored: Vec<_> = chunk
            .iter()
            .enumerate()
            .map(|(index, (entry, events))| {
                stored_entry((batch * BATCH_ENTRIES + index) as u64, entry, events)
            })
            .collect();
        writer.store(&stored, &[])?;
    }
    Ok(COUNT as f64 / started.elapsed().as_secs_f64())
}

pub(crate) fn stored_entry<'a>(
    number: u64,
    entry: &EventsEntry<'a>,
    events: &'a [Event<'a>],
) -> StoredEntry<'a> {
    let stored = entry.lines().zip(events).enumerate().map(|(index, (line, event))| StoredEvent {
        index: index as u16,
        line,
        state: EventState::Processed {
            attributes: Attributes::new(event, Some(1.5)),
            outcome: Outcome::default(),
        },
    });
    StoredEntry {
        id: EntryId::new(entry.accepted_us.unsigned_abs() / 1000, number),
        partition: 0,
        accepted_us: entry.accepted_us,
        worker: "bench",
        arch: "amd64",
        processed_us: entry.accepted_us + 1000,
        events: stored.collect(),
    }
}

/// Events a second from the worker's start until everything is settled, and its resident memory.
async fn work(url: &str, connection: &mut MultiplexedConnection) -> anyhow::Result<(f64, f64)> {
    let directory = tempfile::tempdir()?;
    let cache = directory.path().join("worker.db");
    let started = Instant::now();
    let worker = Process::start(
        "process-worker",
        &["--redis-url", url, "--cache-path", cache.to_str().unwrap_or_default()],
    )
    .await?;
    until("everything is settled", async || {
        let settled: Option<usize> =
            cmd("HGET").arg(Keys::new(0).counters).arg("settled").query_async(connection).await?;
        Ok((settled == Some(COUNT)).then_some(()))
    })
    .await?;
    Ok((COUNT as f64 / started.elapsed().as_secs_f64(), worker.resident_mib()?))
}

//! A cache in a temporary directory, made-up events, and a model of what a cache should hold.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cache::{
    Attributes, EventState, Reader, ReaderOptions, StoreReport, StoredEntry, StoredEvent, Writer,
    WriterOptions,
};
use events::entry::Outcome;
use events::{EntryId, Position};
use proptest::prelude::*;
use tempfile::TempDir;

/// A made-up event, and what was made of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TestEvent {
    pub(crate) source: String,
    pub(crate) kind: String,
    pub(crate) runid: Option<String>,
    pub(crate) sequence: Option<u64>,
    pub(crate) value: Option<f64>,
    pub(crate) line: String,
    pub(crate) result: u64,
    pub(crate) is_dead: bool,
}

/// A made-up entry.
#[derive(Clone, Debug)]
pub(crate) struct TestEntry {
    pub(crate) id: EntryId,
    pub(crate) partition: u8,
    pub(crate) accepted_us: i64,
    pub(crate) processed_us: i64,
    pub(crate) worker: String,
    pub(crate) events: Vec<TestEvent>,
}

/// A stored event of the model.
#[derive(Clone, Debug)]
pub(crate) struct ModelEvent {
    pub(crate) event: TestEvent,
    pub(crate) accepted_us: i64,
    pub(crate) processed_us: i64,
    pub(crate) worker: String,
}

pub(crate) struct Fixture {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) model: BTreeMap<Position, ModelEvent>,
    /// The line that was delivered first at a position, also of a dead event.
    lines: BTreeMap<Position, String>,
    directory: TempDir,
}

pub(crate) fn event(source: &str, sequence: u64) -> TestEvent {
    TestEvent {
        source: source.to_owned(),
        kind: "reading".to_owned(),
        runid: Some("run".to_owned()),
        sequence: Some(sequence),
        value: None,
        line: format!(r#"{{"source":"{source}","sequence":{sequence}}}"#),
        result: u64::MAX - sequence,
        is_dead: false,
    }
}

pub(crate) fn entry(ms: u64, seq: u64, events: Vec<TestEvent>) -> TestEntry {
    let accepted_us = ms as i64 * 1000 - 300;
    TestEntry {
        id: EntryId::new(ms, seq),
        partition: 0,
        accepted_us,
        processed_us: accepted_us + 1500,
        worker: "worker-0".to_owned(),
        events,
    }
}

impl TestEntry {
    pub(crate) fn stored(&self) -> StoredEntry<'_> {
        StoredEntry {
            id: self.id,
            partition: self.partition,
            accepted_us: self.accepted_us,
            processed_us: self.processed_us,
            worker: &self.worker,
            arch: if self.worker.ends_with('0') { "amd64" } else { "arm64" },
            events: (0..).zip(&self.events).map(|(index, event)| event.stored(index)).collect(),
        }
    }

    pub(crate) fn position(&self, index: u16) -> Position {
        Position::new(self.id, self.partition, index)
    }
}

impl TestEvent {
    fn stored(&self, index: u16) -> StoredEvent<'_> {
        let state = if self.is_dead {
            EventState::Dead { runid: self.runid.as_deref(), sequence: self.sequence }
        } else {
            let attributes = Attributes {
                source: &self.source,
                kind: &self.kind,
                runid: self.runid.as_deref(),
                sequence: self.sequence,
                value: self.value,
            };
            EventState::Processed { attributes, outcome: Outcome { result: self.result, work_ns: 77 } }
        };
        StoredEvent { index, line: &self.line, state }
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("cache.db");
        let writer = Writer::open(&path, WriterOptions::default()).expect("a new cache opens");
        let reader = Reader::open(&path, &ReaderOptions::default()).expect("the cache is there");
        Self { writer, reader, model: BTreeMap::new(), lines: BTreeMap::new(), directory }
    }

    /// Ends writer and reader and keeps the file.
    pub(crate) fn close(self) -> TempDir {
        let Self { reader, writer, directory, .. } = self;
        // The last connection to go moves the log into the file, which a reader cannot do.
        drop(reader);
        drop(writer);
        directory
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("cache.db")
    }

    pub(crate) fn store_one(&mut self, entry: &TestEntry) -> StoreReport {
        self.store(std::slice::from_ref(entry))
    }

    /// Stores entries in one transaction, and in the model.
    pub(crate) fn store(&mut self, entries: &[TestEntry]) -> StoreReport {
        for entry in entries {
            for (index, event) in (0..).zip(&entry.events) {
                self.lines.entry(entry.position(index)).or_insert_with(|| event.line.clone());
            }
            for (index, event) in (0..).zip(&entry.events).filter(|(_, event)| !event.is_dead) {
                self.model.entry(entry.position(index)).or_insert_with(|| ModelEvent {
                    event: TestEvent { line: self.lines[&entry.position(index)].clone(), ..event.clone() },
                    accepted_us: entry.accepted_us,
                    processed_us: entry.processed_us,
                    worker: entry.worker.clone(),
                });
            }
        }
        let stored: Vec<_> = entries.iter().map(TestEntry::stored).collect();
        self.writer.store(&stored, &[]).expect("the cache takes entries")
    }
}

/// Far enough for any test.
pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Entries that often share an id, a source, a run and sequences, spread over some hours.
pub(crate) fn any_entry() -> impl Strategy<Value = TestEntry> {
    let id = (0..150_u64, 0..3_u64, 0..2_u64, 0..2_u8);
    let times = (-2_000..9_000_000_i64, 0..3_u8);
    let events = prop::collection::vec(any_event(), 1..40);
    (id, times, events).prop_map(|((minute, third, seq, partition), (latency_us, worker), events)| {
        let ms = 1_700_000_000_000 + minute * 60_000 + third * 20_000;
        // The same for each delivery of an entry, up to 90 s off.
        let skew_ms = (ms / 1000 * 7919 + seq * 31) as i64 % 180_000 - 90_000;
        let accepted_us = (ms as i64 + skew_ms) * 1000;
        TestEntry {
            id: EntryId::new(ms, seq),
            partition,
            accepted_us,
            processed_us: accepted_us + latency_us,
            worker: format!("worker-{worker}"),
            events,
        }
    })
}

fn any_event() -> impl Strategy<Value = TestEvent> {
    let names = (0..5_u8, 0..3_u8, prop::option::of(0..2_u8));
    let numbers = (prop::option::weighted(0.8, 0..10_000_u64), prop::option::of(-50.0..50.0), any::<u64>());
    (names, numbers, prop::bool::weighted(0.05)).prop_map(
        |((source, kind, run), (sequence, value, result), is_dead)| TestEvent {
            source: format!("/s/{source}"),
            kind: format!("type-{kind}"),
            runid: run.map(|run| format!("run-{run}")),
            sequence: sequence.filter(|_| run.is_some()),
            value,
            line: format!(r#"{{"result":{result},"text":"ä\n"}}"#),
            result,
            is_dead,
        },
    )
}

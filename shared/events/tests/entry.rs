//! The contract of stream entries, held by golden files: other programs read and write them.

use events::entry::{DeadEntry, EntryError, EventsEntry, Fields, Outcome, ResultsEntry};
use events::{EntryId, Position};
use proptest::prelude::*;

const LINES: &str = concat!(
    r#"{"specversion":"1.0","id":"a","source":"/sensors/1","type":"testbed.reading","time":"2026-01-01T00:00:00Z","runid":"r1","sequence":"0","data":{"value":21.5}}"#,
    "\n",
    r#"{"specversion":"1.0","id":"b","source":"/sensors/2","type":"testbed.reading","runid":"r1","sequence":"1","data":"ä \" \n"}"#
);

fn events_entry() -> EventsEntry<'static> {
    EventsEntry { count: 2, accepted_us: 1_767_225_600_000_001, by: "ingest-1", events: LINES }
}

fn results_entry() -> ResultsEntry<'static> {
    ResultsEntry {
        id: EntryId::new(1_767_225_600_000, 3),
        events: events_entry(),
        worker: "worker-1",
        arch: "arm64",
        processed_us: 1_767_225_600_000_900,
        outcomes: vec![Some(Outcome { result: u64::MAX, work_ns: 1200 }), None],
    }
}

/// `redis-cli --no-raw`-like text: a field a line, so that a difference is easy to read.
fn as_text(fields: &Fields<'_>) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value))).collect()
}

fn borrowed<'a>(fields: &'a Fields<'_>) -> Vec<(&'a [u8], &'a [u8])> {
    fields.iter().map(|(name, value)| (name.as_bytes(), value.as_ref())).collect()
}

#[test]
fn events_entry_follows_the_golden_file() {
    assert_eq!(as_text(&events_entry().fields()), include_str!("golden/events-entry-v1.txt"));
}

#[test]
fn results_entry_follows_the_golden_file() {
    assert_eq!(as_text(&results_entry().fields()), include_str!("golden/results-entry-v1.txt"));
}

#[test]
fn dead_entry_follows_the_golden_file() {
    let entry = DeadEntry {
        position: Position::new(EntryId::new(1_767_225_600_000, 3), 1, 7).to_string(),
        reason: "source is missing",
        deliveries: 3,
        worker: "worker-1",
        at_us: 1_767_225_600_000_900,
        event: b"{}",
    };
    assert_eq!(as_text(&entry.fields()), include_str!("golden/dead-entry-v1.txt"));
}

#[test]
fn golden_entries_are_read_back() {
    let fields = results_entry().fields();
    assert_eq!(ResultsEntry::decode(&borrowed(&fields)), Ok(results_entry()));
    assert_eq!(EventsEntry::decode(&borrowed(&fields)), Ok(events_entry()));
}

#[test]
fn unknown_fields_are_ignored_and_broken_ones_named() {
    let mut fields = events_entry().fields();
    fields.push(("later", b"1".as_slice().into()));
    assert!(EventsEntry::decode(&borrowed(&fields)).is_ok());
    let with = |name: &'static str, value: &'static str| {
        let mut fields = events_entry().fields();
        for field in &mut fields {
            if field.0 == name {
                field.1 = value.as_bytes().into();
            }
        }
        EventsEntry::decode(&borrowed(&fields)).expect_err(name)
    };
    assert_eq!(with("v", "2"), EntryError::Version("2".into()));
    assert_eq!(with("n", "x"), EntryError::Invalid("n"));
    assert_eq!(with("n", "3"), EntryError::Count { expected: 3, found: 2 });
    assert_eq!(EventsEntry::decode(&[]), Err(EntryError::Missing("v")));
}

proptest! {
    #[test]
    fn entries_round_trip(
        lines in prop::collection::vec("[^\n]{0,40}", 1..20),
        outcomes in prop::collection::vec(prop::option::of((any::<u64>(), any::<u64>())), 20),
        accepted_us in any::<i64>(), by in "[^\n]{0,10}", ms in any::<u64>(), seq in any::<u64>(),
    ) {
        let text = lines.join("\n");
        let outcomes = outcomes.into_iter().take(lines.len())
            .map(|o| o.map(|(result, work_ns)| Outcome { result, work_ns })).collect();
        let events = EventsEntry { count: lines.len(), accepted_us, by: &by, events: &text };
        let entry = ResultsEntry {
            id: EntryId::new(ms, seq), events, worker: &by, arch: "amd64", processed_us: accepted_us, outcomes,
        };
        let fields = entry.fields();
        prop_assert_eq!(ResultsEntry::decode(&borrowed(&fields)), Ok(entry.clone()));
        prop_assert_eq!(entry.events.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn any_fields_decode_without_panic(fields in prop::collection::vec((prop::sample::select(vec!["v", "n", "at", "by", "events", "id", "outcomes"]), ".{0,12}"), 0..8)) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert!(ResultsEntry::decode(&fields).is_err());
    }
}

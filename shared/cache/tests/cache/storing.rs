use std::time::Duration;

use cache::{Followed, StoreReport};
use events::{EntryId, Position};
use proptest::prelude::*;

use crate::fixture::{Fixture, TestEvent, any_entry, deadline, entry, event};

const FOLLOWED: Followed = Followed { partition: 0, position: EntryId { ms: 9, seq: 9 }, entries: 1 };

#[test]
fn event_is_found_as_it_was_stored() {
    let mut fixture = Fixture::new();
    let mut stored = entry(1_700_000_000_000, 5, (0..40).map(|n| event("/a", n)).collect());
    stored.partition = 3;
    assert_eq!(fixture.store_one(&stored), StoreReport { inserted: 40, duplicates: 0, dead: 0 });

    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    let found = snapshot.event("1700000000000-5.17@3".parse().unwrap()).unwrap().expect("stored");
    assert_eq!(found.position, stored.position(17));
    assert_eq!(found.event, stored.events[17].line);
    assert_eq!((found.accepted_us, found.processed_us), (stored.accepted_us, stored.processed_us));
    assert_eq!((&*found.worker, &*found.arch), ("worker-0", "amd64"));
    assert_eq!((found.result, found.work_ns), (u64::MAX - 17, 77));
    for other in ["1700000000000-5.40@3", "1700000000000-5.17", "1700000000000-4.17@3", "1-1.0"] {
        assert_eq!(snapshot.event(other.parse().unwrap()).unwrap(), None, "{other}");
    }
}

#[test]
fn duplicate_event_is_stored_once() {
    let mut fixture = Fixture::new();
    let stored = entry(1000, 0, vec![event("/a", 1), event("/b", 2)]);
    fixture.store_one(&stored);
    let again = fixture.store(&[stored.clone(), stored]);
    assert_eq!(again, StoreReport { inserted: 0, duplicates: 4, dead: 0 });
    assert_eq!(fixture.writer.stats().rows, 2);
    assert_eq!(fixture.reader.snapshot(deadline()).unwrap().audit("run").unwrap().duplicates_total, 0);
}

#[test]
fn dead_event_is_counted_and_not_stored() {
    let mut fixture = Fixture::new();
    let dead = |sequence| TestEvent { is_dead: true, ..event("/a", sequence) };
    let unreadable = TestEvent { runid: None, sequence: None, ..dead(0) };
    let stored = entry(1000, 0, vec![event("/a", 0), dead(1), dead(2), unreadable]);
    assert_eq!(fixture.store_one(&stored), StoreReport { inserted: 1, duplicates: 0, dead: 3 });
    assert_eq!(fixture.store(&[stored]), StoreReport { inserted: 0, duplicates: 1, dead: 0 });
    let audit = fixture.reader.snapshot(deadline()).unwrap().audit("run").unwrap();
    assert_eq!((audit.events, audit.ranges, audit.dead), (1, vec![(0, 0)], vec![(1, 2)]));
}

#[test]
fn event_that_succeeds_after_it_was_dead_is_stored() {
    let mut fixture = Fixture::new();
    let whole = entry(1000, 0, vec![event("/a", 0), event("/b", 1)]);
    let mut partial = whole.clone();
    partial.events[1].is_dead = true;
    fixture.store_one(&partial);
    assert_eq!(fixture.store_one(&whole), StoreReport { inserted: 1, duplicates: 1, dead: 0 });
    assert_eq!(fixture.store(&[partial]), StoreReport { inserted: 0, duplicates: 1, dead: 0 });

    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    assert_eq!(snapshot.event(whole.position(1)).unwrap().expect("stored").event, whole.events[1].line);
    let audit = snapshot.audit("run").unwrap();
    assert_eq!((audit.ranges, audit.dead), (vec![(0, 1)], vec![]));
}

#[test]
fn failed_transaction_leaves_nothing_behind() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 0)])]);
    let blocker = rusqlite::Connection::open(fixture.path()).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = entry(2000, 0, vec![event("/new", 1)]);
    assert!(fixture.writer.store(&[refused.stored()], &[FOLLOWED]).is_err());
    blocker.execute_batch("ROLLBACK").unwrap();

    assert_eq!(fixture.writer.follow_positions().unwrap(), []);
    fixture.store_one(&refused);
    assert_eq!(fixture.writer.stats().rows, 2);
    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    assert_eq!(snapshot.latest("/new").unwrap().expect("stored").position, refused.position(0));
}

#[test]
fn interrupted_transaction_does_not_leave_unknown_names() {
    let mut fixture = Fixture::new();
    // The last step of the transaction fails, when names have been interned already.
    let saboteur = rusqlite::Connection::open(fixture.path()).unwrap();
    saboteur
        .execute_batch("CREATE TRIGGER sabotage BEFORE INSERT ON follow BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let stored = entry(1000, 0, vec![event("/new", 1)]);
    assert!(fixture.writer.store(&[stored.stored()], &[FOLLOWED]).is_err());
    assert_eq!(fixture.writer.stats().rows, 0);
    saboteur.execute_batch("DROP TRIGGER sabotage").unwrap();

    fixture.store_one(&stored);
    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    assert_eq!(snapshot.rows(), 1);
    assert_eq!(snapshot.sources(None, 10).unwrap().sources[0].source, "/new");
}

#[test]
fn write_ahead_log_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache.db");
    let options = cache::WriterOptions { wal_bytes_max: 100_000, ..cache::WriterOptions::default() };
    let mut writer = cache::Writer::open(&path, options).unwrap();
    let started = std::time::Instant::now();
    let mut truncations = 0;
    let mut last = 0;
    for ms in 1.. {
        let stored = entry(ms, 0, (0..100).map(|n| event("/a", ms * 100 + n)).collect());
        writer.store(&[stored.stored()], &[]).unwrap();
        let wal_bytes = writer.stats().wal_bytes;
        truncations += u32::from(wal_bytes < last);
        last = wal_bytes;
        if truncations == 2 {
            break;
        }
        assert!(started.elapsed().as_secs() < 30, "the log was truncated {truncations} times");
    }
}

#[test]
fn checkpoint_moves_a_long_log_into_the_file_and_is_timed() {
    let mut fixture = Fixture::new();
    let before = fixture.writer.stats().file_bytes;
    assert_eq!(fixture.writer.take_checkpoint(), None);
    let line = format!(r#"{{"text":"{}"}}"#, "x".repeat(4_000));
    let took = (1..100).find_map(|ms| {
        let events = (0..100).map(|n| TestEvent { line: line.clone(), ..event("/a", n) }).collect();
        fixture.writer.store(&[entry(ms, 0, events).stored()], &[]).unwrap();
        fixture.writer.take_checkpoint()
    });
    assert!(took.is_some_and(|took| took > Duration::ZERO), "{took:?}");
    assert!(fixture.writer.stats().file_bytes > before + 3_000_000, "{:?}", fixture.writer.stats());
    assert_eq!(fixture.writer.take_checkpoint(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_event_of_the_model_is_found(transactions in prop::collection::vec(prop::collection::vec(any_entry(), 1..4), 1..30)) {
        let mut fixture = Fixture::new();
        let mut report = StoreReport::default();
        for entries in &transactions {
            let one = fixture.store(entries);
            report.inserted += one.inserted;
            report.duplicates += one.duplicates;
        }
        let processed: usize = transactions.iter().flatten().flat_map(|entry| &entry.events).filter(|event| !event.is_dead).count();
        prop_assert_eq!(report.inserted, fixture.model.len() as u64);
        prop_assert_eq!(report.inserted + report.duplicates, processed as u64);
        prop_assert_eq!(fixture.writer.stats().rows, report.inserted);

        let snapshot = fixture.reader.snapshot(deadline()).unwrap();
        for (position, expected) in &fixture.model {
            let found = snapshot.event(*position).unwrap().expect("in the model");
            prop_assert_eq!(found.event, expected.event.line.clone());
            prop_assert_eq!(found.result, expected.event.result);
        }
        let mut latest = std::collections::BTreeMap::<&str, (Position, u64)>::new();
        for (position, event) in &fixture.model {
            let known = latest.entry(&event.event.source).or_insert((*position, 0));
            *known = (*position, known.1 + 1);
        }
        let page = snapshot.sources(None, 100).unwrap();
        let found: Vec<_> = page.sources.iter().map(|row| (&*row.source, (row.last_position, row.events))).collect();
        prop_assert_eq!(found, latest.into_iter().collect::<Vec<_>>());
    }
}

use std::time::{Duration, Instant};

use cache::{
    CacheError, EventFilter, FollowPosition, Followed, Order, Reader, ReaderOptions, Writer, WriterOptions,
};
use events::EntryId;

use crate::fixture::{Fixture, deadline, entry, event};

fn reopened(fixture: Fixture, damage: impl FnOnce(&std::path::Path)) -> (tempfile::TempDir, Writer) {
    let path = fixture.path();
    let directory = fixture.close();
    damage(&path);
    let writer = Writer::open(&path, WriterOptions::default()).expect("any file can be replaced");
    (directory, writer)
}

#[test]
fn cache_survives_a_restart() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let followed = |partition, position| Followed { partition, position, entries: 5 };
    let follow = [followed(0, EntryId::new(7, 8)), followed(3, EntryId::new(u64::MAX, u64::MAX))];
    fixture.writer.store(&[], &follow).unwrap();
    let (_directory, writer) = reopened(fixture, |_| {});
    assert_eq!(writer.stats().rows, 1);
    assert_eq!(
        writer.follow_positions().unwrap(),
        follow.map(|followed| FollowPosition { followed, gap: None })
    );
}

#[test]
fn gap_is_remembered() {
    let mut fixture = Fixture::new();
    fixture.writer.record_gap(1, EntryId::new(5, 1)).unwrap();
    fixture.writer.record_gap(1, EntryId::new(4, 9)).unwrap();
    let followed = Followed { partition: 1, position: EntryId::new(6, 0), entries: 3 };
    fixture.writer.store(&[], &[followed]).unwrap();
    let expected = FollowPosition { followed, gap: Some(EntryId::new(5, 1)) };
    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    assert_eq!(snapshot.follow_positions().unwrap(), [expected]);
}

#[test]
fn corrupt_file_is_built_again() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let (_directory, writer) = reopened(fixture, |path| std::fs::write(path, [7; 5000]).unwrap());
    assert_eq!(writer.stats().rows, 0);
}

#[test]
fn file_of_another_version_is_built_again() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let (directory, writer) = reopened(fixture, |path| {
        rusqlite::Connection::open(path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    });
    assert_eq!(writer.stats().rows, 0);
    assert!(Reader::open(&directory.path().join("cache.db"), &ReaderOptions::default()).is_ok());
}

/// Nothing waits until it is on storage, so a file may be damaged where the kernel stops.
#[test]
fn file_that_the_kernel_did_not_outlive_is_built_again() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let (_directory, writer) = reopened(fixture, |path| {
        let sql = "UPDATE meta SET boot = '5ec9bd67-2f77-4a6f-8f5d-1d4f8d2c6a10'";
        rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap();
    });
    assert_eq!(writer.stats().rows, 0);
}

/// Overwrites the root page of a table.
fn destroy(path: &std::path::Path, table: &str) {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let page: u32 = connection.query_row(sql, [table], |row| row.get(0)).expect("a table");
    let page = page as usize;
    connection.close().expect("no statement is open");
    let mut bytes = std::fs::read(path).expect("readable");
    bytes[(page - 1) * 4096..page * 4096].fill(0xee);
    std::fs::write(path, bytes).expect("writable");
}

#[test]
fn damage_found_when_opening_is_repaired() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let (_directory, writer) = reopened(fixture, |path| destroy(path, "body"));
    assert_eq!(writer.stats().rows, 0);
}

#[test]
fn damage_found_later_is_named() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 1)])]);
    let (directory, mut writer) = reopened(fixture, |path| destroy(path, "entry"));
    let stored = entry(2000, 0, vec![event("/a", 1)]);
    let error = writer.store(&[stored.stored()], &[]).expect_err("the table is gone");
    assert_eq!(error.kind(), "corrupt", "{error}");
    writer.discard().unwrap();
    let path = directory.path().join("cache.db");
    assert_eq!(Writer::open(&path, WriterOptions::default()).unwrap().stats().rows, 0);
}

#[test]
fn second_writer_is_refused() {
    let fixture = Fixture::new();
    let second = Writer::open(&fixture.path(), WriterOptions::default());
    assert!(matches!(second, Err(CacheError::InUse { .. })));
}

#[test]
fn reader_waits_for_a_cache() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache.db");
    let open = || Reader::open(&path, &ReaderOptions::default());
    assert!(matches!(open(), Err(CacheError::Missing { .. })));
    std::fs::write(&path, []).unwrap();
    assert!(matches!(open(), Err(CacheError::Missing { .. })));
    let _writer = Writer::open(&path, WriterOptions::default()).unwrap();
    assert!(open().is_ok());
}

#[test]
fn reader_notices_that_the_cache_was_rebuilt() {
    let fixture = Fixture::new();
    assert!(!fixture.reader.is_stale());
    let path = fixture.path();
    fixture.writer.discard().unwrap();
    assert!(fixture.reader.is_stale());
    let _writer = Writer::open(&path, WriterOptions::default()).unwrap();
    assert!(fixture.reader.is_stale());
}

#[test]
fn reads_end_at_their_deadline() {
    let mut fixture = Fixture::new();
    for ms in 0..40 {
        let entries: Vec<_> =
            (0..20).map(|seq| entry(1000 + ms, seq, (0..100).map(|n| event("/a", n)).collect())).collect();
        fixture.store(&entries);
    }
    let passed = fixture.reader.snapshot(Instant::now() - Duration::from_millis(1)).map(|_| ());
    assert!(matches!(passed, Err(CacheError::Deadline)));

    // No event matches, so both ways of reading look at all 80,000.
    let rare = entry(1, 0, vec![crate::fixture::TestEvent { kind: "rare".to_owned(), ..event("/b", 0) }]);
    fixture.store(&[rare]);
    for source in [None, Some("/a".to_owned())] {
        let filter = EventFilter {
            kind: Some("rare".to_owned()),
            runid: Some("run".to_owned()),
            source,
            ..EventFilter::default()
        };
        let started = Instant::now();
        fixture.reader.snapshot(deadline()).unwrap().events(&filter, Order::Ascending, None, 10).unwrap();
        let whole = started.elapsed();
        let snapshot = fixture.reader.snapshot(Instant::now() + whole / 10);
        let error = snapshot.and_then(|snapshot| snapshot.events(&filter, Order::Descending, None, 10));
        assert!(matches!(error, Err(CacheError::Deadline)), "{filter:?} took {whole:?}: {error:?}");
    }
    let page = fixture.reader.snapshot(deadline()).unwrap().events(
        &EventFilter::default(),
        Order::Ascending,
        None,
        3,
    );
    assert_eq!(page.unwrap().events.len(), 3);
}

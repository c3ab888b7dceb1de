use cache::{Cursor, CursorError, EventFilter, EventPage, Order, Snapshot};
use events::Position;
use proptest::prelude::*;

use crate::fixture::{Fixture, ModelEvent, TestEntry, any_entry, deadline, entry, event};

fn matches(filter: &EventFilter, event: &ModelEvent) -> bool {
    let is = |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
    is(&filter.source, Some(&event.event.source))
        && is(&filter.kind, Some(&event.event.kind))
        && is(&filter.runid, event.event.runid.as_ref())
        && filter.since_us.is_none_or(|since| since <= event.accepted_us)
        && filter.until_us.is_none_or(|until| event.accepted_us < until)
}

fn any_filter() -> impl Strategy<Value = EventFilter> {
    let name = |prefix: &'static str, count: u8| {
        prop::option::weighted(0.4, (0..count).prop_map(move |n| format!("{prefix}{n}")))
    };
    let time = || prop::option::weighted(0.3, 1_699_999_900_000_000..1_700_009_100_000_000_i64);
    (name("/s/", 6), name("type-", 4), name("run-", 3), time(), time()).prop_map(
        |(source, kind, runid, since_us, until_us)| EventFilter { source, kind, runid, since_us, until_us },
    )
}

fn transactions(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Vec<TestEntry>>> {
    prop::collection::vec(prop::collection::vec(any_entry(), 1..3), count)
}

/// Walks over all pages; between two of them the next transaction arrives.
fn walk(
    fixture: &mut Fixture,
    filter: &EventFilter,
    order: Order,
    limit: usize,
    mut arriving: impl Iterator<Item = Vec<TestEntry>>,
) -> Vec<Position> {
    let mut seen = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let snapshot = fixture.reader.snapshot(deadline()).expect("no deadline");
        let page = snapshot.events(filter, order, cursor.as_ref(), limit).expect("the cursor fits");
        drop(snapshot);
        assert!(page.events.len() <= limit);
        seen.extend(page.events.iter().map(|event| event.position));
        let Some(next) = page.next else { return seen };
        assert_ne!(cursor, Some(next), "the walk does not advance");
        assert_eq!(page.events.len(), limit, "only the last page is short");
        cursor = Some(next.to_string().parse().expect("a cursor"));
        if let Some(entries) = arriving.next() {
            fixture.store(&entries);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_walk_sees_each_event_that_was_there_once(
        before in transactions(1..100),
        arriving in transactions(0..40),
        filter in any_filter(),
        is_ascending: bool,
        limit in 1..60_usize,
    ) {
        let mut fixture = Fixture::new();
        before.iter().for_each(|entries| { fixture.store(entries); });
        let expected: Vec<Position> =
            fixture.model.iter().filter(|(_, event)| matches(&filter, event)).map(|(position, _)| *position).collect();
        let order = if is_ascending { Order::Ascending } else { Order::Descending };

        let mut seen = walk(&mut fixture, &filter, order, limit, arriving.into_iter());
        if order == Order::Descending {
            seen.reverse();
        }
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "not in order: {seen:?}");
        prop_assert!(seen.iter().all(|position| matches(&filter, &fixture.model[position])));
        for position in expected {
            prop_assert!(seen.binary_search(&position).is_ok(), "{position} is missing");
        }
    }
}

#[test]
fn positions_of_all_partitions_are_in_one_order() {
    let mut fixture = Fixture::new();
    for partition in [2, 0, 1] {
        fixture.store(&[TestEntry { partition, ..entry(1000, 4, vec![event("/a", 0), event("/a", 1)]) }]);
    }
    let seen = walk(&mut fixture, &EventFilter::default(), Order::Ascending, 1, std::iter::empty());
    let text: Vec<_> = seen.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["1000-4.0", "1000-4.1", "1000-4.0@1", "1000-4.1@1", "1000-4.0@2", "1000-4.1@2"]);
}

#[test]
fn index_of_sources_is_merged_with_its_tail() {
    let mut fixture = Fixture::new();
    // 64 transactions move the tail into the index.
    for ms in 0..150 {
        fixture.store(&[entry(1000 + (ms * 37) % 150, 0, vec![event("/a", ms), event("/b", ms)])]);
    }
    let filter = EventFilter { source: Some("/a".to_owned()), ..EventFilter::default() };
    let seen = walk(&mut fixture, &filter, Order::Ascending, 7, std::iter::empty());
    assert_eq!(seen.len(), 150);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn cursor_of_another_query_is_refused() {
    let mut fixture = Fixture::new();
    fixture.store(&[entry(1000, 0, vec![event("/a", 0), event("/a", 1)])]);
    let filter = EventFilter { source: Some("/a".to_owned()), ..EventFilter::default() };
    let snapshot = fixture.reader.snapshot(deadline()).unwrap();
    let page = |snapshot: &Snapshot<'_>, filter: &EventFilter, order, cursor: Option<&Cursor>| {
        snapshot.events(filter, order, cursor, 1)
    };
    let EventPage { next, .. } = page(&snapshot, &filter, Order::Descending, None).unwrap();
    let cursor = next.expect("there is a second event");
    assert!(page(&snapshot, &filter, Order::Descending, Some(&cursor)).unwrap().next.is_none());
    for (filter, order) in [
        (filter.clone(), Order::Ascending),
        (EventFilter { kind: Some("reading".to_owned()), ..filter.clone() }, Order::Descending),
        (EventFilter { until_us: Some(i64::MAX), ..filter }, Order::Descending),
    ] {
        let error = page(&snapshot, &filter, order, Some(&cursor)).expect_err("another query");
        assert!(matches!(error, cache::CacheError::Cursor(CursorError::OtherQuery)), "{error}");
    }
}

#[test]
fn sources_are_walked_by_name() {
    let mut fixture = Fixture::new();
    let events = ["/b", "/ä", "/a/2", "/a", "/c"].map(|source| event(source, 0)).to_vec();
    fixture.store(&[entry(1000, 0, events)]);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.reader.snapshot(deadline()).unwrap().sources(after.as_deref(), 2).unwrap();
        seen.extend(page.sources.into_iter().map(|row| row.source));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["/a", "/a/2", "/b", "/c", "/ä"]);
}

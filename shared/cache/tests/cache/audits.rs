use std::collections::{BTreeMap, BTreeSet};

use cache::RunAudit;
use events::Position;
use proptest::prelude::*;

use crate::fixture::{Fixture, TestEntry, any_entry, deadline, entry, event};

fn ranges(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// What an audit must say, from the model and the entries alone.
fn expected(fixture: &Fixture, transactions: &[Vec<TestEntry>], runid: &str) -> RunAudit {
    let mut audit = RunAudit::default();
    let mut positions: BTreeMap<u64, Vec<Position>> = BTreeMap::new();
    for (position, event) in fixture.model.iter().filter(|(_, e)| e.event.runid.as_deref() == Some(runid)) {
        audit.events += 1;
        audit.first = audit.first.or(Some(*position));
        match event.event.sequence {
            Some(sequence) => positions.entry(sequence).or_default().push(*position),
            None => audit.unnumbered += 1,
        }
    }
    audit.distinct = positions.len() as u64;
    audit.ranges = ranges(&positions.keys().copied().collect());
    audit.duplicates_total = positions.values().map(|positions| positions.len() as u64 - 1).sum();
    // A dead event counts unless its position holds an event; the first delivery of a position decides its
    // sequence.
    let mut dead: BTreeMap<Position, (Option<String>, Option<u64>)> = BTreeMap::new();
    for entry in transactions.iter().flatten() {
        for (index, event) in (0..).zip(&entry.events).filter(|(_, event)| event.is_dead) {
            dead.entry(entry.position(index)).or_insert_with(|| (event.runid.clone(), event.sequence));
        }
    }
    let dead = dead.into_iter().filter(|(position, (run, _))| {
        run.as_deref() == Some(runid) && !fixture.model.contains_key(position)
    });
    audit.dead = ranges(&dead.filter_map(|(_, (_, sequence))| sequence).collect());
    audit
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn audits_are_those_of_the_events(
        transactions in prop::collection::vec(prop::collection::vec(any_entry(), 1..4), 1..30),
    ) {
        let mut fixture = Fixture::new();
        transactions.iter().for_each(|entries| { fixture.store(entries); });
        for runid in ["run-0", "run-1", "unknown"] {
            let mut found = fixture.reader.snapshot(deadline()).unwrap().audit(runid).unwrap();
            for duplicate in found.duplicates.drain(..) {
                let is_it = |position: &Position| {
                    let event = &fixture.model[position].event;
                    event.runid.as_deref() == Some(runid) && event.sequence == Some(duplicate.sequence)
                };
                prop_assert!(duplicate.positions.iter().all(is_it));
                prop_assert!(duplicate.positions.is_sorted());
            }
            prop_assert_eq!(found, expected(&fixture, &transactions, runid), "{}", runid);
        }
    }
}

#[test]
fn gaps_and_duplicates_are_found() {
    let mut fixture = Fixture::new();
    let events = |sequences: &[u64]| sequences.iter().map(|&n| event(&format!("/{}", n % 3), n)).collect();
    fixture.store(&[entry(1000, 0, events(&[0, 1, 2, 4095, 4096, 4097]))]);
    fixture.store(&[entry(2000, 0, events(&[2, 9000, 9000])), entry(3000, 0, events(&[2]))]);

    let audit = fixture.reader.snapshot(deadline()).unwrap().audit("run").unwrap();
    assert_eq!((audit.events, audit.distinct, audit.duplicates_total), (10, 7, 3));
    assert_eq!(audit.ranges, [(0, 2), (4095, 4097), (9000, 9000)]);
    let duplicates: Vec<_> = audit
        .duplicates
        .iter()
        .map(|d| (d.sequence, d.positions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        .collect();
    let expected = [(2, "1000-0.2 2000-0.0 3000-0.0"), (9000, "2000-0.1 2000-0.2")];
    assert_eq!(duplicates, expected.map(|(sequence, positions)| (sequence, positions.to_owned())));
}

#[test]
fn the_greatest_sequence_is_audited() {
    let mut fixture = Fixture::new();
    let greatest = i64::MAX as u64;
    fixture.store(&[entry(1000, 0, vec![event("/a", greatest), event("/a", greatest - 1)])]);
    let audit = fixture.reader.snapshot(deadline()).unwrap().audit("run").unwrap();
    assert_eq!(audit.ranges, [(greatest - 1, greatest)]);
}

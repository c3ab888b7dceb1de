//! Ledgers of parts of a run that are put together, and the file that keeps them.

use jiff::Timestamp;
use measurement::{Fates, Ledger, LedgerError, LedgerFile, LedgerFileError, SequenceSet};
use proptest::prelude::*;

/// What became of a number: of its first sending and of its repetition, 0 to 3 in the order of the sets, 4 is none.
type Number = (usize, usize);

fn numbers() -> impl Strategy<Value = Vec<Number>> {
    prop::collection::vec((0..5_usize, prop_oneof![3 => Just(4), 1 => 0..4_usize]), 0..60)
}

fn sets(fates: &mut Fates) -> [&mut SequenceSet; 4] {
    [&mut fates.accepted, &mut fates.refused, &mut fates.unknown, &mut fates.unsent]
}

fn record(ledger: &mut Ledger, sequence: u64, (first, repeat): Number) {
    for (fates, fate) in [(&mut ledger.first, first), (&mut ledger.repeats, repeat)] {
        if let Some(set) = sets(fates).into_iter().nth(fate) {
            set.insert(sequence);
        }
    }
}

fn ledger_of(numbers: &[Number]) -> Ledger {
    let mut ledger = Ledger::default();
    (0_u64..).zip(numbers).for_each(|(sequence, number)| record(&mut ledger, sequence, *number));
    ledger
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn file_of(numbers: &[Number]) -> LedgerFile {
    LedgerFile::new("run", at(1), at(2), ledger_of(numbers))
}

proptest! {
    #[test]
    fn parts_put_together_equal_one_ledger(numbers in numbers(), parts in 1..6_u64) {
        let whole = ledger_of(&numbers);
        let mut merged = Ledger::default();
        for part in 0..parts {
            let mut ledger = Ledger::default();
            for (sequence, number) in (0_u64..).zip(&numbers).filter(|(sequence, _)| sequence % parts == part) {
                record(&mut ledger, sequence, *number);
            }
            merged.merge(&ledger).unwrap();
            // A part that comes a second time changes nothing.
            merged.merge(&ledger).unwrap();
            merged.optimize();
        }
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(merged.first.sent().len(), merged.first.sent_len());
    }

    #[test]
    fn parts_that_disagree_are_refused_and_change_nothing(numbers in numbers(), pick in any::<prop::sample::Index>()) {
        let whole = ledger_of(&numbers);
        let sent = whole.first.sent();
        prop_assume!(!sent.is_empty());
        let sequence = *pick.get(&sent.iter().collect::<Vec<_>>());
        let mut part = Ledger::default();
        part.first.unsent.insert(sequence);
        let mut merged = whole.clone();
        let error = merged.merge(&part).unwrap_err();
        prop_assert!(
            matches!(&error, LedgerError::TwoFates { second: "unsent", numbers, .. } if numbers.contains(sequence)),
            "{}", error
        );
        prop_assert_eq!(&merged, &whole);
        // The repetition of an event may have another fate than its first sending.
        let repeat = Ledger { first: Fates::default(), repeats: part.first };
        if whole.repeats.sent().contains(sequence) {
            prop_assert!(merged.merge(&repeat).is_err());
        } else {
            prop_assert_eq!(merged.merge(&repeat), Ok(()));
        }
    }

    #[test]
    fn number_with_two_fates_is_found(numbers in numbers(), fates in (0..4_usize, 0..4_usize), is_repeat in any::<bool>()) {
        let mut ledger = ledger_of(&numbers);
        prop_assert_eq!(ledger.check(), Ok(()));
        prop_assume!(fates.0 != fates.1);
        let broken = if is_repeat { &mut ledger.repeats } else { &mut ledger.first };
        sets(broken)[fates.0].insert(1000);
        sets(broken)[fates.1].insert(1000);
        prop_assert!(ledger.check().is_err());
        prop_assert!(Ledger::default().merge(&ledger).is_err());
    }

    #[test]
    fn file_survives_json(numbers in numbers()) {
        let file = file_of(&numbers);
        let mut text = Vec::new();
        file.write(&mut text).unwrap();
        prop_assert_eq!(serde_json::from_slice::<LedgerFile>(&text).unwrap(), file);
    }
}

#[test]
fn file_without_repeats_does_not_mention_them() {
    let mut text = Vec::new();
    file_of(&[(0, 4), (0, 4), (1, 4)]).write(&mut text).unwrap();
    let expected =
        r#"{"version":2,"runid":"run","started_at":"1970-01-01T00:00:01Z","ended_at":"1970-01-01T00:00:02Z","#
            .to_owned()
            + r#""ledger":{"first":{"accepted":[[0,1]],"refused":[[2,2]],"unknown":[],"unsent":[]}}}"#;
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn file_of_another_version_is_told_as_such() {
    let text = r#"{"version":1,"runid":"run","ledger":{"sent":[],"accepted":[],"refused":[],"unknown":[]}}"#;
    let error = serde_json::from_str::<LedgerFile>(text).unwrap_err().to_string();
    assert!(error.starts_with("ledger has version 1, this program reads version 2; "), "{error}");
}

#[test]
fn shards_put_together_span_the_run() {
    let [mut file, mut shard] = [file_of(&[(0, 4)]), file_of(&[])];
    (shard.started_at, shard.ended_at) = (at(0), at(9));
    shard.ledger.first.accepted.insert(5);
    file.merge(&shard).unwrap();
    assert_eq!((file.started_at, file.ended_at), (at(0), at(9)));
    assert_eq!(file.ledger.first.accepted, SequenceSet::from_iter([0, 5]));
    shard.runid = "other".to_owned();
    assert!(matches!(file.merge(&shard), Err(LedgerFileError::OtherRun { .. })));
}

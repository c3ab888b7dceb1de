//! The audit against a model that looks at every number by itself.

use measurement::{
    AuditOutcome, AuditVerdict, Duplicate, Fates, Ledger, LedgerFile, LedgerFileError, ObservedRun,
    SequenceSet, audit,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Accepted,
    Refused,
    Unknown,
    Unsent,
    NeverPlanned,
}

impl Fate {
    fn rows_min(self) -> u64 {
        u64::from(self == Self::Accepted)
    }

    fn rows_max(self) -> u64 {
        u64::from(matches!(self, Self::Accepted | Self::Unknown))
    }

    fn is_sent(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused | Self::Unknown)
    }
}

/// One number: what became of it at the sender and at the receiver.
#[derive(Debug, Clone, Copy)]
struct Number {
    first: Fate,
    repeat: Fate,
    rows: u64,
    is_dead: bool,
}

impl Number {
    fn rows_min(self) -> u64 {
        self.first.rows_min() + self.repeat.rows_min()
    }

    fn rows_max(self) -> u64 {
        self.first.rows_max() + self.repeat.rows_max()
    }

    fn is_reached(self) -> bool {
        self.rows > 0 || self.is_dead
    }

    /// Rows that no sending explains, the first row left to phantoms.
    fn surplus(self) -> u64 {
        self.rows.saturating_sub(self.rows_max().max(1))
    }

    fn is_sound(self) -> bool {
        let rows = self.rows + u64::from(self.is_dead);
        rows <= self.rows_max() && (self.is_dead || self.rows >= self.rows_min())
    }
}

fn once(first: Fate, rows: u64, is_dead: bool) -> Number {
    Number { first, repeat: Fate::NeverPlanned, rows, is_dead }
}

fn numbers() -> impl Strategy<Value = Vec<Number>> {
    let first = prop_oneof![
        20 => Just(Fate::Accepted),
        2 => Just(Fate::Refused),
        2 => Just(Fate::Unknown),
        1 => Just(Fate::Unsent),
        1 => Just(Fate::NeverPlanned),
    ];
    let repeat = prop_oneof![
        5 => Just(Fate::NeverPlanned),
        5 => Just(Fate::Accepted),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Unknown),
        1 => Just(Fate::Unsent),
    ];
    // Mostly as many rows as there should be, so that faults stand alone as well.
    let change = prop_oneof![20 => Just(0_i64), 1 => -2..3_i64];
    let number =
        (first, repeat, change, prop::bool::weighted(0.03)).prop_map(|(first, repeat, change, is_dead)| {
            let number = Number { first, repeat, rows: 0, is_dead };
            Number { rows: (number.rows_min() as i64 + change).max(0) as u64, ..number }
        });
    prop::collection::vec(number, 0..60)
}

fn fates_of(fates: impl Iterator<Item = Fate>) -> Fates {
    let mut of = Fates::default();
    for (sequence, fate) in (0_u64..).zip(fates) {
        match fate {
            Fate::Accepted => of.accepted.insert(sequence),
            Fate::Refused => of.refused.insert(sequence),
            Fate::Unknown => of.unknown.insert(sequence),
            Fate::Unsent => of.unsent.insert(sequence),
            Fate::NeverPlanned => continue,
        };
    }
    of
}

fn ledger_of(numbers: &[Number]) -> Ledger {
    Ledger {
        first: fates_of(numbers.iter().map(|number| number.first)),
        repeats: fates_of(numbers.iter().map(|number| number.repeat)),
    }
}

/// What the query API says: at most `named_max` duplicates with their positions.
fn observed_of(numbers: &[Number], named_max: usize) -> ObservedRun {
    let mut observed = ObservedRun { runid: "run".to_owned(), complete: true, ..ObservedRun::default() };
    for (sequence, number) in (0_u64..).zip(numbers) {
        let rows = number.rows;
        observed.events += rows;
        if rows > 0 {
            observed.ranges.insert(sequence);
            observed.distinct += 1;
            observed.duplicates_total += rows - 1;
        }
        if rows > 1 && observed.duplicates.len() < named_max {
            let positions = (0..rows).map(|index| format!("1-0.{index}")).collect();
            observed.duplicates.push(Duplicate { sequence, positions });
        }
        if number.is_dead {
            observed.dead.insert(sequence);
        }
    }
    observed
}

fn clean(count: u64) -> (Ledger, ObservedRun) {
    let numbers: Vec<Number> = (0..count).map(|_| once(Fate::Accepted, 1, false)).collect();
    (ledger_of(&numbers), observed_of(&numbers, 1000))
}

fn select(numbers: &[Number], wanted: impl Fn(&Number) -> bool) -> SequenceSet {
    (0_u64..).zip(numbers).filter(|(_, number)| wanted(number)).map(|(sequence, _)| sequence).collect()
}

fn is_lost(number: &Number) -> bool {
    number.rows_min() > 0 && !number.is_reached()
}

fn is_repeat_lost(number: &Number) -> bool {
    number.rows_min() == 2 && number.rows == 1 && !number.is_dead
}

/// What holds of a verdict however few duplicates are named.
fn never_claims_too_much(verdict: &AuditVerdict, numbers: &[Number]) -> Result<(), TestCaseError> {
    let is_sent = |number: &Number| number.first.is_sent() || number.repeat.is_sent();
    prop_assert_eq!(&verdict.lost, &select(numbers, is_lost));
    prop_assert_eq!(
        &verdict.phantom_refused,
        &select(numbers, |number| is_sent(number) && number.rows_max() == 0 && number.is_reached())
    );
    prop_assert_eq!(
        &verdict.phantom_never_sent,
        &select(numbers, |number| !is_sent(number) && number.is_reached())
    );
    prop_assert_eq!(&verdict.dead_lettered, &select(numbers, |number| number.is_dead));
    prop_assert_eq!(verdict.repeats.sent, select(numbers, |number| number.repeat.is_sent()).len());
    prop_assert!(verdict.inconsistencies.is_empty(), "{:?}", verdict.inconsistencies);

    let lost = select(numbers, is_repeat_lost);
    prop_assert!(verdict.lost_repeats.difference(&lost).is_empty());
    prop_assert!(verdict.lost_repeats.len() <= verdict.lost_repeats_total);
    prop_assert!(verdict.lost_repeats_total <= lost.len());
    prop_assert!(verdict.duplicated <= numbers.iter().map(|number| number.surplus()).sum());
    for duplicate in &verdict.duplicates {
        prop_assert!(numbers[duplicate.sequence as usize].surplus() > 0);
    }
    let dead =
        select(numbers, |number| number.is_dead && number.rows > 0 && number.rows + 1 > number.rows_max());
    prop_assert!(verdict.dead_and_present.difference(&dead).is_empty());
    if numbers.iter().all(|number| number.is_sound()) {
        prop_assert!(verdict.passed(), "{}", verdict);
    }
    Ok(())
}

proptest! {
    #[test]
    fn verdict_agrees_with_the_model(numbers in numbers()) {
        let (ledger, observed) = (ledger_of(&numbers), observed_of(&numbers, 1000));
        prop_assert_eq!(ledger.check(), Ok(()));
        let verdict = audit(&ledger, &observed);
        never_claims_too_much(&verdict, &numbers)?;

        prop_assert_eq!(&verdict.lost_repeats, &select(&numbers, is_repeat_lost));
        prop_assert_eq!(verdict.lost_repeats_total, verdict.lost_repeats.len());
        prop_assert_eq!(verdict.duplicated, numbers.iter().map(|number| number.surplus()).sum::<u64>());
        prop_assert_eq!(
            &verdict.dead_and_present,
            &select(&numbers, |number| number.is_dead && number.rows > 0 && number.rows + 1 > number.rows_max())
        );
        let named: SequenceSet = verdict.duplicates.iter().map(|duplicate| duplicate.sequence).collect();
        prop_assert_eq!(named, select(&numbers, |number| number.surplus() > 0));
        prop_assert_eq!(verdict.passed(), numbers.iter().all(|number| number.is_sound()), "{}", verdict);
    }

    #[test]
    fn verdict_of_a_truncated_list_of_duplicates_claims_nothing_unproven(
        numbers in numbers(),
        named_max in 0..20_usize,
        without_first in any::<u64>(),
    ) {
        let mut observed = observed_of(&numbers, named_max);
        for duplicate in &mut observed.duplicates {
            if without_first >> (duplicate.sequence % 64) & 1 == 1 {
                duplicate.positions.remove(0);
            }
        }
        never_claims_too_much(&audit(&ledger_of(&numbers), &observed), &numbers)?;
    }

    #[test]
    fn fault_beyond_the_named_duplicates_is_found_by_the_sum(fault in 20..40_usize, named_max in 0..10_usize) {
        let sound = Number { first: Fate::Accepted, repeat: Fate::Accepted, rows: 2, is_dead: false };
        for (rows, expected) in [(1, (1, 0)), (2, (0, 0)), (3, (0, 1))] {
            let mut numbers = vec![sound; 40];
            numbers[fault].rows = rows;
            let verdict = audit(&ledger_of(&numbers), &observed_of(&numbers, named_max));
            prop_assert_eq!((verdict.lost_repeats_total, verdict.duplicated), expected);
            prop_assert_eq!(verdict.passed(), rows == 2);
            prop_assert_eq!(verdict.repeats.queryable, if rows == 1 { 39 } else { 40 });
        }
    }

    #[test]
    fn incomplete_observation_never_passes(numbers in numbers()) {
        let mut observed = observed_of(&numbers, 1000);
        observed.complete = false;
        let verdict = audit(&ledger_of(&numbers), &observed);
        prop_assert_ne!(verdict.outcome, AuditOutcome::Pass);
        prop_assert!(verdict.incomplete.is_some());
    }

    #[test]
    fn doubted_comparison_neither_passes_nor_fails(numbers in numbers()) {
        let verdict = audit(&ledger_of(&numbers), &observed_of(&numbers, 1000)).doubted("a shard is not there");
        prop_assert_eq!(verdict.outcome, AuditOutcome::Inconclusive);
        prop_assert!(verdict.to_string().ends_with("; doubtful"), "{}", verdict);
    }
}

#[test]
fn repeats_are_shown_beside_the_events() {
    let number = |repeat, rows| Number { first: Fate::Accepted, repeat, rows, is_dead: false };
    let numbers = [
        number(Fate::Accepted, 2),
        number(Fate::Accepted, 1),
        number(Fate::Refused, 1),
        number(Fate::Unknown, 2),
        Number { first: Fate::Refused, ..number(Fate::Accepted, 1) },
        number(Fate::NeverPlanned, 1),
    ];
    let verdict = audit(&ledger_of(&numbers), &observed_of(&numbers, 1000));
    assert_eq!(
        verdict.to_string(),
        "6 sent, 5 accepted, 6 queryable, 1 lost, 0 duplicated, 1 refused; 5 sent twice on purpose, 3 accepted twice, \
         3 queryable twice, 1 refused, 1 unknown"
    );
    assert_eq!(verdict.lost_repeats, SequenceSet::from_iter([1]));
}

#[test]
fn loss_is_inconclusive_while_the_observation_is_incomplete() {
    let (ledger, mut observed) = clean(10);
    observed.ranges = SequenceSet::from_iter(0..9);
    (observed.events, observed.distinct) = (9, 9);
    assert_eq!(audit(&ledger, &observed).outcome, AuditOutcome::Fail);

    observed.complete = false;
    observed.reason = Some("results were trimmed".to_owned());
    let verdict = audit(&ledger, &observed);
    assert_eq!(verdict.outcome, AuditOutcome::Inconclusive);
    assert_eq!(
        verdict.to_string(),
        "10 sent, 10 accepted, 9 queryable, 1 lost, 0 duplicated; incomplete: results were trimmed"
    );
}

#[test]
fn observation_that_contradicts_itself_fails() {
    let (ledger, sound) = clean(10);
    assert!(audit(&ledger, &sound).passed());
    let broken: [fn(&mut ObservedRun); 4] = [
        |observed| observed.distinct = 9,
        |observed| observed.events = 11,
        |observed| observed.events = 9,
        |observed| observed.duplicates.push(Duplicate { sequence: 3, positions: Vec::new() }),
    ];
    for (index, breaking) in broken.into_iter().enumerate() {
        let mut observed = sound.clone();
        breaking(&mut observed);
        let verdict = audit(&ledger, &observed);
        assert_eq!(verdict.outcome, AuditOutcome::Fail, "case {index}");
        assert!(!verdict.inconsistencies.is_empty(), "case {index}");
    }
}

#[test]
fn row_without_a_sequence_number_is_a_phantom() {
    let (ledger, mut observed) = clean(3);
    observed.events += 1;
    observed.unnumbered = 1;
    let verdict = audit(&ledger, &observed);
    assert_eq!((verdict.outcome, verdict.phantoms()), (AuditOutcome::Fail, 1));
}

#[test]
fn answer_of_the_query_api_is_understood() {
    let text = r#"{"runid":"r1","events":5,"distinct":3,"unnumbered":1,"ranges":[[0,1],[4,4]],
        "duplicates":[{"sequence":4,"positions":["1700000000000-0.17","1700000000000-0.18@3"]}],
        "duplicates_total":1,"dead":[[2,2]],"complete":true,"reason":null}"#;
    let observed: ObservedRun = serde_json::from_str(text).unwrap();
    assert_eq!(observed.ranges, SequenceSet::from_iter([0, 1, 4]));
    assert_eq!(observed.dead, SequenceSet::from_iter([2]));
    assert_eq!(observed.duplicates[0].positions.len(), 2);
}

#[test]
fn audit_of_another_run_is_refused() {
    let (ledger, observed) = clean(3);
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
    let mut file = LedgerFile::new("other", at(1), at(2), ledger);
    let expected = LedgerFileError::OtherRun { ledger: "other".to_owned(), other: "run".to_owned() };
    assert_eq!(file.audit(&observed), Err(expected));
    file.runid = "run".to_owned();
    assert!(file.audit(&observed).unwrap().passed());
}

#[test]
fn audit_without_the_ledger_of_a_shard_neither_passes_nor_fails() {
    let (ledger, mut observed) = clean(3);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let mut file = LedgerFile::new("run", at, at, ledger);
    file.missing_shards = vec!["2 of 4".to_owned()];
    assert_eq!(file.audit(&observed).unwrap().outcome, AuditOutcome::Inconclusive);
    // The other shard's.
    observed.ranges.insert_range(3..=5);
    (observed.events, observed.distinct) = (6, 6);
    let verdict = file.audit(&observed).unwrap();
    assert_eq!(verdict.outcome, AuditOutcome::Inconclusive);
    assert_eq!(verdict.doubts, ["ledger of shard 2 of 4 is not there"]);
}

#[test]
fn summary_line_names_only_what_is_there() {
    let (ledger, observed) = clean(1000);
    let line = audit(&ledger, &observed).to_string();
    assert_eq!(line, "1000 sent, 1000 accepted, 1000 queryable, 0 lost, 0 duplicated");

    let numbers =
        [once(Fate::Accepted, 0, true), once(Fate::Unknown, 1, false), once(Fate::Refused, 1, false)];
    let line = audit(&ledger_of(&numbers), &observed_of(&numbers, 1000)).to_string();
    assert_eq!(
        line,
        "3 sent, 1 accepted, 2 queryable, 0 lost, 0 duplicated, 1 refused, 1 unknown, 1 of them present, \
         1 dead-lettered, 1 phantom"
    );
}

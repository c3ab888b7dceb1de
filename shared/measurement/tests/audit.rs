//! The audit against a model that looks at every number by itself.

use measurement::{
    AuditOutcome, Duplicate, Ledger, LedgerError, LedgerFile, ObservedRun, SequenceSet, audit,
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

/// One number: its fate at the sender, its rows at the receiver, whether it was dead-lettered.
type Number = (Fate, u64, bool);

fn numbers() -> impl Strategy<Value = Vec<Number>> {
    let fate = prop_oneof![
        20 => Just(Fate::Accepted),
        2 => Just(Fate::Refused),
        2 => Just(Fate::Unknown),
        1 => Just(Fate::Unsent),
        1 => Just(Fate::NeverPlanned),
    ];
    let rows = prop_oneof![2 => Just(0_u64), 20 => Just(1_u64), 1 => 2..4_u64];
    prop::collection::vec((fate, rows, prop::bool::weighted(0.03)), 0..60)
}

fn ledger_of(numbers: &[Number]) -> Ledger {
    let mut ledger = Ledger::default();
    for (sequence, &(fate, _, _)) in (0_u64..).zip(numbers) {
        let set = match fate {
            Fate::Accepted => &mut ledger.accepted,
            Fate::Refused => &mut ledger.refused,
            Fate::Unknown => &mut ledger.unknown,
            Fate::Unsent => &mut ledger.unsent,
            Fate::NeverPlanned => continue,
        };
        set.insert(sequence);
        if fate != Fate::Unsent {
            ledger.sent.insert(sequence);
        }
    }
    ledger
}

fn observed_of(numbers: &[Number]) -> ObservedRun {
    let mut observed = ObservedRun { runid: "run".to_owned(), complete: true, ..ObservedRun::default() };
    for (sequence, &(_, rows, dead)) in (0_u64..).zip(numbers) {
        observed.events += rows;
        if rows > 0 {
            observed.ranges.insert(sequence);
            observed.distinct += 1;
        }
        if rows > 1 {
            observed.duplicates_total += 1;
            let positions = (0..rows).map(|index| format!("1-0.{index}")).collect();
            observed.duplicates.push(Duplicate { sequence, positions });
        }
        if dead {
            observed.dead.insert(sequence);
        }
    }
    observed
}

fn clean(count: u64) -> (Ledger, ObservedRun) {
    let numbers: Vec<Number> = (0..count).map(|_| (Fate::Accepted, 1, false)).collect();
    (ledger_of(&numbers), observed_of(&numbers))
}

proptest! {
    #[test]
    fn verdict_agrees_with_the_model(numbers in numbers()) {
        let (ledger, observed) = (ledger_of(&numbers), observed_of(&numbers));
        prop_assert_eq!(ledger.check(), Ok(()));
        let verdict = audit(&ledger, &observed);

        let select = |wanted: &dyn Fn(Number) -> bool| -> SequenceSet {
            (0_u64..).zip(&numbers).filter(|(_, number)| wanted(**number)).map(|(sequence, _)| sequence).collect()
        };
        let not_sent = |fate| fate == Fate::Unsent || fate == Fate::NeverPlanned;
        prop_assert_eq!(&verdict.lost, &select(&|(fate, rows, dead)| fate == Fate::Accepted && rows == 0 && !dead));
        prop_assert_eq!(
            &verdict.phantom_refused,
            &select(&|(fate, rows, dead)| fate == Fate::Refused && (rows > 0 || dead))
        );
        prop_assert_eq!(
            &verdict.phantom_never_sent,
            &select(&|(fate, rows, dead)| not_sent(fate) && (rows > 0 || dead))
        );
        prop_assert_eq!(&verdict.dead_and_present, &select(&|(_, rows, dead)| rows > 0 && dead));
        prop_assert_eq!(&verdict.dead_lettered, &select(&|(_, _, dead)| dead));
        prop_assert_eq!(verdict.unknown_present, select(&|(fate, rows, _)| fate == Fate::Unknown && rows > 0).len());
        prop_assert_eq!(verdict.duplicated, select(&|(_, rows, _)| rows > 1).len());
        prop_assert!(verdict.inconsistencies.is_empty(), "{:?}", verdict.inconsistencies);

        let holds = numbers.iter().all(|&(fate, rows, dead)| match fate {
            Fate::Accepted => rows + u64::from(dead) == 1,
            Fate::Unknown => rows + u64::from(dead) <= 1,
            Fate::Refused | Fate::Unsent | Fate::NeverPlanned => rows == 0 && !dead,
        });
        prop_assert_eq!(verdict.passed(), holds);
    }

    #[test]
    fn incomplete_observation_never_passes(numbers in numbers()) {
        let mut observed = observed_of(&numbers);
        observed.complete = false;
        let verdict = audit(&ledger_of(&numbers), &observed);
        prop_assert_ne!(verdict.outcome, AuditOutcome::Pass);
        prop_assert!(verdict.incomplete.is_some());
    }

    #[test]
    fn ledger_file_survives_json(numbers in numbers()) {
        let file = LedgerFile::new("run", ledger_of(&numbers));
        let text = serde_json::to_string(&file).unwrap();
        prop_assert_eq!(serde_json::from_str::<LedgerFile>(&text).unwrap(), file);
    }

    #[test]
    fn ledger_with_two_fates_or_none_is_refused(numbers in numbers(), pick in any::<prop::sample::Index>()) {
        let mut ledger = ledger_of(&numbers);
        prop_assume!(!ledger.accepted.is_empty());
        let accepted: Vec<u64> = ledger.accepted.iter().collect();
        let sequence = *pick.get(&accepted);
        ledger.unknown.insert(sequence);
        prop_assert!(matches!(ledger.check(), Err(LedgerError::TwoFates { .. })), "two fates");

        let mut ledger = ledger_of(&numbers);
        ledger.accepted = ledger.accepted.difference(&SequenceSet::from_iter([sequence]));
        prop_assert!(matches!(ledger.check(), Err(LedgerError::Unbalanced { .. })), "no fate");
    }
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
fn audit_of_another_run_or_version_is_refused() {
    let (ledger, observed) = clean(3);
    let mut file = LedgerFile::new("other", ledger);
    let expected = LedgerError::OtherRun { ledger: "other".to_owned(), observed: "run".to_owned() };
    assert_eq!(file.audit(&observed), Err(expected));
    file.runid = "run".to_owned();
    assert!(file.audit(&observed).unwrap().passed());
    file.version = 2;
    assert_eq!(file.audit(&observed), Err(LedgerError::Version { found: 2 }));
}

#[test]
fn summary_line_names_only_what_is_there() {
    let (ledger, observed) = clean(1000);
    let line = audit(&ledger, &observed).to_string();
    assert_eq!(line, "1000 sent, 1000 accepted, 1000 queryable, 0 lost, 0 duplicated");

    let numbers = [(Fate::Accepted, 0, true), (Fate::Unknown, 1, false), (Fate::Refused, 1, false)];
    let line = audit(&ledger_of(&numbers), &observed_of(&numbers)).to_string();
    assert_eq!(
        line,
        "3 sent, 1 accepted, 2 queryable, 0 lost, 0 duplicated, 1 refused, 1 unknown, 1 of them present, \
         1 dead-lettered, 1 phantom"
    );
}

//! What is said of verdicts.

use super::*;
use events::{EntryId, Position};
use measurement::{Fates, Ledger, ObservedRun, audit};

fn numbers(ranges: &[[u64; 2]]) -> SequenceSet {
    SequenceSet::from_ranges(ranges.iter().copied()).unwrap()
}

fn verdict(accepted: &[[u64; 2]], observed: ObservedRun) -> AuditVerdict {
    let first = Fates { accepted: numbers(accepted), ..Fates::default() };
    audit(&Ledger { first, ..Ledger::default() }, &observed)
}

fn observed(present: &[[u64; 2]]) -> ObservedRun {
    let ranges = numbers(present);
    ObservedRun {
        events: ranges.len(),
        distinct: ranges.len(),
        ranges,
        complete: true,
        ..ObservedRun::default()
    }
}

/// What is said of the verdict of a run, without the ids.
fn lines(verdict: &AuditVerdict, places: Option<&Places>) -> Vec<String> {
    let without_ids = |finding: &Finding| Finding { ids: Vec::new(), ..finding.clone() }.to_string();
    findings("run", verdict, places).iter().map(without_ids).collect()
}

fn places<const N: usize>(verdict: &AuditVerdict, copies: [(u64, &[Place]); N]) -> Places {
    let position = |index| Position::new(EntryId::new(1, 0), 0, index);
    let copies = copies
        .map(|(sequence, places)| (sequence, (0..).map(position).zip(places.iter().cloned()).collect()));
    Places { looked_for: verdict.lost.union(&verdict.lost_repeats), copies: BTreeMap::from(copies) }
}

#[test]
fn lost_events_are_grouped_by_the_stage_that_lost_them() {
    let verdict = verdict(&[[1, 10]], observed(&[[1, 4]]));
    let pending = || Place::Pending { consumer: "worker-1".into() };
    let places = places(
        &verdict,
        [(5, &[pending()]), (6, &[pending()]), (8, &[Place::Published]), (9, &[Place::Acknowledged])],
    );
    assert_eq!(
        lines(&verdict, Some(&places)),
        [
            "2 lost: process-worker has not processed it: it is in events and was given to worker-1\n  sequence 5-6",
            "1 lost: process-worker lost it: it is in events, acknowledged, and has no result\n  sequence 9",
            "1 lost: query-api has not followed it: it is in results\n  sequence 8",
            "2 lost: redis: it was confirmed, then lost, or trimmed after its retention\n  sequence 7, 10",
        ]
    );
}

#[test]
fn lost_events_are_named_also_where_redis_cannot_be_asked() {
    let verdict = verdict(&[[1, 3]], observed(&[[1, 1]]));
    let expected = ["2 lost: unknown, since redis could not be asked\n  sequence 2-3"];
    assert_eq!(lines(&verdict, None), expected);
}

#[test]
fn what_an_incomplete_observation_misses_is_not_called_lost() {
    let run = ObservedRun { complete: false, ..observed(&[[1, 2]]) };
    let verdict = verdict(&[[1, 3]], run);
    let places = places(&verdict, [(3, &[Place::Undelivered])]);
    let expected = "1 missing so far: process-worker has not processed it: it is in events and was given to no worker\n  sequence 3";
    assert_eq!(lines(&verdict, Some(&places)), [expected]);
}

#[test]
fn duplicates_tell_whether_they_were_written_twice() {
    let duplicate = |sequence, positions: [&str; 2]| Duplicate {
        sequence,
        positions: positions.map(str::to_owned).to_vec(),
    };
    let duplicates = vec![duplicate(1, ["5-0.0", "6-0.0"]), duplicate(2, ["5-0.1", "5-0.2"])];
    let run = ObservedRun { events: 6, duplicates, duplicates_total: 3, ..observed(&[[1, 3]]) };
    assert_eq!(
        lines(&verdict(&[[1, 3]], run), None),
        [
            "1 duplicated: ingest-api wrote it to the stream more than once\n  sequence 1",
            "1 duplicated: it is in one stream entry more than once: sent so, or written so by ingest-api\n  sequence 2",
            "1 duplicated: further rows, of which query-api does not name the numbers",
        ]
    );
}

#[test]
fn events_that_should_not_exist_are_named() {
    let run = ObservedRun { unnumbered: 2, events: 5, ..observed(&[[1, 3]]) };
    let (accepted, refused) = (numbers(&[[1, 1]]), numbers(&[[2, 2]]));
    let ledger = Ledger { first: Fates { accepted, refused, ..Fates::default() }, ..Ledger::default() };
    assert_eq!(
        lines(&audit(&ledger, &run), None),
        [
            "1 should not exist: nobody sent it\n  sequence 3",
            "1 should not exist: ingest-api stored what it refused\n  sequence 2",
            "2 should not exist: rows of the run have no sequence number, which the simulator always sends",
        ]
    );
}

#[test]
fn contradicting_counts_are_told() {
    let run = ObservedRun { distinct: 9, ..observed(&[[1, 3]]) };
    let findings = findings("run", &verdict(&[[1, 3]], run), None);
    assert!(findings.iter().all(|finding| finding.violation == Violation::Inconsistent), "{findings:?}");
    assert!(findings[0].to_string().starts_with("inconsistent: query-api: "), "{findings:?}");
}

#[test]
fn nothing_is_wrong_with_a_run_that_held() {
    assert!(findings("run", &verdict(&[[1, 3]], observed(&[[1, 3]])), None).is_empty());
}

#[test]
fn first_few_are_named_by_id() {
    let findings = findings("run-1", &verdict(&[[1, 3], [10, 19]], observed(&[[1, 2]])), None);
    assert_eq!(
        findings[0].to_string(),
        "11 lost: unknown, since redis could not be asked\n  sequence 3, 10-19\n  \
         id run-1-3, run-1-10, run-1-11, run-1-12, run-1-13 and 6 more"
    );
}

/// A run of which the numbers 1 to 4 were sent twice and accepted twice.
fn twice(observed: &ObservedRun) -> AuditVerdict {
    let fates = || Fates { accepted: numbers(&[[1, 4]]), ..Fates::default() };
    audit(&Ledger { first: fates(), repeats: fates() }, observed)
}

#[test]
fn lost_repetition_is_looked_for_among_the_copies() {
    let named = |sequence| Duplicate { sequence, positions: vec!["5-0.0".into(), "6-0.0".into()] };
    let run =
        ObservedRun { events: 5, duplicates: vec![named(1)], duplicates_total: 1, ..observed(&[[1, 4]]) };
    let verdict = twice(&run);
    let found = places(
        &verdict,
        [
            (2, &[Place::Published, Place::Undelivered]),
            (3, &[Place::Published]),
            (4, &[Place::Published, Place::Published]),
        ],
    );
    assert_eq!(
        lines(&verdict, Some(&found)),
        [
            "1 lost: one of its two sendings: process-worker has not processed it: it is in events and was given to no worker\n  sequence 2",
            "1 lost: one of its two sendings: query-api has not followed it: it is in results\n  sequence 4",
            "1 lost: one of its two sendings: redis: it was confirmed, then lost, or trimmed after its retention\n  sequence 3",
        ]
    );
}

#[test]
fn lost_repetitions_without_numbers_are_counted() {
    let run = ObservedRun { events: 7, duplicates_total: 3, ..observed(&[[1, 4]]) };
    let expected = ["1 lost: one of its two sendings: so the counts say; query-api does not name so many"];
    assert_eq!(lines(&twice(&run), Some(&Places::default())), expected);
}

#[test]
fn doubtful_comparison_accuses_nobody() {
    let verdict = verdict(&[[1, 3]], observed(&[[2, 9]])).doubted("a shard is not there");
    let expected =
        ["doubtful: a shard is not there", "1 lost: unknown, since redis could not be asked\n  sequence 1"];
    assert_eq!(lines(&verdict, None), expected);
}

//! What is wrong with a run, and which stage did it. Pure.

use super::whereabouts::{Place, Places};
use crate::console::count;
use measurement::{AuditVerdict, Duplicate, SequenceSet};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Ranges of sequence numbers that are written out.
const RANGES_SHOWN: usize = 20;

/// What can be wrong with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Violation {
    /// Accepted and not queryable.
    Lost,
    /// Accepted and not queryable so far, which proves nothing while the query API does not see the whole run.
    Missing,
    /// Queryable more than once.
    Duplicated,
    /// Queryable, though it should not exist.
    Phantom,
    /// Both queryable and dead-lettered.
    DeadAndPresent,
    /// The counts contradict each other.
    Inconsistent,
}

/// Events with which the same is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub violation: Violation,
    /// Which stage did it, and how that shows.
    pub stage: String,
    /// How many events.
    pub events: u64,
    /// Which; empty where they have no numbers, fewer where not all were looked at.
    pub sequences: SequenceSet,
}

/// All that is wrong; `places` is where lost events were found, if Redis could be asked.
pub(super) fn findings(verdict: &AuditVerdict, places: Option<&Places>) -> Vec<Finding> {
    let mut findings = lost(verdict, places);
    findings.extend(duplicated(verdict));
    let sets = [
        (Violation::Phantom, "nobody sent it", &verdict.phantom_never_sent),
        (Violation::Phantom, "ingest-api stored what it refused", &verdict.phantom_refused),
        (
            Violation::DeadAndPresent,
            "process-worker published it and dead-lettered it",
            &verdict.dead_and_present,
        ),
    ];
    for (violation, stage, sequences) in sets {
        findings.extend(finding(violation, stage, sequences.clone()));
    }
    if verdict.phantom_unnumbered > 0 {
        findings.push(Finding {
            violation: Violation::Phantom,
            stage: "rows of the run have no sequence number, which the simulator always sends".into(),
            events: verdict.phantom_unnumbered,
            sequences: SequenceSet::new(),
        });
    }
    findings.extend(verdict.inconsistencies.iter().map(|inconsistency| Finding {
        violation: Violation::Inconsistent,
        stage: format!("query-api: {inconsistency}"),
        events: 0,
        sequences: SequenceSet::new(),
    }));
    findings
}

fn lost(verdict: &AuditVerdict, places: Option<&Places>) -> Vec<Finding> {
    let violation = if verdict.incomplete.is_some() { Violation::Missing } else { Violation::Lost };
    let Some(places) = places else {
        let stage = "unknown, since redis could not be asked";
        return finding(violation, stage, verdict.lost.clone()).into_iter().collect();
    };
    let mut stages: BTreeMap<String, SequenceSet> = BTreeMap::new();
    for sequence in places.looked_for.iter() {
        stages.entry(stage(places.found.get(&sequence))).or_default().insert(sequence);
    }
    let not_looked_for = verdict.lost.difference(&places.looked_for);
    if !not_looked_for.is_empty() {
        stages.insert("not looked for, since there are so many".into(), not_looked_for);
    }
    stages.into_iter().filter_map(|(stage, sequences)| finding(violation, &stage, sequences)).collect()
}

/// The stage that an event did not get through, by where it is.
fn stage(place: Option<&Place>) -> String {
    match place {
        None => "redis: it was confirmed, then lost, or trimmed after its retention".into(),
        Some(Place::Undelivered) => {
            "process-worker has not processed it: it is in events and was given to no worker".into()
        }
        Some(Place::Pending { consumer }) => {
            format!("process-worker has not processed it: it is in events and was given to {consumer}")
        }
        Some(Place::Acknowledged) => {
            "process-worker lost it: it is in events, acknowledged, and has no result".into()
        }
        Some(Place::Published) => "query-api has not followed it: it is in results".into(),
        Some(Place::Dead { reason }) => {
            format!("dead-lettered, which query-api does not know: {reason}")
        }
    }
}

fn duplicated(verdict: &AuditVerdict) -> Vec<Finding> {
    if verdict.duplicated == 0 {
        return Vec::new();
    }
    let mut stages: BTreeMap<&str, SequenceSet> = BTreeMap::new();
    for duplicate in &verdict.duplicates {
        stages.entry(repeating_stage(duplicate)).or_default().insert(duplicate.sequence);
    }
    let named: u64 = stages.values().map(SequenceSet::len).sum();
    let mut findings: Vec<Finding> = stages
        .into_iter()
        .filter_map(|(stage, sequences)| finding(Violation::Duplicated, stage, sequences))
        .collect();
    if let Some(unnamed) = verdict.duplicated.checked_sub(named).filter(|unnamed| *unnamed > 0) {
        findings.push(Finding {
            violation: Violation::Duplicated,
            stage: "further ones that query-api does not name".into(),
            events: unnamed,
            sequences: SequenceSet::new(),
        });
    }
    findings
}

/// Positions in several entries of the stream mean that it was written several times; several in one entry, that
/// one request held it several times.
fn repeating_stage(duplicate: &Duplicate) -> &'static str {
    let entries: BTreeSet<&str> = duplicate
        .positions
        .iter()
        .map(|position| position.split_once('.').map_or(position.as_str(), |(entry, _)| entry))
        .collect();
    if entries.len() > 1 {
        "ingest-api wrote it to the stream more than once"
    } else {
        "it is in one stream entry more than once: sent so, or written so by ingest-api"
    }
}

fn finding(violation: Violation, stage: &str, sequences: SequenceSet) -> Option<Finding> {
    let events = sequences.len();
    (events > 0).then(|| Finding { violation, stage: stage.to_owned(), events, sequences })
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violation = match self.violation {
            Violation::Lost => "lost",
            Violation::Missing => "missing so far",
            Violation::Duplicated => "duplicated",
            Violation::Phantom => "should not exist",
            Violation::DeadAndPresent => "dead-lettered and present",
            Violation::Inconsistent => return write!(formatter, "inconsistent: {}", self.stage),
        };
        write!(formatter, "{} {violation}: {}", count(self.events), self.stage)?;
        if !self.sequences.is_empty() {
            write!(formatter, "\n  sequence {}", ranges(&self.sequences))?;
        }
        Ok(())
    }
}

/// The first ranges: `1-7, 9, 12-20 and 3 more ranges`.
fn ranges(sequences: &SequenceSet) -> String {
    let mut all = sequences.ranges();
    let shown: Vec<String> = all
        .by_ref()
        .take(RANGES_SHOWN)
        .map(|range| match range.into_inner() {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        })
        .collect();
    match all.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more ranges", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::{Ledger, ObservedRun, audit};

    fn numbers(ranges: &[[u64; 2]]) -> SequenceSet {
        SequenceSet::from_ranges(ranges.iter().copied()).unwrap()
    }

    fn verdict(accepted: &[[u64; 2]], observed: ObservedRun) -> AuditVerdict {
        let accepted = numbers(accepted);
        audit(&Ledger { sent: accepted.clone(), accepted, ..Ledger::default() }, &observed)
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

    fn lines(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lost_events_are_grouped_by_the_stage_that_lost_them() {
        let verdict = verdict(&[[1, 10]], observed(&[[1, 4]]));
        let pending = || Place::Pending { consumer: "worker-1".into() };
        let found =
            BTreeMap::from([(5, pending()), (6, pending()), (8, Place::Published), (9, Place::Acknowledged)]);
        let places = Places { looked_for: verdict.lost.clone(), found };
        assert_eq!(
            lines(&findings(&verdict, Some(&places))),
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
        assert_eq!(lines(&findings(&verdict, None)), expected);
    }

    #[test]
    fn what_an_incomplete_observation_misses_is_not_called_lost() {
        let run = ObservedRun { complete: false, ..observed(&[[1, 2]]) };
        let verdict = verdict(&[[1, 3]], run);
        let places =
            Places { looked_for: verdict.lost.clone(), found: BTreeMap::from([(3, Place::Undelivered)]) };
        let expected = "1 missing so far: process-worker has not processed it: it is in events and was given to no worker\n  sequence 3";
        assert_eq!(lines(&findings(&verdict, Some(&places))), [expected]);
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
            lines(&findings(&verdict(&[[1, 3]], run), None)),
            [
                "1 duplicated: ingest-api wrote it to the stream more than once\n  sequence 1",
                "1 duplicated: it is in one stream entry more than once: sent so, or written so by ingest-api\n  sequence 2",
                "1 duplicated: further ones that query-api does not name",
            ]
        );
    }

    #[test]
    fn events_that_should_not_exist_are_named() {
        let run = ObservedRun { unnumbered: 2, events: 5, ..observed(&[[1, 3]]) };
        let ledger = Ledger {
            sent: numbers(&[[1, 2]]),
            accepted: numbers(&[[1, 1]]),
            refused: numbers(&[[2, 2]]),
            ..Ledger::default()
        };
        assert_eq!(
            lines(&findings(&audit(&ledger, &run), None)),
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
        let findings = findings(&verdict(&[[1, 3]], run), None);
        assert!(findings.iter().all(|finding| finding.violation == Violation::Inconsistent), "{findings:?}");
        assert!(findings[0].to_string().starts_with("inconsistent: query-api: "), "{findings:?}");
    }

    #[test]
    fn nothing_is_wrong_with_a_run_that_held() {
        assert!(findings(&verdict(&[[1, 3]], observed(&[[1, 3]])), None).is_empty());
    }

    #[test]
    fn only_the_first_ranges_are_written() {
        let many: SequenceSet = (0..50).map(|number| number * 2).collect();
        let text = ranges(&many);
        assert!(text.starts_with("0, 2, 4, ") && text.ends_with(", 38 and 30 more ranges"), "{text}");
    }
}

//! What is wrong with a run, and which stage did it. Pure.

use super::ids;
use super::whereabouts::{Place, Places};
use crate::console::count;
use measurement::{AuditVerdict, Duplicate, SequenceSet};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What can be wrong with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Violation {
    /// Accepted and not queryable, or accepted twice and queryable once.
    Lost,
    /// The same so far, which proves nothing while the query API does not see the whole run.
    Missing,
    /// Queryable more often than it was sent.
    Duplicated,
    /// Queryable, though it should not exist.
    Phantom,
    /// Both queryable and dead-lettered.
    DeadAndPresent,
    /// The counts contradict each other.
    Inconsistent,
    /// What was compared is not the whole run, or not this run alone.
    Doubtful,
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
    /// The first few of them by id, as the simulator makes ids.
    pub ids: Vec<String>,
}

/// All that is wrong with `run`; `places` is where lost events were found, if Redis could be asked.
///
/// Where ledger and rows cannot be compared, only what is missing all the same is told beside the reason.
pub(super) fn findings(run: &str, verdict: &AuditVerdict, places: Option<&Places>) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        verdict.doubts.iter().map(|doubt| unnumbered(Violation::Doubtful, doubt.clone(), 0)).collect();
    findings.extend(lost(verdict, places));
    if verdict.doubts.is_empty() {
        findings.extend(duplicated(verdict));
        findings.extend(misplaced(verdict));
    }
    for finding in &mut findings {
        finding.ids = ids::first(run, &finding.sequences);
    }
    findings
}

/// What is where it should not be, and counts that cannot be right.
fn misplaced(verdict: &AuditVerdict) -> Vec<Finding> {
    let sets = [
        (Violation::Phantom, "nobody sent it", &verdict.phantom_never_sent),
        (Violation::Phantom, "ingest-api stored what it refused", &verdict.phantom_refused),
        (
            Violation::DeadAndPresent,
            "process-worker published it and dead-lettered it",
            &verdict.dead_and_present,
        ),
    ];
    let mut findings: Vec<Finding> = sets
        .into_iter()
        .filter_map(|(violation, stage, sequences)| finding(violation, stage, sequences.clone()))
        .collect();
    if verdict.phantom_unnumbered > 0 {
        let stage = "rows of the run have no sequence number, which the simulator always sends";
        findings.push(unnumbered(Violation::Phantom, stage.into(), verdict.phantom_unnumbered));
    }
    findings.extend(
        verdict.inconsistencies.iter().map(|inconsistency| {
            unnumbered(Violation::Inconsistent, format!("query-api: {inconsistency}"), 0)
        }),
    );
    findings
}

fn lost(verdict: &AuditVerdict, places: Option<&Places>) -> Vec<Finding> {
    let violation = if verdict.incomplete.is_some() { Violation::Missing } else { Violation::Lost };
    let mut stages: BTreeMap<String, SequenceSet> = BTreeMap::new();
    let mut add = |stage: String, sequence| stages.entry(stage).or_default().insert(sequence);
    let missing = verdict.lost.union(&verdict.lost_repeats);
    if let Some(places) = places {
        for sequence in places.looked_for.iter() {
            if verdict.lost.contains(sequence) {
                add(stage(places.furthest(sequence)), sequence);
            } else {
                add(format!("{ONE_OF_TWO}: {}", stage(places.last_of_several(sequence))), sequence);
            }
        }
        let not_looked_for = missing.difference(&places.looked_for);
        stages.insert("not looked for, since there are so many".into(), not_looked_for);
    } else {
        stages.insert("unknown, since redis could not be asked".into(), missing);
    }
    let mut findings: Vec<Finding> =
        stages.into_iter().filter_map(|(stage, sequences)| finding(violation, &stage, sequences)).collect();
    let unnamed = verdict.lost_repeats_total.saturating_sub(verdict.lost_repeats.len());
    if unnamed > 0 {
        let stage = format!("{ONE_OF_TWO}: so the counts say; query-api does not name so many");
        findings.push(unnumbered(violation, stage, unnamed));
    }
    findings
}

/// Of an event that was sent twice on purpose and accepted twice.
const ONE_OF_TWO: &str = "one of its two sendings";

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
    let mut stages: BTreeMap<&str, SequenceSet> = BTreeMap::new();
    for duplicate in &verdict.duplicates {
        stages.entry(repeating_stage(duplicate)).or_default().insert(duplicate.sequence);
    }
    let mut findings: Vec<Finding> = stages
        .into_iter()
        .filter_map(|(stage, sequences)| finding(Violation::Duplicated, stage, sequences))
        .collect();
    if verdict.duplicated_unnamed > 0 {
        let stage = "further rows, of which query-api does not name the numbers";
        findings.push(unnumbered(Violation::Duplicated, stage.into(), verdict.duplicated_unnamed));
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
    let finding = Finding { sequences, ..unnumbered(violation, stage.to_owned(), events) };
    (events > 0).then_some(finding)
}

/// A finding of events whose numbers are not known.
fn unnumbered(violation: Violation, stage: String, events: u64) -> Finding {
    Finding { violation, stage, events, sequences: SequenceSet::new(), ids: Vec::new() }
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
            Violation::Doubtful => return write!(formatter, "doubtful: {}", self.stage),
        };
        write!(formatter, "{} {violation}: {}", count(self.events), self.stage)?;
        if !self.sequences.is_empty() {
            write!(formatter, "\n  sequence {}", ids::ranges(&self.sequences))?;
        }
        if !self.ids.is_empty() {
            write!(formatter, "\n  id {}", self.ids.join(", "))?;
            let more = self.events.saturating_sub(self.ids.len() as u64);
            if more > 0 {
                write!(formatter, " and {} more", count(more))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

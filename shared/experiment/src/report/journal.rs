//! What the journal of a campaign has that no record has.

use crate::analysis::DoubtedRun;
use crate::bundle::{Bundle, End, Event};
use std::collections::BTreeMap;

/// How the campaign ended, and what changed under it.
pub(super) fn notes(bundle: &Bundle) -> Vec<String> {
    let mut notes = Vec::new();
    if !bundle.is_sealed {
        let note = "the bundle has no checksums: it is unfinished, and nothing shows that it was not changed";
        notes.push(note.to_owned());
    }
    for entry in bundle.journal.entries() {
        match &entry.event {
            Event::Resumed { changes, .. } if !changes.is_empty() => {
                notes.push(format!("the campaign was resumed after changes: {}", changes.join("; ")));
            }
            Event::EnvironmentChanged { number, changes, .. } => {
                notes.push(format!("before run {number} the environment changed: {}", changes.join("; ")));
            }
            Event::Ended { reason: End::OutOfTime } => {
                notes.push("the campaign ended because its time was used up".to_owned());
            }
            _ => {}
        }
    }
    if let Some(Event::Stopped { reason }) = bundle.journal.entries().last().map(|entry| &entry.event) {
        notes.push(format!("the campaign was stopped and not resumed: {reason}"));
    }
    notes
}

/// Attempts without a record. A run that the order does not have, as those of a search, is of block 0.
pub(super) fn failed(bundle: &Bundle) -> Vec<DoubtedRun> {
    let block = |number: u32| bundle.order.runs.iter().find(|run| run.number == number).map(|run| run.block);
    let mut begun: BTreeMap<(u32, u32), &str> = BTreeMap::new();
    let mut failed = Vec::new();
    for entry in bundle.journal.entries() {
        match &entry.event {
            Event::RunBegun { number, attempt, cell } => {
                begun.insert((*number, *attempt), cell);
            }
            Event::RunFailed { number, attempt, message } => failed.push(DoubtedRun {
                number: *number,
                block: block(*number).unwrap_or_default(),
                attempt: *attempt,
                cell: begun.get(&(*number, *attempt)).map_or_else(String::new, |cell| (*cell).to_owned()),
                reasons: vec![message.clone()],
            }),
            _ => {}
        }
    }
    failed
}

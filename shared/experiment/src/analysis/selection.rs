//! Which attempts are used.

use super::DoubtedRun;
use crate::cell::Cell;
use crate::record::{RunRecord, Status};
use std::collections::{BTreeMap, BTreeSet};

/// Attempts by what becomes of them.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    /// By cell and block.
    used: BTreeMap<(&'a str, u32), &'a RunRecord>,
    invalid: Vec<&'a RunRecord>,
    /// Of cells that the plan does not have.
    strangers: Vec<&'a RunRecord>,
    blocks: BTreeSet<u32>,
}

/// Two runs of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) baseline: &'a RunRecord,
    pub(super) level: &'a RunRecord,
}

impl Pair<'_> {
    pub(super) fn is_suspect(&self) -> bool {
        [self.baseline, self.level].iter().any(|run| run.verdict.status != Status::Valid)
    }
}

impl<'a> Selection<'a> {
    pub(crate) fn of(cells: &[Cell], records: &'a [RunRecord]) -> Self {
        let known: BTreeSet<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
        let mut sorted: Vec<&RunRecord> = records.iter().collect();
        sorted.sort_by_key(|run| (run.number, run.attempt));
        let (mut used, mut invalid, mut strangers) = (BTreeMap::new(), Vec::new(), Vec::new());
        for run in sorted {
            if !known.contains(run.cell.as_str()) {
                strangers.push(run);
            } else if run.verdict.status == Status::Invalid {
                invalid.push(run);
            } else {
                used.entry((run.cell.as_str(), run.block)).or_insert(run);
            }
        }
        Self { used, invalid, strangers, blocks: records.iter().map(|run| run.block).collect() }
    }

    /// The runs of a cell that are used, in the order of blocks.
    pub(crate) fn of_cell(&self, cell: &str) -> impl Iterator<Item = &'a RunRecord> + '_ {
        let cell = cell.to_owned();
        self.used.iter().filter(move |((of, _), _)| *of == cell).map(|(_, run)| *run)
    }

    /// All runs that are used.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a RunRecord> + '_ {
        self.used.values().copied()
    }

    /// Whether exactly this attempt is used.
    pub(crate) fn is_used(&self, run: &RunRecord) -> bool {
        self.used
            .get(&(run.cell.as_str(), run.block))
            .is_some_and(|used| (used.number, used.attempt) == (run.number, run.attempt))
    }

    /// The runs of both cells, block by block; a block that lacks one of them is left out.
    pub(super) fn pairs(&self, baseline: &str, level: &str) -> Vec<Pair<'a>> {
        let of_block = |run: &'a RunRecord| {
            self.used.get(&(level, run.block)).map(|level| Pair { baseline: run, level })
        };
        self.of_cell(baseline).filter_map(of_block).collect()
    }

    /// Blocks that were begun and have no run of the cell that is used.
    pub(super) fn missing(&self, cell: &str) -> Vec<u32> {
        self.blocks.iter().copied().filter(|block| !self.used.contains_key(&(cell, *block))).collect()
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn strangers(&self) -> &[&'a RunRecord] {
        &self.strangers
    }

    pub(super) fn invalid(&self) -> Vec<DoubtedRun> {
        self.invalid.iter().map(|run| with_reasons(run)).collect()
    }

    /// In the order in which they were run.
    pub(super) fn suspect(&self) -> Vec<DoubtedRun> {
        let mut runs: Vec<&RunRecord> =
            self.all().filter(|run| run.verdict.status == Status::Suspect).collect();
        runs.sort_by_key(|run| (run.number, run.attempt));
        runs.into_iter().map(with_reasons).collect()
    }
}

fn with_reasons(run: &RunRecord) -> DoubtedRun {
    let reasons = run.verdict.reasons.iter().map(|reason| match reason.message.starts_with(&reason.check) {
        true => reason.message.clone(),
        false => format!("{}: {}", reason.check, reason.message),
    });
    DoubtedRun {
        number: run.number,
        block: run.block,
        attempt: run.attempt,
        cell: run.cell.clone(),
        reasons: reasons.collect(),
    }
}

//! Reports from what a bundle holds: the same bytes on every machine, without a network.

mod capacity;
pub(crate) mod content;
pub(crate) mod html;
mod journal;
pub(crate) mod markdown;
mod material;
mod plot;
mod plots;
pub(crate) mod table;
pub(crate) mod tables;

use crate::analysis::{Analysis, DoubtedRun, Selection, analyse};
use crate::bundle::{Bundle, Head};
use crate::capacity::Results;
use crate::cell::Cell;
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::words;
use serde::Serialize;
use std::collections::BTreeMap;

pub use material::{Curve, MaterialError, RunMaterial, RunSeries};

/// Everything that a report is made of.
#[derive(Debug)]
pub struct Report {
    pub head: Head,
    pub plan: Plan,
    pub cells: Vec<Cell>,
    /// Every attempt.
    pub runs: Vec<RunMaterial>,
    pub analysis: Analysis,
    /// As in [`Bundle::traces`].
    pub(crate) traces: BTreeMap<String, String>,
    /// As in [`Bundle::is_sealed`]; true of what is of no bundle.
    pub(crate) is_sealed: bool,
    /// Of a search for a capacity.
    pub(crate) capacity: Option<Results>,
    /// Attempts that left no record, and why.
    failed: Vec<DoubtedRun>,
    /// For each run, whether it is used.
    used: Vec<bool>,
}

impl Report {
    /// Reads what is drawn of each run of a bundle, and draws the conclusions.
    ///
    /// # Errors
    /// A file of a run that is there and cannot be read.
    pub fn of(bundle: &Bundle) -> Result<Self, MaterialError> {
        let runs: Result<Vec<RunMaterial>, MaterialError> =
            bundle.runs.iter().map(|run| RunMaterial::read(run.record.clone(), &run.directory)).collect();
        let (mut plan, mut cells, runs) = (bundle.plan.clone(), bundle.order.cells.clone(), runs?);
        let capacity = capacity(bundle)?;
        if capacity.is_some() {
            // A search has no blocks of cells, but runs at rates of its own.
            plan.comparisons.clear();
            cells = capacity::cells(&cells, &runs);
        }
        let mut report = Self::new(bundle.head.clone(), plan, cells, runs);
        if let Some(results) = &capacity {
            report.analysis.answer = capacity::answer(&report, results);
        }
        report.analysis.notes.extend(journal::notes(bundle));
        report.failed = journal::failed(bundle);
        report.capacity = capacity;
        report.traces = bundle.traces.clone();
        report.is_sealed = bundle.is_sealed;
        Ok(report)
    }

    /// Draws the conclusions. The order of `runs` does not matter.
    #[must_use]
    pub fn new(head: Head, plan: Plan, cells: Vec<Cell>, mut runs: Vec<RunMaterial>) -> Self {
        runs.sort_by_key(|run| (run.record.started_at, run.record.number, run.record.attempt));
        let records = records(&runs);
        let analysis = analyse(&plan, &cells, &records);
        let selection = Selection::of(&cells, &records);
        let used = records.iter().map(|record| selection.is_used(record)).collect();
        Self {
            head,
            plan,
            cells,
            runs,
            analysis,
            traces: BTreeMap::new(),
            is_sealed: true,
            capacity: None,
            failed: Vec::new(),
            used,
        }
    }

    /// One page that needs nothing else: no network and no script.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(&self.label(), &self.plan.question, &content::sections(self))
    }

    /// The same without plots; what they show stands in the tables.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::document(&self.label(), &self.plan.question, &content::sections(self))
    }

    /// Every figure in one long table: a row for each metric of each run, of each cell, and for each claim; of a search one for
    /// each answer and each run of its rates, in events a second.
    ///
    /// # Errors
    /// None that is known: it is written into memory.
    pub fn csv(&self) -> Result<String, csv::Error> {
        table::csv(self)
    }

    /// The analysis, and of a search what it came to, as `capacity`.
    ///
    /// # Errors
    /// None that is known: it is written into memory.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let conclusions = Conclusions { analysis: &self.analysis, capacity: self.capacity.as_ref() };
        let mut text = serde_json::to_string_pretty(&conclusions)?;
        text.push('\n');
        Ok(text)
    }

    /// Every attempt.
    pub(crate) fn records(&self) -> Vec<RunRecord> {
        records(&self.runs)
    }

    /// A cell as it is shown, with its label where it was emulated. Attempts that are not used count as well.
    pub(crate) fn cell_name(&self, id: &str) -> String {
        words::labelled(id, self.is_emulated(id))
    }

    pub(crate) fn is_emulated(&self, cell: &str) -> bool {
        self.runs.iter().any(|run| run.record.cell == cell && run.record.is_emulated())
    }

    fn label(&self) -> String {
        format!("Experiment {}", self.plan.name)
    }

    /// The runs of a cell that are used.
    fn used<'a>(&'a self, cell: &'a str) -> impl Iterator<Item = &'a RunMaterial> {
        self.runs
            .iter()
            .zip(&self.used)
            .filter(move |(run, is_used)| **is_used && run.record.cell == cell)
            .map(|(run, _)| run)
    }
}

/// What a report says in numbers.
#[derive(Debug, Serialize)]
struct Conclusions<'a> {
    #[serde(flatten)]
    analysis: &'a Analysis,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<&'a Results>,
}

/// What a search came to; none where the bundle is of a campaign. The file of a search that has not ended may be older than its
/// last runs, or not be there, as it is written where the search ends or is stopped: its journal tells it then.
///
/// # Errors
/// Where the file is there and cannot be read or understood.
pub fn capacity(bundle: &Bundle) -> Result<Option<Results>, MaterialError> {
    let written = material::capacity(bundle.directory())?;
    Ok(match &bundle.plan.capacity {
        Some(settings) if written.is_none() || bundle.journal.end().is_none() => {
            Some(Results::of(settings, &bundle.order.cells, &bundle.journal))
        }
        _ => written,
    })
}

fn records(runs: &[RunMaterial]) -> Vec<RunRecord> {
    runs.iter().map(|run| run.record.clone()).collect()
}

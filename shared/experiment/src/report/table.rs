//! Tables, as the page and the document have them, and the long one for other programs.

use super::Report;
use crate::analysis::{CellFigures, Claim};
use crate::capacity::{Answer, Search};
use crate::record::{RunRecord, Status};

/// A table. The first column names the row.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_number: bool,
}

impl Column {
    pub(crate) fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_number: false }
    }

    pub(crate) fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_number: true }
    }
}

const HEADER: [&str; 14] = [
    "kind",
    "name",
    "number",
    "block",
    "attempt",
    "metric",
    "value",
    "low",
    "high",
    "pairs-or-samples",
    "clock-error",
    "p",
    "verdict",
    "remarks",
];

/// See [`Report::csv`]. Values are in the unit of their metric, those of claims are ratios; numbers have all their digits.
pub(super) fn csv(report: &Report) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for claim in &report.analysis.claims {
        writer.write_record(of_claim(claim))?;
    }
    for search in report.capacity.iter().flat_map(|results| &results.searches) {
        for row in of_search(report, search) {
            writer.write_record(row)?;
        }
    }
    for cell in &report.analysis.cells {
        for row in of_cell(cell) {
            writer.write_record(row)?;
        }
    }
    for (run, is_used) in report.runs.iter().zip(&report.used) {
        for row in of_run(&run.record, *is_used) {
            writer.write_record(row)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_claim(claim: &Claim) -> [String; 14] {
    let ratio = |of: fn(&measurement::statistics::Interval) -> f64| {
        claim.ratio.as_ref().map(of).map_or_else(String::new, |value| value.to_string())
    };
    [
        "claim".to_owned(),
        claim.id.clone(),
        String::new(),
        String::new(),
        String::new(),
        claim.metric.clone(),
        ratio(|ratio| ratio.estimate),
        ratio(|ratio| ratio.low),
        ratio(|ratio| ratio.high),
        claim.pairs.to_string(),
        String::new(),
        claim.p_adjusted.map_or_else(String::new, |p| p.to_string()),
        claim.verdict.label().to_owned(),
        remarks(claim.is_emulated, claim.reservations.iter().cloned()),
    ]
}

fn of_cell(cell: &CellFigures) -> impl Iterator<Item = [String; 14]> + '_ {
    cell.metrics.iter().map(|(metric, figure)| {
        let bound = |of: fn(&measurement::statistics::Interval) -> f64| {
            figure.interval.as_ref().map(of).map_or_else(String::new, |value| value.to_string())
        };
        [
            "cell".to_owned(),
            cell.cell.clone(),
            String::new(),
            String::new(),
            String::new(),
            metric.clone(),
            figure.median.to_string(),
            bound(|interval| interval.low),
            bound(|interval| interval.high),
            figure.values.len().to_string(),
            String::new(),
            String::new(),
            if figure.hidden.is_some() { "hidden" } else { "" }.to_owned(),
            remarks(cell.is_emulated, figure.hidden.iter().cloned()),
        ]
    })
}

fn of_run(record: &RunRecord, is_used: bool) -> impl Iterator<Item = [String; 14]> + '_ {
    let reasons = record.verdict.reasons.iter().map(|reason| format!("{}: {}", reason.check, reason.message));
    let reasons = remarks(record.is_emulated(), reasons);
    record.metrics.iter().map(move |(metric, measured)| {
        [
            if is_used { "run" } else { "unused-run" }.to_owned(),
            record.cell.clone(),
            record.number.to_string(),
            record.block.to_string(),
            record.attempt.to_string(),
            metric.clone(),
            measured.value.to_string(),
            String::new(),
            String::new(),
            measured.samples.to_string(),
            measured.clock_error.to_string(),
            String::new(),
            status(record.verdict.status).to_owned(),
            reasons.clone(),
        ]
    })
}

/// What is to be known of a row, first that it says nothing of real processors.
fn remarks(is_emulated: bool, others: impl Iterator<Item = String>) -> String {
    let label = is_emulated.then(|| "emulated".to_owned());
    label.into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

/// What a search came to, and then each of its runs.
fn of_search(report: &Report, search: &Search) -> Vec<[String; 14]> {
    let is_emulated = super::capacity::is_emulated(report, search);
    let row = |kind: &str, number: String, [value, low, high]: [Option<f64>; 3], verdict: &str, remark| {
        let text = |rate: Option<f64>| rate.map_or_else(String::new, |rate| rate.to_string());
        let mut row: [String; 14] = Default::default();
        row[0] = kind.to_owned();
        row[1] = search.cell.clone();
        row[2] = number;
        row[5] = "rate".to_owned();
        [row[6], row[7], row[8]] = [text(value), text(low), text(high)];
        row[12] = verdict.to_owned();
        row[13] = remarks(is_emulated, Option::into_iter(remark));
        row
    };
    let (rates, verdict) = match &search.answer {
        None => ([None; 3], "not finished"),
        Some(Answer::Between { low, high, estimate }) => {
            ([Some(*estimate), Some(*low), Some(*high)], "between")
        }
        Some(Answer::AtLeast { rate }) => ([None, Some(*rate), None], "at least"),
        Some(Answer::Below { rate }) => ([None, None, Some(*rate)], "below"),
        Some(Answer::Inconclusive { low, high, .. }) => ([None, *low, *high], "inconclusive"),
    };
    let mut answer =
        row("capacity", String::new(), rates, verdict, search.answer.as_ref().map(Answer::to_string));
    answer[9] = search.trials.len().to_string();
    let trials = search.trials.iter().enumerate().map(|(index, trial)| {
        row("trial", (index + 1).to_string(), [Some(trial.rate), None, None], trial.outcome.label(), None)
    });
    std::iter::once(answer).chain(trials).collect()
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Suspect => "suspect",
        Status::Invalid => "invalid",
    }
}

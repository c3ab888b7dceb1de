//! Tables, as the page and the document have them, and the long one for other programs.

use super::Report;
use crate::analysis::{CellFigures, Claim};
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
        claim.reservations.join("; "),
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
            figure.hidden.clone().unwrap_or_default(),
        ]
    })
}

fn of_run(record: &RunRecord, is_used: bool) -> impl Iterator<Item = [String; 14]> + '_ {
    let reasons: Vec<String> =
        record.verdict.reasons.iter().map(|reason| format!("{}: {}", reason.check, reason.message)).collect();
    let reasons = reasons.join("; ");
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

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Suspect => "suspect",
        Status::Invalid => "invalid",
    }
}

//! Attempts, and what spoke against them.

use super::super::Report;
use super::super::table::{Column, Table, status};
use super::{NONE, cell_column};
use crate::analysis::DoubtedRun;
use crate::metric::{self, MetricSpec};
use crate::record::Measured;
use crate::words;

/// Runs that are not used, or suspect; none where there are none.
pub(in crate::report) fn doubted(report: &Report, runs: &[DoubtedRun], caption: &str) -> Option<Table> {
    let rows = runs.iter().map(|run| {
        let reasons =
            if run.reasons.is_empty() { "no reason was recorded".to_owned() } else { run.reasons.join("; ") };
        // Runs of a search belong to no block.
        let block = if run.block == 0 { NONE.to_owned() } else { run.block.to_string() };
        vec![run.number.to_string(), report.cell_name(&run.cell), block, run.attempt.to_string(), reasons]
    });
    (!runs.is_empty()).then(|| Table {
        caption: caption.to_owned(),
        columns: vec![
            Column::text("run"),
            cell_column(report),
            Column::number("block"),
            Column::number("attempt"),
            Column::text("why"),
        ],
        rows: rows.collect(),
    })
}

/// Every attempt in the order of time.
pub(in crate::report) fn attempts(report: &Report) -> Table {
    let main =
        report.plan.comparisons.first().and_then(|comparison| metric::find(comparison.metrics.first()?));
    let rows = report.runs.iter().zip(&report.used).map(|(run, is_used)| {
        let record = &run.record;
        let value = main.as_ref().and_then(|spec| Some(value(spec, record.metrics.get(&spec.name)?)));
        let audit = record.audit.outcome.clone().unwrap_or_else(|| NONE.to_owned());
        vec![
            record.number.to_string(),
            words::labelled(&record.cell, record.is_emulated()),
            record.block.to_string(),
            record.attempt.to_string(),
            record.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            status(record.verdict.status).to_owned(),
            if *is_used { "yes" } else { "no" }.to_owned(),
            value.unwrap_or_else(|| NONE.to_owned()),
            record
                .steady_from_s
                .map_or_else(|| "never".to_owned(), |from_s| format!("{} s", words::number(from_s))),
            format!("{audit}: {} lost, {} twice", record.audit.lost, record.audit.duplicated),
        ]
    });
    let mut columns =
        vec![Column::text("run"), cell_column(report), Column::number("block"), Column::number("attempt")];
    columns.extend([Column::text("started, UTC"), Column::text("verdict"), Column::text("used")]);
    columns.push(Column::number(main.as_ref().map_or("metric", |spec| &spec.name)));
    columns.extend([Column::number("steady from"), Column::text("audit")]);
    Table { caption: "Every attempt in the order of time".to_owned(), columns, rows: rows.collect() }
}

fn value(spec: &MetricSpec, measured: &Measured) -> String {
    if measured.samples < spec.samples_min as f64 {
        return "hidden: too few samples".to_owned();
    }
    words::value(spec.unit, measured.value)
}

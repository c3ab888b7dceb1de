//! What each cell came to.

use super::super::Report;
use super::super::plots::{clock_error, mean_of};
use super::super::table::{Column, Table};
use super::{NONE, cell_column};
use crate::analysis::CellFigures;
use crate::metric::{self, MetricSpec, REDIS, STAGES, Unit, WHOLE};
use crate::plan::Service;
use crate::words;

/// Shown after what is compared.
const ALWAYS: [&str; 5] = [
    "throughput",
    "response-time-p50",
    "response-time-p99",
    "accepted-to-queryable-p50",
    "accepted-to-queryable-p99",
];

fn name(cell: &CellFigures) -> String {
    let control = if cell.is_control { " (control)" } else { "" };
    words::labelled(&cell.cell, cell.is_emulated) + control
}

/// The metrics that are compared, and those that every reader asks for.
pub(crate) fn important(report: &Report) -> Vec<MetricSpec> {
    let compared =
        report.plan.comparisons.iter().flat_map(|comparison| &comparison.metrics).map(String::as_str);
    let mut names: Vec<&str> = Vec::new();
    for name in compared.chain(ALWAYS) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let is_known =
        |spec: &MetricSpec| report.analysis.cells.iter().any(|cell| cell.metrics.contains_key(&spec.name));
    names.into_iter().filter_map(metric::find).filter(is_known).collect()
}

pub(in crate::report) fn cells(report: &Report) -> Table {
    let metrics = important(report);
    let rows = report.analysis.cells.iter().map(|cell| {
        let mut row = vec![name(cell), runs(cell)];
        row.extend(metrics.iter().map(|spec| figure(cell, spec)));
        row
    });
    let mut columns = vec![cell_column(report), Column::number("runs")];
    columns.extend(metrics.iter().map(|spec| Column::number(&spec.name)));
    Table {
        caption: "Cells: medians over runs, with the 95 % interval of the median by order statistics"
            .to_owned(),
        columns,
        rows: rows.collect(),
    }
}

fn runs(cell: &CellFigures) -> String {
    let mut text = cell.runs.to_string();
    let mut of: Vec<String> = Vec::new();
    if cell.suspect > 0 {
        of.push(format!("{} suspect", cell.suspect));
    }
    if cell.unsteady > 0 {
        of.push(format!("{} unsteady", cell.unsteady));
    }
    if !of.is_empty() {
        text.push_str(&format!(" ({})", of.join(", ")));
    }
    text
}

fn figure(cell: &CellFigures, spec: &MetricSpec) -> String {
    let Some(figure) = cell.metrics.get(&spec.name) else { return NONE.to_owned() };
    if figure.hidden.is_some() {
        return "hidden: too few samples".to_owned();
    }
    match &figure.interval {
        None => words::value(spec.unit, figure.median),
        Some(interval) => words::with_range(spec.unit, figure.median, interval.low, interval.high),
    }
}

/// In how many runs each bound was kept; none where the plan has no bounds.
pub(in crate::report) fn bounds(report: &Report) -> Option<Table> {
    let slos = &report.plan.slos;
    let rows = report.analysis.cells.iter().map(|cell| {
        let mut row = vec![name(cell)];
        row.extend(slos.iter().map(|slo| {
            let Some(figure) = cell.metrics.get(&slo.metric) else { return NONE.to_owned() };
            let kept = figure.values.iter().filter(|run| run.value <= slo.max).count();
            format!("{kept} of {}", figure.values.len())
        }));
        row
    });
    let mut columns = vec![cell_column(report)];
    columns.extend(slos.iter().map(|slo| {
        let max = metric::find(&slo.metric)
            .map_or_else(|| words::number(slo.max), |spec| words::value(spec.unit, slo.max));
        Column::number(format!("{} ≤ {max}", slo.metric))
    }));
    (!slos.is_empty()).then(|| Table {
        caption: "Runs that kept each bound".to_owned(),
        columns,
        rows: rows.collect(),
    })
}

/// None where no run has stages.
pub(in crate::report) fn stages(report: &Report) -> Option<Table> {
    let time = |value: Option<f64>| {
        value.map_or_else(|| NONE.to_owned(), |value| words::value(Unit::Microseconds, value))
    };
    let rows: Vec<Vec<String>> = report
        .analysis
        .cells
        .iter()
        .filter_map(|cell| {
            let parts = STAGES.map(|(metric, _)| mean_of(report, &cell.cell, metric));
            parts.iter().flatten().next()?;
            let error = STAGES.map(|(metric, _)| clock_error(report, &cell.cell, metric));
            let whole = mean_of(report, &cell.cell, WHOLE);
            let mut row = vec![name(cell)];
            row.extend(parts.map(time));
            row.push(time(Some(parts.iter().flatten().sum())));
            row.push(time(whole));
            row.push(match error.into_iter().fold(0.0, f64::max) {
                0.0 => "one clock".to_owned(),
                error => format!("±{}", words::value(Unit::Microseconds, error)),
            });
            Some(row)
        })
        .collect();
    let mut columns = vec![cell_column(report)];
    columns.extend(STAGES.map(|(_, name)| Column::number(name)));
    columns.extend(["sum of stages", "intended to queryable", "clock error"].map(Column::number));
    (!rows.is_empty()).then(|| Table {
        caption: "Mean time of each stage, over all runs of a cell".to_owned(),
        columns,
        rows,
    })
}

/// None where no run has costs.
pub(in crate::report) fn costs(report: &Report) -> Option<Table> {
    let parts = || Service::ALL.map(Service::name).into_iter().chain([REDIS]);
    let mut names = Vec::new();
    for cost in ["cpu-per-event", "network-per-event", "disk-per-event", "energy-per-event", "memory-peak"] {
        names.push(cost.to_owned());
        names.extend(parts().map(|part| format!("{cost}-{part}")));
    }
    let is_known = |name: &String| report.analysis.cells.iter().any(|cell| cell.metrics.contains_key(name));
    let metrics: Vec<MetricSpec> =
        names.iter().filter(|name| is_known(name)).filter_map(|name| metric::find(name)).collect();
    let rows = report.analysis.cells.iter().map(|cell| {
        let mut row = vec![name(cell)];
        row.extend(metrics.iter().map(|spec| {
            let figure = cell.metrics.get(&spec.name);
            figure.map_or_else(|| NONE.to_owned(), |figure| words::value(spec.unit, figure.median))
        }));
        row
    });
    let mut columns = vec![cell_column(report)];
    columns.extend(metrics.iter().map(|spec| Column::number(&spec.name)));
    (!metrics.is_empty()).then(|| Table {
        caption: "What an event that was stored costs: medians over runs".to_owned(),
        columns,
        rows: rows.collect(),
    })
}

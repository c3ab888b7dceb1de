//! What an event costs, and where its time goes: bars whose parts add up to the whole.

use super::super::Report;
use super::super::plot::{Bar, Plot, Shape, bars};
use super::cell_name;
use crate::metric::{REDIS, STAGES, Unit};
use crate::plan::Service;
use crate::words;

/// Bars beyond it are unreadable; the table has all cells.
const BARS_MAX: usize = 24;
/// Parts do not look like the levels that are compared most often, which are two.
const FIRST_COLOUR: usize = 2;

/// The means of the stages, which add up to that of the whole; none where no run has stages.
pub(in crate::report) fn stages(report: &Report) -> Option<Plot> {
    let parts: Vec<(String, &str)> = STAGES.map(|(metric, name)| (metric.to_owned(), name)).into();
    stacked(
        report,
        &parts,
        Unit::Microseconds,
        "Where the time goes",
        "Mean time of each stage of an event from its intended send time until it can be queried, by cell; \
         lines show how far the clocks of the nodes may be apart",
    )
}

/// Costs by service, of those that runs have. What Redis does by itself is a part of what is written only, as in the totals:
/// what it sends a service receives, and its processor time stands in the table.
pub(in crate::report) fn costs(report: &Report) -> Vec<Plot> {
    let services = Service::ALL.map(Service::name);
    let with_redis = [services.as_slice(), &[REDIS]].concat();
    let cost = |metric: &str, names: &[&'static str], unit, title, description| {
        let parts: Vec<(String, &str)> =
            names.iter().map(|name| (format!("{metric}-{name}"), *name)).collect();
        stacked(report, &parts, unit, title, description)
    };
    let drawn = [
        cost(
            "cpu-per-event",
            &services,
            Unit::MicrosecondsPerEvent,
            "Processor time for an event",
            "Processor time of each service for an event that was stored, by cell",
        ),
        cost(
            "network-per-event",
            &services,
            Unit::BytesPerEvent,
            "Bytes over the network for an event",
            "Bytes that each service sent and received for an event that was stored, by cell",
        ),
        cost(
            "disk-per-event",
            &with_redis,
            Unit::BytesPerEvent,
            "Bytes to storage for an event",
            "Bytes that each service and Redis wrote to storage for an event that was stored, by cell",
        ),
    ];
    drawn.into_iter().flatten().collect()
}

/// The mean over the runs of a cell of a metric: unlike medians, means of parts add up to that of the whole.
pub(in crate::report) fn mean_of(report: &Report, cell: &str, metric: &str) -> Option<f64> {
    let values: Vec<f64> =
        report.used(cell).filter_map(|run| Some(run.record.metrics.get(metric)?.value)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The largest error of clocks in a metric of a cell.
pub(in crate::report) fn clock_error(report: &Report, cell: &str, metric: &str) -> f64 {
    let errors = report.used(cell).filter_map(|run| run.record.metrics.get(metric));
    errors.map(|measured| measured.clock_error.abs()).fold(0.0, f64::max)
}

fn stacked(
    report: &Report,
    parts: &[(String, &str)],
    unit: Unit,
    title: &str,
    description: &str,
) -> Option<Plot> {
    let cells = report.cells.iter().filter(|cell| !cell.is_control).take(BARS_MAX);
    let all: Vec<Bar> = cells
        .filter_map(|cell| {
            let sizes: Vec<Option<f64>> =
                parts.iter().map(|(metric, _)| mean_of(report, &cell.id, metric)).collect();
            sizes.iter().flatten().next()?;
            let total: f64 = sizes.iter().flatten().sum();
            let errors = parts.iter().map(|(metric, _)| clock_error(report, &cell.id, metric));
            Some(Bar {
                name: cell_name(report, &cell.id),
                parts: sizes
                    .iter()
                    .enumerate()
                    .filter_map(|(index, size)| Some((FIRST_COLOUR + index, (*size)?)))
                    .collect(),
                error: errors.fold(0.0, f64::max),
                total: words::value(unit, total),
            })
        })
        .collect();
    if all.is_empty() {
        return None;
    }
    let totals: Vec<String> = all.iter().map(|bar| format!("{}: {}", bar.name, bar.total)).collect();
    let (drawing, height) = bars(&all);
    Some(Plot {
        title: title.to_owned(),
        description: format!("{description}. In all: {}. The parts stand in the table.", totals.join("; ")),
        legend: parts
            .iter()
            .enumerate()
            .map(|(index, (_, name))| (FIRST_COLOUR + index, Shape::Bar, (*name).to_owned()))
            .collect(),
        drawing,
        height,
    })
}

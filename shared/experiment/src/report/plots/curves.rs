//! Percentiles of latency, with the axis of HdrHistogram: 1 / (1 − p), so that each nine takes as much room as the one before.

use super::super::material::Curve;
use super::super::plot::{Axis, Marks, Plot, Scale, Series, Shape, WIDTH, lines};
use super::super::{Report, RunMaterial};
use super::{Group, Member, range};
use crate::analysis::median;
use crate::metric::Unit;
use crate::words;
use measurement::statistics::{CONFIDENCE, quantile_interval};

const HEIGHT: f64 = 250.0;
/// What is drawn begins at the median.
const FIRST: f64 = 1.99;
const PERCENTILES: [(f64, &str); 5] =
    [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1000.0, "p99.9"), (10_000.0, "p99.99")];

/// The curves of a distribution for the cells of a group; none where nothing was recorded.
pub(in crate::report) fn curves(report: &Report, group: &Group<'_>, distribution: &str) -> Option<Plot> {
    let series: Vec<Series> =
        group.members.iter().filter_map(|member| of_cell(report, member, distribution)).collect();
    let values = || {
        series.iter().flat_map(|one| {
            one.points
                .iter()
                .map(|(_, value)| *value)
                .chain(one.band.iter().flat_map(|band| [band.0, band.1]))
        })
    };
    let (low, high) = range(values().filter(|value| *value > 0.0))?;
    let (_, right) = range(series.iter().flat_map(|one| &one.points).map(|(inverse, _)| *inverse))?;
    let x = Axis {
        scale: Scale::log(
            FIRST,
            right.max(10.0),
            super::super::plot::LEFT,
            WIDTH - super::super::plot::RIGHT,
        ),
        title: "percentile",
        ticks: PERCENTILES
            .iter()
            .filter(|(inverse, _)| *inverse <= right.max(10.0) * 1.001)
            .map(|(inverse, name)| (*inverse, (*name).to_owned()))
            .collect(),
    };
    let scale =
        Scale::log(low / 1.1, high * 1.1, HEIGHT - super::super::plot::BOTTOM, super::super::plot::TOP);
    let ticks = scale.ticks(7).into_iter().map(|tick| (tick, words::tick(Unit::Microseconds, tick)));
    let y = Axis { scale, title: "time", ticks: ticks.collect() };
    let described: Vec<String> = group
        .members
        .iter()
        .filter_map(|member| {
            let points = &series.iter().find(|one| one.colour == member.colour)?.points;
            let at = |inverse: f64| points.iter().find(|(at, _)| (at / inverse - 1.0).abs() < 0.01);
            let each = PERCENTILES.iter().filter_map(|(inverse, name)| {
                Some(format!("{name} {}", words::value(Unit::Microseconds, at(*inverse)?.1)))
            });
            Some(format!("{}: {}", member.name(), each.collect::<Vec<_>>().join(", ")))
        })
        .collect();
    Some(Plot {
        title: format!("{}{}", title(distribution), group.suffix()),
        description: format!(
            "Time by percentile, both axes logarithmic. Medians over runs: {}. Percentiles with too few samples are left out.",
            described.join("; ")
        ),
        legend: group.legend(),
        drawing: lines(&x, &y, HEIGHT, &series, &[], &[]),
        height: HEIGHT,
    })
}

/// `Response time`.
fn title(distribution: &str) -> String {
    words::capital(&distribution.replace('-', " "))
}

/// The median over all runs at each percentile, with its interval, as far as the middle one of them can tell it. None is left
/// out where it cannot: those with many slow requests are those with few effective samples.
fn of_cell(report: &Report, member: &Member<'_>, distribution: &str) -> Option<Series> {
    let runs: Vec<(&Curve, f64)> = report
        .used(&member.cell.id)
        .filter_map(|run| Some((run.series.curves.get(distribution)?, effective(run, distribution)?)))
        .collect();
    let samples: Vec<f64> = runs.iter().map(|(_, samples)| *samples).collect();
    let known = Curve::known(median(&samples)?);
    let (mut points, mut band) = (Vec::new(), Vec::new());
    for (index, inverse) in Curve::inverses().enumerate().take(known).filter(|(_, inverse)| *inverse >= FIRST)
    {
        let values: Vec<f64> =
            runs.iter().filter_map(|(curve, _)| curve.quantiles_us.get(index).copied()).collect();
        points.push((inverse, median(&values)?));
        if let Ok(interval) = quantile_interval(&values, values.len() as f64, 0.5, CONFIDENCE) {
            band.push((interval.low, interval.high));
        }
    }
    (!points.is_empty()).then(|| Series {
        colour: member.colour,
        shape: Shape::of(member.colour),
        points,
        band,
        is_joined: true,
        marks: Marks::Some(10),
        hollow: Vec::new(),
    })
}

/// The independent samples of a run. What samples are worth that depend on each other is known of p99.
fn effective(run: &RunMaterial, distribution: &str) -> Option<f64> {
    let count = run.series.curves.get(distribution)?.count as f64;
    let measured = run.record.metrics.get(&format!("{distribution}-p99"));
    Some(measured.map_or(count, |measured| measured.samples.min(count)))
}

//! Runs in the order in which they were carried out, and the noise around them.

use super::super::plot::{self, Axis, COLOURS, Marks, Plot, Scale, Series, Shape, WIDTH, lines};
use super::super::{Report, RunMaterial};
use super::{Group, cell_name, is_shown, range};
use crate::metric::MetricSpec;
use crate::words;
use std::collections::BTreeMap;

const HEIGHT: f64 = 220.0;

/// How far each run is from the median of its cell; none where no run has the metric, or too few samples of it.
pub(in crate::report) fn order(report: &Report, groups: &[Group<'_>], spec: &MetricSpec) -> Option<Plot> {
    let medians: BTreeMap<&str, f64> = report
        .analysis
        .cells
        .iter()
        .filter(|cell| is_shown(report, &cell.cell, spec))
        .filter_map(|cell| Some((cell.cell.as_str(), cell.metrics.get(&spec.name)?.median)))
        .filter(|(_, median)| *median > 0.0)
        .collect();
    let mut series: Vec<Series> = Vec::new();
    for member in groups.iter().flat_map(|group| &group.members) {
        let points = distances(report, &member.cell.id, spec, &medians);
        match series.iter_mut().find(|one| one.colour == member.colour) {
            Some(one) => one.points.extend(points),
            None => series.push(marks(member.colour, Shape::of(member.colour), points)),
        }
    }
    let mut legend = groups.first().map(Group::legend).unwrap_or_default();
    for cell in report.cells.iter().filter(|cell| cell.is_control) {
        series.push(marks(CONTROL, Shape::Diamond, distances(report, &cell.id, spec, &medians)));
        legend.push((CONTROL, Shape::Diamond, format!("{} (control)", cell_name(report, &cell.id))));
    }
    let (low, high) = range(series.iter().flat_map(|one| &one.points).map(|(_, value)| *value))?;
    let unused: Vec<(f64, f64)> = report
        .cells
        .iter()
        .flat_map(|cell| placed(report, &cell.id, false))
        .map(|(place, _)| (place, low.min(-1.0)))
        .collect();
    if !unused.is_empty() {
        legend.push((UNUSED, Shape::Cross, "not used".to_owned()));
    }
    let number = unused.len();
    series.push(marks(UNUSED, Shape::Cross, unused));
    let scale = Scale::linear(low.min(-1.0) * 1.1, high.max(1.0) * 1.1, HEIGHT - plot::BOTTOM, plot::TOP);
    let ticks = scale.ticks(5).into_iter().map(|tick| (tick, format!("{} %", words::plain(tick))));
    let y = Axis { scale, title: "from the median of the cell", ticks: ticks.collect() };
    Some(Plot {
        title: format!("Order of runs: {}", spec.name),
        description: format!(
            "How far {} of each run is from the median of its cell, in the order in which they were carried out: from {} % to \
             {} %. Runs that are not used: {number}. A trend would be a drift of the machine.",
            spec.name,
            words::number(low),
            words::number(high)
        ),
        legend,
        drawing: lines(&sequence(report), &y, HEIGHT, &series, &[], &[(false, 0.0)]),
        height: HEIGHT,
    })
}

/// Of all colours the last ones.
const UNUSED: usize = COLOURS - 1;
const CONTROL: usize = COLOURS - 2;

/// How far the runs of a cell are from its median, in percent.
fn distances(
    report: &Report,
    cell: &str,
    spec: &MetricSpec,
    medians: &BTreeMap<&str, f64>,
) -> Vec<(f64, f64)> {
    let distance = |(place, run): (f64, &RunMaterial)| {
        let value = run.record.metrics.get(&spec.name)?.value;
        Some((place, (value / medians.get(cell)? - 1.0) * 100.0))
    };
    placed(report, cell, true).filter_map(distance).collect()
}

/// What the gates measured, as a share of their limits; none where there are no gates.
pub(in crate::report) fn noise(report: &Report) -> Option<Plot> {
    let mut gates: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (place, run) in report.runs.iter().enumerate() {
        let mut largest: BTreeMap<&str, f64> = BTreeMap::new();
        for gate in run.record.gates.iter().filter(|gate| gate.limit > 0.0) {
            let share = largest.entry(&gate.name).or_default();
            *share = share.max(gate.measured / gate.limit);
        }
        for (name, share) in largest {
            gates.entry(name).or_default().push((place as f64 + 1.0, share * 100.0));
        }
    }
    let (_, high) = range(gates.values().flatten().map(|(_, share)| *share))?;
    let scale = Scale::linear(0.0, high.clamp(110.0, 300.0), HEIGHT - plot::BOTTOM, plot::TOP);
    let ticks = scale.ticks(5).into_iter().map(|tick| (tick, format!("{} %", words::plain(tick))));
    let y = Axis { scale, title: "of the limit", ticks: ticks.collect() };
    let worst: Vec<String> = gates
        .iter()
        .filter_map(|(name, shares)| {
            let (_, high) = range(shares.iter().map(|(_, share)| *share))?;
            Some(format!("{name} {} %", words::integer(high)))
        })
        .collect();
    let legend =
        gates.keys().enumerate().map(|(index, name)| (index, Shape::of(index), (*name).to_owned())).collect();
    let series: Vec<Series> = gates
        .into_values()
        .enumerate()
        .map(|(index, points)| marks(index, Shape::of(index), points))
        .collect();
    Some(Plot {
        title: "Noise around the runs".to_owned(),
        description: format!(
            "What each noise gate measured, as a share of its limit, by run. Largest: {}. Above 100 % a run is suspect or invalid.",
            worst.join(", ")
        ),
        legend,
        drawing: lines(&sequence(report), &y, HEIGHT, &series, &[], &[(false, 100.0)]),
        height: HEIGHT,
    })
}

/// The runs of a cell that are used, or not, with their place in the sequence.
fn placed<'a>(
    report: &'a Report,
    cell: &'a str,
    is_used: bool,
) -> impl Iterator<Item = (f64, &'a RunMaterial)> {
    let all = report.runs.iter().zip(&report.used).enumerate();
    all.filter(move |(_, (run, used))| run.record.cell == cell && **used == is_used)
        .map(|(place, (run, _))| (place as f64 + 1.0, run))
}

fn sequence(report: &Report) -> Axis<'static> {
    let scale = Scale::linear(0.0, report.runs.len() as f64 + 1.0, plot::LEFT, WIDTH - plot::RIGHT);
    let ticks = scale.ticks(6).into_iter().filter(|tick| tick.fract() == 0.0 && *tick >= 1.0);
    Axis {
        scale,
        title: "run, in the order of time",
        ticks: ticks.map(|tick| (tick, words::integer(tick))).collect(),
    }
}

fn marks(colour: usize, shape: Shape, points: Vec<(f64, f64)>) -> Series {
    let (band, hollow) = (Vec::new(), Vec::new());
    Series { colour, shape, points, band, is_joined: false, marks: Marks::All, hollow }
}

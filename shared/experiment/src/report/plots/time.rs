//! Throughput and backlog over the time of a run.

use super::super::plot::{self, Axis, Marks, Plot, Scale, Series, Shape, WIDTH, lines};
use super::super::{Report, RunSeries};
use super::{Group, Member, range};
use crate::analysis::median;
use crate::words;
use std::collections::BTreeMap;

const HEIGHT: f64 = 210.0;

/// What is drawn over time.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Quantity {
    Throughput,
    Backlog,
}

impl Quantity {
    fn of(self, series: &RunSeries) -> &[(f64, f64)] {
        match self {
            Self::Throughput => &series.throughput,
            Self::Backlog => &series.backlog,
        }
    }

    fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Throughput => ("Throughput", "accepted events/s"),
            Self::Backlog => ("Backlog", "events accepted and not settled"),
        }
    }
}

/// The median over runs of each second, between the smallest and the largest; none where nothing was recorded.
pub(in crate::report) fn time(report: &Report, group: &Group<'_>, quantity: Quantity) -> Option<Plot> {
    let series: Vec<Series> =
        group.members.iter().filter_map(|member| of_cell(report, member, quantity)).collect();
    let (_, high) = range(series.iter().flat_map(|one| &one.band).map(|band| band.1))?;
    let (_, end) = range(series.iter().flat_map(|one| &one.points).map(|(second, _)| *second))?;
    let (title, unit) = quantity.title();
    let x_scale = Scale::linear(0.0, end, plot::LEFT, WIDTH - plot::RIGHT);
    let ticks = x_scale.ticks(6).into_iter().map(|tick| (tick, words::plain(tick)));
    let x = Axis { scale: x_scale, title: "seconds since the load began", ticks: ticks.collect() };
    let y_scale = Scale::linear(0.0, (high * 1.05).max(1.0), HEIGHT - plot::BOTTOM, plot::TOP);
    let ticks = y_scale.ticks(4).into_iter().map(|tick| (tick, words::plain(tick)));
    let y = Axis { scale: y_scale, title: unit, ticks: ticks.collect() };
    let timing = report.plan.timing;
    let limits = [(true, timing.warm_up_s), (true, timing.warm_up_s + timing.measure_s)];
    let each: Vec<String> = group.members.iter().filter_map(|member| described(member, &series)).collect();
    Some(Plot {
        title: format!("{title}{}", group.suffix()),
        description: format!(
            "{title} in {unit} over time, the median of all runs between the smallest and the largest; what is measured \
             lies between the dashed lines. Median over time: {}.",
            each.join("; ")
        ),
        legend: group.legend(),
        drawing: lines(&x, &y, HEIGHT, &series, &[], &limits),
        height: HEIGHT,
    })
}

fn described(member: &Member<'_>, series: &[Series]) -> Option<String> {
    let one = series.iter().find(|one| one.colour == member.colour)?;
    let values: Vec<f64> = one.points.iter().map(|(_, value)| *value).collect();
    Some(format!("{}: {}", member.name(), words::number(median(&values)?)))
}

fn of_cell(report: &Report, member: &Member<'_>, quantity: Quantity) -> Option<Series> {
    let mut seconds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for run in report.used(&member.cell.id) {
        for (at_s, value) in quantity.of(&run.series).iter().filter(|(at_s, _)| *at_s >= 0.0) {
            seconds.entry(libm::floor(*at_s) as u64).or_default().push(*value);
        }
    }
    let points: Vec<(f64, f64)> =
        seconds.iter().filter_map(|(second, values)| Some((*second as f64, median(values)?))).collect();
    let band = seconds.values().filter_map(|values| range(values.iter().copied())).collect();
    (!points.is_empty()).then(|| Series {
        colour: member.colour,
        shape: Shape::of(member.colour),
        band,
        is_joined: true,
        marks: Marks::Some((points.len() / 6).max(1)),
        points,
        hollow: Vec::new(),
    })
}

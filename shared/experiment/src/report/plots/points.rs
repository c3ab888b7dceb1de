//! Every run as a point, joined with its partners of the block.

use super::super::plot::{self, Axis, Marks, Plot, Scale, Series, Shape, WIDTH, lines};
use super::super::{Report, RunMaterial};
use super::{Group, is_shown, range};
use crate::metric::MetricSpec;
use crate::record::Status;
use crate::words;

const HEIGHT: f64 = 230.0;

/// A metric of each run of a group by block; none where no run has it, or too few samples of it.
pub(in crate::report) fn points(report: &Report, group: &Group<'_>, spec: &MetricSpec) -> Option<Plot> {
    let is_shown = |member: &&super::Member| is_shown(report, &member.cell.id, spec);
    let series: Vec<Series> =
        group.members.iter().filter(is_shown).map(|member| of_cell(report, member, spec)).collect();
    let (low, high) = range(series.iter().flat_map(|one| &one.points).map(|(_, value)| *value))?;
    let room = ((high - low) * 0.08).max(high.abs() * 0.01);
    let (_, blocks) = range(series.iter().flat_map(|one| &one.points).map(|(block, _)| *block))?;
    let x_scale = Scale::linear(0.5, blocks + 0.5, plot::LEFT, WIDTH - plot::RIGHT);
    let whole = x_scale.ticks(10).into_iter().filter(|tick| tick.fract() == 0.0 && *tick >= 1.0);
    let x = Axis {
        scale: x_scale,
        title: "block",
        ticks: whole.map(|tick| (tick, words::integer(tick))).collect(),
    };
    let y_scale = Scale::linear(low - room, high + room, HEIGHT - plot::BOTTOM, plot::TOP);
    let ticks = y_scale.ticks(5).into_iter().map(|tick| (tick, words::tick(spec.unit, tick)));
    let y = Axis { scale: y_scale, title: &spec.name, ticks: ticks.collect() };
    Some(Plot {
        title: format!("{} of each run{}", spec.name, group.suffix()),
        description: format!(
            "{} of each run, from {} to {}, by block; runs of a block are joined. {}",
            words::capital(&spec.title),
            words::value(spec.unit, low),
            words::value(spec.unit, high),
            "Suspect runs are hollow. The medians stand in the table of cells."
        ),
        legend: group.legend(),
        drawing: lines(&x, &y, HEIGHT, &series, &joined(&series), &[]),
        height: HEIGHT,
    })
}

fn of_cell(report: &Report, member: &super::Member<'_>, spec: &MetricSpec) -> Series {
    let mut runs: Vec<&RunMaterial> = report.used(&member.cell.id).collect();
    runs.sort_by_key(|run| run.record.block);
    let values = runs.iter().filter_map(|run| {
        let measured = run.record.metrics.get(&spec.name)?;
        Some(((f64::from(run.record.block), measured.value), run.record.verdict.status != Status::Valid))
    });
    let (points, hollow) = values.unzip();
    Series {
        colour: member.colour,
        shape: Shape::of(member.colour),
        points,
        band: Vec::new(),
        is_joined: false,
        marks: Marks::All,
        hollow,
    }
}

/// From the lowest to the highest run of each block.
fn joined(series: &[Series]) -> Vec<plot::Segment> {
    let all = || series.iter().flat_map(|one| &one.points);
    let mut segments: Vec<plot::Segment> = Vec::new();
    for &(block, _) in all() {
        if segments.iter().any(|((known, _), _)| *known == block) {
            continue;
        }
        let of_block = all().filter(|(other, _)| *other == block).map(|(_, value)| *value);
        if let Some((low, high)) = range(of_block) {
            segments.push(((block, low), (block, high)));
        }
    }
    segments
}

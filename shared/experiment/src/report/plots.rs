//! Which plots a report has.

mod costs;
mod curves;
mod order;
mod points;
mod time;

use super::Report;
use super::plot::Shape;
use crate::cell::Cell;
use crate::metric::MetricSpec;
use crate::words;

pub(super) use costs::{clock_error, costs, mean_of, stages};
pub(super) use curves::curves;
pub(super) use order::{noise, order};
pub(super) use points::points;
pub(super) use time::{Quantity, time};

/// Drawings of a kind: the tables have the rest.
pub(super) const GROUPS_MAX: usize = 6;

/// Cells that belong into one drawing: they differ in the factor of the first comparison only.
pub(super) struct Group<'a> {
    /// The other factors' levels; empty where there are none.
    pub(super) name: String,
    pub(super) members: Vec<Member<'a>>,
}

pub(super) struct Member<'a> {
    pub(super) cell: &'a Cell,
    /// `arm64`, and `batch 10` where the level alone is a number.
    pub(super) level: String,
    /// The same for the same level in all drawings.
    pub(super) colour: usize,
    pub(super) is_emulated: bool,
}

impl Member<'_> {
    fn name(&self) -> String {
        words::labelled(&self.level, self.is_emulated)
    }

    fn key(&self) -> (usize, Shape, String) {
        (self.colour, Shape::of(self.colour), self.name())
    }
}

impl Group<'_> {
    /// For a title.
    fn suffix(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(", {}", self.name) }
    }

    fn legend(&self) -> Vec<(usize, Shape, String)> {
        self.members.iter().map(Member::key).collect()
    }
}

/// The cells in groups. Without a comparison, the levels of the first factor belong together.
pub(super) fn groups(report: &Report) -> Vec<Group<'_>> {
    let factor = report.plan.comparisons.first().map(|comparison| comparison.factor.as_str());
    let Some(factor) = report
        .plan
        .factors
        .iter()
        .find(|one| Some(one.name.as_str()) == factor)
        .or_else(|| report.plan.factors.first())
    else {
        return Vec::new();
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cell in report.cells.iter().filter(|cell| !cell.is_control) {
        let Some(colour) =
            factor.levels.iter().position(|level| cell.levels.get(&factor.name) == Some(&level.name))
        else {
            continue;
        };
        let member = Member {
            cell,
            level: with_factor(&factor.name, &factor.levels[colour].name),
            colour,
            is_emulated: report.is_emulated(&cell.id),
        };
        let others: Vec<String> = cell
            .levels
            .iter()
            .filter(|(name, _)| **name != factor.name)
            .map(|(name, level)| format!("{name} {level}"))
            .collect();
        let name = words::list(&others);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.members.push(member),
            None => groups.push(Group { name, members: vec![member] }),
        }
    }
    groups
}

/// A level that is a number says what it is a number of.
fn with_factor(factor: &str, level: &str) -> String {
    if level.starts_with(|first: char| first.is_ascii_digit()) {
        format!("{factor} {level}")
    } else {
        level.to_owned()
    }
}

/// A cell by itself: its id, what that is made of where it would be read as a number, and its label.
fn cell_name(report: &Report, id: &str) -> String {
    let factors: Vec<&str> = report.plan.factors.iter().map(|factor| factor.name.as_str()).collect();
    words::labelled(&with_factor(&factors.join("/"), id), report.is_emulated(id))
}

/// Whether enough samples are behind a metric of a cell. Single runs with enough of them are not shown without the others.
fn is_shown(report: &Report, cell: &str, spec: &MetricSpec) -> bool {
    let figures = report.analysis.cells.iter().find(|figures| figures.cell == cell);
    figures.and_then(|figures| figures.metrics.get(&spec.name)).is_some_and(|figure| figure.hidden.is_none())
}

/// Smallest and largest; none of nothing.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

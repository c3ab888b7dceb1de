//! What a search for the highest sustained rate came to.

use super::content::{Block, Section};
use super::plot::{self, Axis, Marks, Plot, Scale, Series, Shape, WIDTH, lines};
use super::table::{Column, Table};
use super::{Report, RunMaterial};
use crate::capacity::{Outcome, Results, Search};
use crate::cell::Cell;
use crate::words;
use std::collections::BTreeSet;

const HEIGHT: f64 = 210.0;
/// How a trial of each outcome is drawn.
const MARKS: [(Outcome, usize, Shape); 3] = [
    (Outcome::Sustained, 2, Shape::Circle),
    (Outcome::Broken, 1, Shape::Cross),
    (Outcome::Invalid, 7, Shape::Diamond),
];

/// One cell for each rate that was tried: `arm64@2500`.
pub(super) fn cells(planned: &[Cell], runs: &[RunMaterial]) -> Vec<Cell> {
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.record.cell.as_str()).collect();
    let of = |id: &str| {
        let (planned_id, _) = id.rsplit_once('@')?;
        let cell = planned.iter().find(|cell| cell.id == planned_id)?;
        Some(Cell { id: id.to_owned(), ..cell.clone() })
    };
    let mut cells: Vec<Cell> = ids.into_iter().filter_map(of).collect();
    let rate = |cell: &Cell| cell.id.rsplit_once('@').and_then(|(_, rate)| rate.parse::<f64>().ok());
    cells.sort_by(|left, right| {
        let by_rate = rate(left).unwrap_or_default().total_cmp(&rate(right).unwrap_or_default());
        left.levels.cmp(&right.levels).then(by_rate)
    });
    cells
}

pub(super) fn answer(report: &Report, results: &Results) -> String {
    if results.searches.is_empty() {
        return "Nothing is known: no search was begun.".to_owned();
    }
    let each: Vec<String> = results.searches.iter().map(|search| sentence(report, search)).collect();
    each.join(" ")
}

fn sentence(report: &Report, search: &Search) -> String {
    let answer = search.answer.as_ref().map_or_else(
        || "the search was not finished".to_owned(),
        |answer| format!("the highest rate that is sustained is {answer}"),
    );
    format!(
        "{}: {answer} ({}).",
        words::capital(&name(report, search)),
        words::count(search.trials.len(), "run")
    )
}

/// `placement arm64, workers 2 (emulated)`.
fn name(report: &Report, search: &Search) -> String {
    let levels: Vec<String> =
        search.levels.iter().map(|(factor, level)| format!("{factor} {level}")).collect();
    let name = if levels.is_empty() { search.cell.clone() } else { levels.join(", ") };
    words::labelled(&name, is_emulated(report, search))
}

/// Whether a run of the search was.
pub(super) fn is_emulated(report: &Report, search: &Search) -> bool {
    let is_of = |run: &&RunMaterial| run.record.cell.split('@').next() == Some(&search.cell);
    report.runs.iter().filter(is_of).any(|run| run.record.is_emulated())
}

/// Empty where the bundle is of a campaign.
pub(super) fn section(report: &Report) -> Section {
    let mut blocks = Vec::new();
    if let Some(results) = &report.capacity {
        let text = "Sustained is a rate at which every bound is kept, the audit passes, and the backlog does not grow: the \
                    interval of its slope reaches 0 or below.";
        blocks.push(Block::Text(text.to_owned()));
        blocks.push(Block::Plots(
            results.searches.iter().filter_map(|search| drawing(report, search)).collect(),
        ));
        blocks.push(Block::Table(trials(report, results)));
    }
    Section { id: "capacity", title: "Capacity", blocks }
}

/// The rates that were tried, in their order; none where none was.
fn drawing(report: &Report, search: &Search) -> Option<Plot> {
    let (low, high) = super::plots::range(search.trials.iter().map(|trial| trial.rate))?;
    let scale = Scale::log(low / 1.2, high * 1.2, HEIGHT - plot::BOTTOM, plot::TOP);
    let ticks = scale.ticks(6).into_iter().map(|tick| (tick, words::plain(tick)));
    let y = Axis { scale, title: "events/s", ticks: ticks.collect() };
    let scale = Scale::linear(0.0, search.trials.len() as f64 + 1.0, plot::LEFT, WIDTH - plot::RIGHT);
    let whole = scale.ticks(6).into_iter().filter(|tick| tick.fract() == 0.0 && *tick >= 1.0);
    let x = Axis {
        scale,
        title: "run of the search",
        ticks: whole.map(|tick| (tick, words::integer(tick))).collect(),
    };
    let series: Vec<Series> = MARKS
        .iter()
        .map(|(outcome, colour, shape)| {
            let trials = search.trials.iter().enumerate().filter(|(_, trial)| trial.outcome == *outcome);
            Series {
                colour: *colour,
                shape: *shape,
                points: trials.map(|(index, trial)| (index as f64 + 1.0, trial.rate)).collect(),
                band: Vec::new(),
                is_joined: false,
                marks: Marks::All,
                hollow: Vec::new(),
            }
        })
        .collect();
    Some(Plot {
        title: format!("Rates that were tried: {}", name(report, search)),
        description: format!("Each rate that was tried, in the order of runs. {}", sentence(report, search)),
        legend: MARKS
            .iter()
            .map(|(outcome, colour, shape)| (*colour, *shape, outcome.label().to_owned()))
            .collect(),
        drawing: lines(&x, &y, HEIGHT, &series, &[], &[]),
        height: HEIGHT,
    })
}

/// Each rate of each cell.
fn trials(report: &Report, results: &Results) -> Table {
    let mut rows = Vec::new();
    for search in &results.searches {
        let mut rates: Vec<f64> = search.trials.iter().map(|trial| trial.rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        for rate in rates {
            let count = |outcome| {
                let is_it = |trial: &&crate::capacity::Trial| trial.rate == rate && trial.outcome == outcome;
                search.trials.iter().filter(is_it).count().to_string()
            };
            let mut row = vec![name(report, search), words::number(rate)];
            row.extend(MARKS.iter().map(|(outcome, ..)| count(*outcome)));
            rows.push(row);
        }
    }
    let mut columns = vec![Column::text("cell"), Column::number("events/s")];
    columns.extend(MARKS.iter().map(|(outcome, ..)| Column::number(outcome.label())));
    Table { caption: "Runs at each rate".to_owned(), columns, rows }
}

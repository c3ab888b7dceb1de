//! What a report says, in the order in which it says it, for the page and the document alike.

mod method;

use super::Report;
use super::capacity;
use super::plot::Plot;
use super::plots::{self, GROUPS_MAX, Quantity, groups};
use super::table::Table;
use super::tables;
use crate::analysis::ClaimVerdict;
use crate::metric::{self, MetricSpec};

/// A heading and what is below it.
#[derive(Debug)]
pub(crate) struct Section {
    /// For links within the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) enum Block {
    Text(String),
    /// The answer with the verdict of its first claim.
    Answer(String, Option<ClaimVerdict>),
    List(Vec<String>),
    Table(Table),
    Plots(Vec<Plot>),
    /// Long and for few readers: closed at first where that is possible.
    Details(&'static str, Vec<Block>),
}

pub(super) fn sections(report: &Report) -> Vec<Section> {
    let all = [
        answer(report),
        capacity::section(report),
        comparisons(report),
        plots(report),
        cells(report),
        order(report),
        doubts(report),
    ];
    all.into_iter()
        .chain([method::method(report), environment(report)])
        .filter(|section| !section.blocks.is_empty())
        .collect()
}

fn answer(report: &Report) -> Section {
    let verdict = report.analysis.claims.first().map(|claim| claim.verdict);
    let mut blocks = vec![Block::Answer(report.analysis.answer.clone(), verdict)];
    if !report.analysis.notes.is_empty() {
        blocks.push(Block::Text("To be kept in mind:".to_owned()));
        blocks.push(Block::List(report.analysis.notes.clone()));
    }
    Section { id: "answer", title: "Answer", blocks }
}

fn comparisons(report: &Report) -> Section {
    let mut blocks = Vec::new();
    if !report.analysis.claims.is_empty() {
        blocks.push(Block::Table(tables::claims(report)));
    }
    let reservations = tables::reservations(report);
    if !reservations.is_empty() {
        blocks.push(Block::Text("Reservations:".to_owned()));
        blocks.push(Block::List(reservations));
    }
    blocks.extend(tables::sensitivity(report).map(Block::Table));
    blocks.extend(tables::control(report).map(Block::Table));
    Section { id: "comparisons", title: "Comparisons", blocks }
}

/// The first metrics of the first comparison.
fn main_metrics(report: &Report) -> Vec<MetricSpec> {
    let compared = report.plan.comparisons.first();
    compared
        .into_iter()
        .flat_map(|comparison| comparison.metrics.iter().take(2))
        .filter_map(|name| metric::find(name))
        .collect()
}

/// The distributions whose percentiles are drawn: those that are compared first, and what users wait for.
fn distributions(report: &Report) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let compared = main_metrics(report).into_iter().filter(|spec| spec.unit == metric::Unit::Microseconds);
    let compared = compared.filter_map(|spec| Some(spec.name.rsplit_once('-')?.0.to_owned()));
    for name in compared.chain(["response-time".to_owned()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn plots(report: &Report) -> Section {
    if report.capacity.is_some() {
        return Section { id: "plots", title: "Plots", blocks: Vec::new() };
    }
    let groups = groups(report);
    let shown = &groups[..groups.len().min(GROUPS_MAX)];
    let mut blocks = Vec::new();
    let mut add = |text: &str, plots: Vec<Plot>| {
        if !plots.is_empty() {
            blocks.push(Block::Text(text.to_owned()));
            blocks.push(Block::Plots(plots));
        }
    };
    let (distributions, metrics) = (distributions(report), main_metrics(report));
    add(
        "Latency by percentile: lines are medians over runs, bands the 95 % intervals of these medians. A percentile that \
         the middle run has too few samples for is not drawn.",
        shown
            .iter()
            .flat_map(|group| distributions.iter().filter_map(|name| plots::curves(report, group, name)))
            .collect(),
    );
    add(
        "Every run as a point; runs of a block are joined. Hollow: suspect.",
        shown
            .iter()
            .flat_map(|group| metrics.iter().filter_map(|spec| plots::points(report, group, spec)))
            .collect(),
    );
    add(
        "Over the time of a run: medians over runs, between the smallest and the largest. What is measured lies between the dashed \
         lines.",
        shown
            .iter()
            .flat_map(|group| {
                [Quantity::Throughput, Quantity::Backlog]
                    .into_iter()
                    .filter_map(|what| plots::time(report, group, what))
            })
            .collect(),
    );
    add(
        "Where the time of an event goes, and what it costs.",
        plots::stages(report).into_iter().chain(plots::costs(report)).collect(),
    );
    if groups.len() > GROUPS_MAX && !blocks.is_empty() {
        blocks.push(Block::Text(format!(
            "Drawn are {GROUPS_MAX} of {} combinations of the other factors; the tables have all.",
            groups.len()
        )));
    }
    Section { id: "plots", title: "Plots", blocks }
}

fn cells(report: &Report) -> Section {
    let mut blocks = vec![Block::Table(tables::cells(report))];
    blocks.extend(tables::bounds(report).map(Block::Table));
    blocks.extend(tables::stages(report).map(Block::Table));
    blocks.extend(tables::costs(report).map(Block::Table));
    Section { id: "cells", title: "Cells", blocks }
}

fn order(report: &Report) -> Section {
    let groups = groups(report);
    let main = main_metrics(report).into_iter().next();
    let plots: Vec<Plot> = main
        .and_then(|spec| plots::order(report, &groups, &spec))
        .into_iter()
        .chain(plots::noise(report))
        .collect();
    let mut blocks = Vec::new();
    if !plots.is_empty() {
        blocks.push(Block::Plots(plots));
    }
    if !report.runs.is_empty() {
        blocks.push(Block::Details("Every attempt", vec![Block::Table(tables::attempts(report))]));
    }
    Section { id: "order", title: "Order of runs and noise", blocks }
}

fn doubts(report: &Report) -> Section {
    let analysis = &report.analysis;
    let mut blocks = Vec::new();
    if analysis.invalid.is_empty() {
        blocks.push(Block::Text("No attempt was invalid.".to_owned()));
    }
    blocks.extend(tables::doubted(report, &analysis.invalid, "Attempts that are not used").map(Block::Table));
    let failed =
        tables::doubted(report, &report.failed, "Attempts that could not be carried out and left no record");
    blocks.extend(failed.map(Block::Table));
    blocks.extend(
        tables::doubted(
            report,
            &analysis.suspect,
            "Runs that are used, though something speaks against them",
        )
        .map(Block::Table),
    );
    Section { id: "invalid", title: "Invalid and suspect runs", blocks }
}

fn environment(report: &Report) -> Section {
    let mut blocks = vec![
        Block::List(vec![
            format!(
                "Made on {} UTC, on {}.",
                report.head.created_at.strftime("%Y-%m-%d %H:%M"),
                report.head.host
            ),
            format!("Runs were carried out {}.", place(report)),
            format!("testbed {}.", report.head.testbed),
        ]),
        Block::Table(tables::plan(report)),
    ];
    blocks.extend(tables::settings(report).map(Block::Table));
    blocks.extend(tables::environments(report).map(Block::Table));
    blocks.extend(
        tables::services(report)
            .map(|table| Block::Details("Programs and where they ran", vec![Block::Table(table)])),
    );
    Section { id: "environment", title: "Environment", blocks }
}

fn place(report: &Report) -> &'static str {
    match report.head.target {
        crate::bundle::TargetKind::Local => "as processes on one machine",
        crate::bundle::TargetKind::Cluster => "as pods in a cluster",
    }
}

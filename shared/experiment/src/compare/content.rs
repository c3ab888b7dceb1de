//! A comparison, section by section.

use super::{ClaimSide, Comparison, Outcome};
use crate::capacity::AnswerSide;
use crate::metric;
use crate::report::content::{Block, Section};
use crate::report::table::{Column, Table};
use crate::report::tables::{NONE, with_bounds};
use crate::words;
use std::collections::BTreeMap;

pub(super) fn sections(comparison: &Comparison) -> Vec<Section> {
    let answer = vec![
        Block::Answer(summary(comparison), None),
        Block::Text("To be kept in mind:".to_owned()),
        Block::List(comparison.warnings.clone()),
    ];
    let mut all = vec![Section { id: "answer", title: "Answer", blocks: answer }];
    if !comparison.claims.is_empty() {
        all.push(Section { id: "claims", title: "Claims", blocks: vec![Block::Table(claims(comparison))] });
    }
    if !comparison.answers.is_empty() {
        all.push(Section {
            id: "capacity",
            title: "Capacity",
            blocks: vec![Block::Table(answers(comparison))],
        });
    }
    all.push(Section { id: "differences", title: "What differs", blocks: differences(comparison) });
    if !comparison.cells.is_empty() {
        let warning = "Absolute figures of runs that were not interleaved: a change here may be anything.";
        let blocks = vec![Block::Text(warning.to_owned()), Block::Table(cells(comparison))];
        all.push(Section { id: "cells", title: "Cells", blocks });
    }
    all
}

fn summary(comparison: &Comparison) -> String {
    let mut numbers: BTreeMap<Outcome, usize> = BTreeMap::new();
    for outcome in comparison.outcomes() {
        *numbers.entry(outcome).or_default() += 1;
    }
    let each: Vec<String> =
        numbers.iter().map(|(outcome, number)| format!("{} ({number})", outcome.label())).collect();
    let said = |number: usize, what: &str, first: String| {
        format!("{}: {}. {first}", words::capital(&words::count(number, what)), words::list(&each))
    };
    match (comparison.claims.first(), comparison.answers.first()) {
        (Some(first), _) => said(comparison.claims.len(), "claim", first.sentence.clone()),
        (None, Some(first)) => said(comparison.answers.len(), "answer", first.to_string()),
        (None, None) => "Neither bundle claims anything.".to_owned(),
    }
}

fn claims(comparison: &Comparison) -> Table {
    let ratio = |side: Option<ClaimSide>| with_bounds(side.and_then(|side| side.ratio).as_ref());
    let verdict = |side: Option<ClaimSide>| side.map_or_else(|| NONE.to_owned(), |side| side.verdict());
    let rows = comparison.claims.iter().map(|claim| {
        let overlap = match claim.intervals_overlap {
            Some(true) => "overlap",
            Some(false) => "apart",
            None => NONE,
        };
        vec![
            claim.compared.clone(),
            claim.metric.clone(),
            ratio(claim.original),
            verdict(claim.original),
            ratio(claim.replica),
            verdict(claim.replica),
            overlap.to_owned(),
            claim.outcome.label().to_owned(),
        ]
    });
    Table {
        caption: "Claims of both: ratios within each bundle, with their intervals".to_owned(),
        columns: vec![
            Column::text("compared"),
            Column::text("metric"),
            Column::number("ratio, first"),
            Column::text("verdict, first"),
            Column::number("ratio, second"),
            Column::text("verdict, second"),
            Column::text("intervals"),
            Column::text("outcome"),
        ],
        rows: rows.collect(),
    }
}

fn answers(comparison: &Comparison) -> Table {
    let text = |side: &Option<AnswerSide>| side.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string);
    let rows = comparison.answers.iter().map(|held| {
        let outcome = held.outcome.label().to_owned();
        vec![held.cell.clone(), text(&held.original), text(&held.replica), outcome]
    });
    Table {
        caption: "The highest rate that is sustained, in both: held where both intervals share a rate"
            .to_owned(),
        columns: ["cell", "first", "second", "outcome"].map(Column::text).into(),
        rows: rows.collect(),
    }
}

fn differences(comparison: &Comparison) -> Vec<Block> {
    let list = |title: &str, differences: &[String]| match differences {
        [] => vec![Block::Text(format!("{title}: the same."))],
        some => vec![Block::Text(format!("{title}, first and second:")), Block::List(some.to_vec())],
    };
    let mut blocks = list("Plan", &comparison.plan_differences);
    blocks.extend(list("Machines and programs", &comparison.environment_differences));
    blocks
}

fn cells(comparison: &Comparison) -> Table {
    let rows = comparison.cells.iter().map(|change| {
        let value = |value| match metric::find(&change.metric) {
            Some(spec) => words::value(spec.unit, value),
            None => words::number(value),
        };
        vec![
            change.cell.clone(),
            change.metric.clone(),
            words::labelled(&value(change.first), change.first_is_emulated),
            words::labelled(&value(change.second), change.second_is_emulated),
            change.ratio.map_or_else(|| NONE.to_owned(), words::number),
        ]
    });
    Table {
        caption: "Cells of both: medians over runs".to_owned(),
        columns: vec![
            Column::text("cell"),
            Column::text("metric"),
            Column::number("first"),
            Column::number("second"),
            Column::number("second ÷ first"),
        ],
        rows: rows.collect(),
    }
}

//! The plan, and what really ran where.

use super::super::Report;
use super::super::table::{Column, Table};
use super::NONE;
use crate::environment::NodeEnvironment;
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// A setting may be a table of many lines.
fn short(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Factors and their levels.
pub(in crate::report) fn plan(report: &Report) -> Table {
    let rows = report.plan.factors.iter().flat_map(|factor| {
        factor.levels.iter().map(|level| {
            let settings = level.settings.iter().map(|(key, value)| format!("{key} = {}", short(value)));
            vec![factor.name.clone(), level.name.clone(), settings.collect::<Vec<_>>().join(", ")]
        })
    });
    Table {
        caption: "What was varied".to_owned(),
        columns: vec![Column::text("factor"), Column::text("level"), Column::text("sets")],
        rows: rows.collect(),
    }
}

/// What all cells had.
pub(in crate::report) fn settings(report: &Report) -> Option<Table> {
    let rows: Vec<Vec<String>> =
        report.plan.settings.iter().map(|(key, value)| vec![key.to_string(), short(value)]).collect();
    (!rows.is_empty()).then(|| Table {
        caption: "What all cells had, unless a level said otherwise".to_owned(),
        columns: vec![Column::text("setting"), Column::text("value")],
        rows,
    })
}

/// Which program ran for which cell, once for all runs in which it was the same.
pub(in crate::report) fn services(report: &Report) -> Option<Table> {
    let mut rows: BTreeMap<Vec<String>, BTreeSet<&str>> = BTreeMap::new();
    for run in &report.runs {
        for service in &run.record.services {
            let row = vec![
                service.name.clone(),
                words::labelled(&service.architecture, service.is_emulated),
                service.node.clone(),
                service.processors.clone().unwrap_or_else(|| "any".to_owned()),
                service.version.clone(),
                service.digest.clone().unwrap_or_else(|| NONE.to_owned()),
                service.restarts.to_string(),
            ];
            rows.entry(row).or_default().insert(&run.record.cell);
        }
    }
    let columns = ["service", "architecture", "node", "processors", "version", "digest", "restarts", "cells"];
    (!rows.is_empty()).then(|| Table {
        caption: "What ran".to_owned(),
        columns: columns.map(Column::text).into(),
        rows: rows
            .into_iter()
            .map(|(mut row, cells)| {
                row.push(cells.into_iter().collect::<Vec<_>>().join(", "));
                row
            })
            .collect(),
    })
}

/// The nodes as they were before the first run that tells.
pub(in crate::report) fn environments(report: &Report) -> Option<Table> {
    let mut nodes: BTreeMap<&str, &NodeEnvironment> = BTreeMap::new();
    for node in report.runs.iter().filter_map(|run| run.environments.as_ref()).flat_map(|both| &both.before) {
        nodes.entry(&node.node).or_insert(node);
    }
    let rows: Vec<Vec<String>> = nodes.into_values().map(node).collect();
    let columns = [
        "node",
        "architecture",
        "processor",
        "processors",
        "memory",
        "page",
        "kernel",
        "governor",
        "temperature",
    ];
    (!rows.is_empty()).then(|| Table {
        caption: "Nodes, before the first run".to_owned(),
        columns: columns.map(Column::text).into(),
        rows,
    })
}

fn node(node: &NodeEnvironment) -> Vec<String> {
    let bytes = |bytes: u64| words::value(crate::metric::Unit::Bytes, bytes as f64);
    vec![
        node.node.clone(),
        node.architecture.clone(),
        node.processor.clone().unwrap_or_else(|| NONE.to_owned()),
        node.processors.to_string(),
        bytes(node.memory_bytes),
        bytes(node.page_bytes),
        node.kernel.clone(),
        if node.governors.is_empty() { NONE.to_owned() } else { node.governors.join(", ") },
        node.temperature_celsius
            .map_or_else(|| NONE.to_owned(), |celsius| format!("{} °C", words::number(celsius))),
    ]
}

//! What is compared with what.

use super::factors::{unknown_factor, unknown_level};
use super::{fault, unknown_metric};
use crate::cell::{cells, compared};
use crate::metric;
use crate::plan::file::ComparisonTable;
use crate::plan::{Comparison, Factor, Plan};
use toml_file::Fault;

/// What users wait for, what it costs, and how much is done.
const METRICS_DEFAULT: [&str; 4] =
    ["accepted-to-queryable-p50", "accepted-to-queryable-p99", "response-time-p99", "cpu-per-event"];

pub(super) fn comparisons(written: &[ComparisonTable], factors: &[Factor]) -> Result<Vec<Comparison>, Fault> {
    if written.is_empty() {
        let default = |factor: &Factor| Comparison {
            factor: factor.name.clone(),
            baseline: factor.levels[0].name.clone(),
            metrics: METRICS_DEFAULT.map(str::to_owned).to_vec(),
        };
        return Ok(factors.first().map(default).into_iter().collect());
    }
    written.iter().map(|table| comparison(table, factors)).collect()
}

fn comparison(table: &ComparisonTable, factors: &[Factor]) -> Result<Comparison, Fault> {
    let Some(factor) = factors.iter().find(|factor| factor.name == *table.factor) else {
        return fault(&table.factor, unknown_factor(&table.factor, factors));
    };
    let baseline = match &table.baseline {
        None => factor.levels[0].name.clone(),
        Some(name) if factor.levels.iter().any(|level| level.name == **name) => name.to_string(),
        Some(name) => return fault(name, unknown_level(name, factor)),
    };
    if table.metrics.is_empty() {
        return fault(&table.metrics, "a comparison needs a metric or more");
    }
    if let Some(unknown) = table.metrics.iter().find(|name| metric::find(name).is_none()) {
        return fault(unknown, unknown_metric(unknown));
    }
    let is_named_before =
        |index: &usize| table.metrics[..*index].iter().any(|name| **name == *table.metrics[*index]);
    if let Some(index) = (0..table.metrics.len()).find(is_named_before) {
        let twice = &table.metrics[index];
        return fault(twice, format!("{:?} is named twice: each metric is compared once", **twice));
    }
    let metrics = table.metrics.iter().map(|name| name.to_string()).collect();
    Ok(Comparison { factor: factor.name.clone(), baseline, metrics })
}

/// Whether there is a pair of cells to compare.
pub(super) fn is_possible(comparison: &Comparison, plan: &Plan) -> bool {
    !compared(&cells(plan), comparison).is_empty()
}

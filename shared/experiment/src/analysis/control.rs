//! The A/A control.

use super::{Control, Selection};
use crate::cell::Cell;
use crate::plan::Plan;
use measurement::statistics::aa_check;
use std::collections::BTreeSet;

pub(super) fn control(plan: &Plan, cells: &[Cell], selection: &Selection<'_>) -> Option<Control> {
    let copy = cells.iter().find(|cell| cell.is_control)?;
    let original = cells.iter().find(|cell| !cell.is_control && cell.levels == copy.levels)?;
    let pairs = selection.pairs(&original.id, &copy.id);
    if pairs.is_empty() {
        return None;
    }
    let metrics: BTreeSet<&String> =
        plan.comparisons.iter().flat_map(|comparison| &comparison.metrics).collect();
    let mut control = Control { cell: copy.id.clone(), ratios: Default::default(), biased: Vec::new() };
    for metric in metrics {
        let values = pairs.iter().filter_map(|pair| {
            Some((pair.baseline.metrics.get(metric)?.value, pair.level.metrics.get(metric)?.value))
        });
        let (first, second): (Vec<f64>, Vec<f64>) = values.unzip();
        let check = aa_check(&first, &second).ok();
        if check.is_some_and(|check| check.biased) {
            control.biased.push(metric.clone());
        }
        control.ratios.insert(metric.clone(), check.map(|check| check.ratio));
    }
    Some(control)
}

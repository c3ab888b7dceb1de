//! Cells: the combinations of levels that are run.

use crate::plan::{Comparison, Plan, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A combination of one level of each factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cell {
    /// The levels in the order of the factors, joined by `/`: `arm64/5000`. An A/A control ends with `#2`.
    pub id: String,
    /// Factor → level.
    pub levels: BTreeMap<String, String>,
    /// All that is set: the plan's settings, and those of the levels, a later factor before an earlier one.
    pub settings: Settings,
    /// Whether it is the second copy of a cell, which can differ from the first by nothing but noise.
    pub is_control: bool,
}

/// All cells of a plan in the order of its factors, and after them the control: a copy of the first cell that has the
/// baseline of the first comparison.
#[must_use]
pub fn cells(plan: &Plan) -> Vec<Cell> {
    let empty = Cell {
        id: String::new(),
        levels: BTreeMap::new(),
        settings: plan.settings.clone(),
        is_control: false,
    };
    let mut all = vec![empty];
    for factor in &plan.factors {
        all = all
            .iter()
            .flat_map(|cell| factor.levels.iter().map(move |level| with_level(cell, &factor.name, level)))
            .collect();
    }
    all.retain(|cell| !plan.excluded.iter().any(|excluded| is_part_of(excluded, &cell.levels)));
    let control = plan.comparisons.first().and_then(|comparison| {
        let baseline = |cell: &&Cell| cell.levels.get(&comparison.factor) == Some(&comparison.baseline);
        all.iter().find(baseline).cloned()
    });
    all.extend(control.map(|cell| Cell { id: format!("{}#2", cell.id), is_control: true, ..cell }));
    all
}

/// The pairs of cells that a comparison is about: the one at its baseline, and one at another level of its factor that is the
/// same otherwise. In the order of the latter; the control is in none.
pub(crate) fn compared<'a>(cells: &'a [Cell], comparison: &Comparison) -> Vec<(&'a Cell, &'a Cell)> {
    let baseline_of = |level: &'a Cell| {
        let mut wanted = level.levels.clone();
        let own = wanted.insert(comparison.factor.clone(), comparison.baseline.clone())?;
        let is_wanted = |cell: &&Cell| !cell.is_control && cell.levels == wanted;
        let baseline = cells.iter().find(is_wanted).filter(|_| own != comparison.baseline)?;
        Some((baseline, level))
    };
    cells.iter().filter(|cell| !cell.is_control).filter_map(baseline_of).collect()
}

fn with_level(cell: &Cell, factor: &str, level: &crate::plan::Level) -> Cell {
    let mut cell = cell.clone();
    if !cell.id.is_empty() {
        cell.id.push('/');
    }
    cell.id.push_str(&level.name);
    cell.levels.insert(factor.to_owned(), level.name.clone());
    cell.settings.extend(level.settings.clone());
    cell
}

fn is_part_of(excluded: &BTreeMap<String, String>, levels: &BTreeMap<String, String>) -> bool {
    excluded.iter().all(|(factor, level)| levels.get(factor) == Some(level))
}

//! What a reader must know to judge the rest.

use super::judge::pairs_for_verdicts;
use super::{Claim, Control, PAIRS_MIN, Selection};
use crate::cell::Cell;
use crate::metric::{STAGES, Unit, WHOLE};
use crate::plan::Plan;
use crate::record::{Measured, RunRecord};
use crate::words;

pub(super) fn notes(
    plan: &Plan,
    cells: &[Cell],
    selection: &Selection<'_>,
    claims: &[Claim],
    control: Option<&Control>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if !plan.comparisons.is_empty() {
        of_blocks(plan, cells, selection, claims, &mut notes);
        controls(control, &mut notes);
    }
    emulation(cells, selection, &mut notes);
    clocks(selection, &mut notes);
    stages(cells, selection, &mut notes);
    for run in selection.strangers() {
        notes.push(format!(
            "run {} is of cell {}, which the plan does not have: not used",
            run.number, run.cell
        ));
    }
    notes
}

/// What is not there of the blocks that were planned, and what so few of them cannot tell.
fn of_blocks(
    plan: &Plan,
    cells: &[Cell],
    selection: &Selection<'_>,
    claims: &[Claim],
    notes: &mut Vec<String>,
) {
    for cell in cells {
        let missing: Vec<String> =
            selection.missing(&cell.id).iter().map(|block| block.to_string()).collect();
        if !missing.is_empty() {
            let blocks = if missing.len() == 1 { "block" } else { "blocks" };
            notes.push(format!("{} has no run to use in {blocks} {}", cell.id, words::list(&missing)));
        }
    }

    let blocks = selection.blocks();
    if blocks < plan.blocks.min as usize {
        notes.push(format!("{} of the {} blocks that were planned were begun", blocks, plan.blocks.min));
    }
    if blocks < PAIRS_MIN {
        notes.push(format!("fewer than {PAIRS_MIN} blocks: no comparison can be told with 95 % confidence"));
        return;
    }
    let needed = pairs_for_verdicts(claims.len());
    if blocks < needed {
        notes.push(format!(
            "{} claims are tested together, which needs {needed} blocks for any verdict, and there are {blocks}",
            claims.len()
        ));
    }
}

fn controls(control: Option<&Control>, notes: &mut Vec<String>) {
    match control {
        None => notes.push("there is no pair of the A/A control".to_owned()),
        Some(control) if !control.biased.is_empty() => notes.push(format!(
            "the A/A control is biased in {}: something other than what was varied makes a difference here",
            words::list(&control.biased)
        )),
        Some(_) => {}
    }
}

fn emulation(cells: &[Cell], selection: &Selection<'_>, notes: &mut Vec<String>) {
    let emulated: Vec<&str> = cells
        .iter()
        .filter(|cell| selection.of_cell(&cell.id).any(RunRecord::is_emulated))
        .map(|cell| cell.id.as_str())
        .collect();
    if !emulated.is_empty() {
        notes.push(format!(
            "emulated: {}. A processor translated the programs of another one; such times say nothing of real processors",
            words::list(&emulated)
        ));
    }
}

/// What the histograms round off, as a share.
pub(super) const ROUNDING: f64 = 0.005;

/// Cells whose stages do not add up to the whole: something that is no clock is wrong with them.
fn stages(cells: &[Cell], selection: &Selection<'_>, notes: &mut Vec<String>) {
    let us = |us: f64| words::value(Unit::Microseconds, us);
    for cell in cells {
        let worst =
            selection.of_cell(&cell.id).filter_map(gap).max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, sum, whole, error)) = worst.filter(|(excess, ..)| *excess > 0.0) {
            notes.push(format!(
                "the stages of {} add up to {} and the whole is {} in a run: further apart than its clocks, {}: do not use them",
                cell.id,
                us(sum),
                us(whole),
                us(error)
            ));
        }
    }
}

/// How much further the stages of a run are from its whole than its clocks and rounding allow; both, and the error of the clocks.
fn gap(run: &RunRecord) -> Option<(f64, f64, f64, f64)> {
    let parts: Option<Vec<&Measured>> = STAGES.iter().map(|(stage, _)| run.metrics.get(*stage)).collect();
    let (parts, whole) = (parts?, run.metrics.get(WHOLE)?);
    let sum: f64 = parts.iter().map(|part| part.value).sum();
    let error = parts.iter().map(|part| part.clock_error.abs()).fold(0.0, f64::max);
    let excess = (sum - whole.value).abs() - error - ROUNDING * whole.value.abs();
    Some((excess, sum, whole.value, error))
}

fn clocks(selection: &Selection<'_>, notes: &mut Vec<String>) {
    let errors =
        selection.all().flat_map(|run| run.metrics.values()).map(|measured| measured.clock_error.abs());
    let largest = errors.fold(0.0, f64::max);
    if largest > 0.0 {
        notes.push(format!(
            "times were taken by several clocks, and are wrong by up to {}",
            words::value(Unit::Microseconds, largest)
        ));
    }
}

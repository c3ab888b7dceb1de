//! How well the plan's question is answered so far: the ratios of the first comparison's first metric.

use crate::bundle::Order;
use crate::cell::Cell;
use crate::plan::Plan;
use crate::record::{RunRecord, Status};
use measurement::statistics::{CONFIDENCE, Decision, Interval, StoppingRule, log_ratios, ratio_of_logs};
use std::collections::BTreeMap;

/// The ratios that the answer is made of, by `CELL against CELL`, with the runs of blocks up to `block`. Those with too few
/// pairs for an interval are absent.
#[must_use]
pub fn answer(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> BTreeMap<String, Interval> {
    let with_interval =
        |(name, logs): (String, Vec<f64>)| Some((name, ratio_of_logs(&logs, CONFIDENCE).ok()?));
    logs(plan, order, records, block).into_iter().filter_map(with_interval).collect()
}

/// Whether all of them are known as well as the plan wants.
pub(super) fn is_narrow(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> bool {
    let rule = StoppingRule {
        blocks_min: plan.blocks.min as usize,
        blocks_max: plan.blocks.max as usize,
        half_width: plan.blocks.half_width,
        confidence: CONFIDENCE,
    };
    let logs = logs(plan, order, records, block);
    // With too few pairs, or ratios that do not exist, nothing is known.
    !logs.is_empty() && logs.values().all(|logs| matches!(rule.decide(logs), Ok(Decision::Precise(_))))
}

/// The log ratios of each pair of cells that differ in nothing but the first comparison's factor.
fn logs(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> BTreeMap<String, Vec<f64>> {
    let mut all = BTreeMap::new();
    let Some(comparison) = plan.comparisons.first() else { return all };
    let Some(metric) = comparison.metrics.first() else { return all };
    let others = |cell: &Cell| {
        let mut levels = cell.levels.clone();
        levels.remove(&comparison.factor);
        levels
    };
    let is_baseline = |cell: &Cell| cell.levels.get(&comparison.factor) == Some(&comparison.baseline);
    let cells: Vec<&Cell> = order.cells.iter().filter(|cell| !cell.is_control).collect();
    for baseline in cells.iter().filter(|cell| is_baseline(cell)) {
        for level in cells.iter().filter(|cell| !is_baseline(cell) && others(cell) == others(baseline)) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for block in 1..=block {
                let of = |cell: &Cell| value(records, block, &cell.id, metric);
                if let (Some(left), Some(right)) = (of(baseline), of(level)) {
                    first.push(left);
                    second.push(right);
                }
            }
            let logs = log_ratios(&first, &second).unwrap_or_default();
            all.insert(format!("{} against {}", level.id, baseline.id), logs);
        }
    }
    all
}

fn value(records: &[RunRecord], block: u32, cell: &str, metric: &str) -> Option<f64> {
    let is_wanted = |record: &&RunRecord| {
        record.block == block && record.cell == cell && record.verdict.status != Status::Invalid
    };
    records.iter().find(is_wanted)?.metrics.get(metric).map(|measured| measured.value)
}

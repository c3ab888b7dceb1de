//! How well the plan's question is answered so far: the ratios of the first comparison's first metric.

use super::blocks_min;
use crate::analysis::hidden;
use crate::bundle::Order;
use crate::cell::{Cell, compared};
use crate::metric::{self, MetricSpec};
use crate::plan::Plan;
use crate::record::{Measured, RunRecord, Status};
use measurement::statistics::{CONFIDENCE, Decision, Interval, StoppingRule, log_ratios, ratio_of_logs};
use std::collections::BTreeMap;

/// The ratios that the answer is made of, by `CELL against CELL`, with the runs of blocks up to `block`. Those with too few
/// pairs for an interval are absent.
#[must_use]
pub fn answer(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> BTreeMap<String, Interval> {
    let of_pair = |pair: Pair| Some((pair.name.clone(), ratio_of_logs(&pair.logs(), CONFIDENCE).ok()?));
    pairs(plan, order, records, block).into_iter().filter_map(of_pair).collect()
}

/// Whether all of them are known as well as the plan wants, by as many pairs as a verdict needs.
pub(super) fn is_narrow(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> bool {
    let rule = StoppingRule {
        blocks_min: blocks_min(plan, &order.cells) as usize,
        blocks_max: plan.blocks.max as usize,
        half_width: plan.blocks.half_width,
        confidence: CONFIDENCE,
    };
    let pairs = pairs(plan, order, records, block);
    // With too few pairs or samples, or ratios that do not exist, nothing is known.
    let is_known =
        |pair: &Pair| !pair.is_hidden() && matches!(rule.decide(&pair.logs()), Ok(Decision::Precise(_)));
    !pairs.is_empty() && pairs.iter().all(is_known)
}

/// Two cells that are compared, with the metric of the answer in their runs, block by block.
struct Pair {
    name: String,
    spec: MetricSpec,
    baseline: Vec<Measured>,
    level: Vec<Measured>,
}

impl Pair {
    /// Empty where a ratio does not exist.
    fn logs(&self) -> Vec<f64> {
        let values = |side: &[Measured]| side.iter().map(|measured| measured.value).collect::<Vec<_>>();
        log_ratios(&values(&self.baseline), &values(&self.level)).unwrap_or_default()
    }

    /// Whether a side has too few samples for the metric to be shown.
    fn is_hidden(&self) -> bool {
        let is_hidden =
            |side: &[Measured]| hidden(&self.spec, side.iter().map(|measured| measured.samples)).is_some();
        is_hidden(&self.baseline) || is_hidden(&self.level)
    }
}

fn pairs(plan: &Plan, order: &Order, records: &[RunRecord], block: u32) -> Vec<Pair> {
    let Some(comparison) = plan.comparisons.first() else { return Vec::new() };
    let Some(spec) = comparison.metrics.first().and_then(|name| metric::find(name)) else {
        return Vec::new();
    };
    let pair = |(baseline, level): (&Cell, &Cell)| {
        let of_block = |block: u32| {
            let of = |cell: &Cell| measured(records, block, &cell.id, &spec.name);
            Some((of(baseline)?, of(level)?))
        };
        let name = format!("{} against {}", level.id, baseline.id);
        let (baseline, level) = (1..=block).filter_map(of_block).unzip();
        Pair { name, spec: spec.clone(), baseline, level }
    };
    compared(&order.cells, comparison).into_iter().map(pair).collect()
}

fn measured(records: &[RunRecord], block: u32, cell: &str, metric: &str) -> Option<Measured> {
    let is_wanted = |record: &&RunRecord| {
        record.block == block && record.cell == cell && record.verdict.status != Status::Invalid
    };
    records.iter().find(is_wanted)?.metrics.get(metric).copied()
}

//! How far a campaign is: which run comes next, or why it is at its end. A function of the plan, the order and what is in the
//! bundle, so that a campaign that was interrupted goes on with the run that it would have gone on with.

mod answer;
#[cfg(test)]
mod tests;

pub use answer::answer;

use crate::analysis::{claims_planned, pairs_for_verdicts};
use crate::bundle::{End, Order};
use crate::cell::Cell;
use crate::order::PlannedRun;
use crate::plan::Plan;
use crate::record::{RunRecord, Status};
use std::collections::BTreeMap;

/// Attempts at one run: what is invalid three times is so for a reason that another attempt does not change.
pub const ATTEMPTS_MAX: u32 = 3;

/// What there is so far.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    pub records: &'a [RunRecord],
    /// Attempts without a record, by the number of the run.
    pub failed: &'a BTreeMap<u32, u32>,
    /// Seconds that the campaign has taken.
    pub spent_s: f64,
    /// Seconds that a run takes.
    pub run_s: f64,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next<'a> {
    Run { run: &'a PlannedRun, attempt: u32 },
    End(End),
}

/// Blocks one after the other; within a block its runs in their order, then those that are to be repeated, in turn, so that a
/// repetition is beside the runs that it is compared with.
#[must_use]
pub fn next<'a>(plan: &Plan, order: &'a Order, done: Done<'_>) -> Next<'a> {
    let is_in_time = done.spent_s + done.run_s <= plan.budget.time_s;
    let run_or_end = |run, attempts: u32| {
        if is_in_time { Next::Run { run, attempt: attempts + 1 } } else { Next::End(End::OutOfTime) }
    };
    let repeats: u32 = order.runs.iter().map(|run| attempts(run, done).saturating_sub(1)).sum();
    for block in 1..=plan.blocks.max {
        let of_block = || order.runs.iter().filter(|run| run.block == block);
        if let Some(run) = of_block().find(|run| attempts(run, done) == 0) {
            return run_or_end(run, 0);
        }
        let may_be_repeated = |run: &&PlannedRun| {
            !is_usable(run, done.records)
                && attempts(run, done) < ATTEMPTS_MAX
                && repeats < plan.budget.repeats
        };
        // In turn: where much is invalid, the budget for repetitions is not spent on one run.
        if let Some(run) = of_block().filter(may_be_repeated).min_by_key(|run| attempts(run, done)) {
            return run_or_end(run, attempts(run, done));
        }
        if block < plan.blocks.max && answer::is_narrow(plan, order, done.records, block) {
            return Next::End(End::Narrow);
        }
    }
    Next::End(End::AllBlocks)
}

/// The fewest blocks after which a campaign may end: those of the plan, or as many as a verdict needs on so many claims.
#[must_use]
pub fn blocks_min(plan: &Plan, cells: &[Cell]) -> u32 {
    let for_verdicts = pairs_for_verdicts(claims_planned(plan, cells));
    plan.blocks.min.max(u32::try_from(for_verdicts).unwrap_or(u32::MAX)).min(plan.blocks.max)
}

/// Runs that are at least still to come, were the campaign to take all blocks: for an estimate of its end.
#[must_use]
pub fn runs_left(order: &Order, done: Done<'_>) -> usize {
    order.runs.iter().filter(|run| attempts(run, done) == 0).count()
}

/// The last block of which all runs were tried, or 0.
#[must_use]
pub fn blocks_ended(plan: &Plan, order: &Order, done: Done<'_>) -> u32 {
    let open = order.runs.iter().find(|run| attempts(run, done) == 0);
    open.map_or(plan.blocks.max, |run| run.block - 1)
}

fn attempts(run: &PlannedRun, done: Done<'_>) -> u32 {
    let recorded = done.records.iter().filter(|record| record.number == run.number).count();
    let failed = done.failed.get(&run.number).copied().unwrap_or_default();
    u32::try_from(recorded).unwrap_or(u32::MAX).saturating_add(failed)
}

fn is_usable(run: &PlannedRun, records: &[RunRecord]) -> bool {
    records.iter().any(|record| record.number == run.number && record.verdict.status != Status::Invalid)
}

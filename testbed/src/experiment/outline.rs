//! What a plan comes to, before anything runs: cells, order, time, and what could be concluded from it.

#[cfg(test)]
mod tests;

use crate::console::{clock, seconds};
use experiment::bundle::Order;
use experiment::capacity::{runs_max, runs_usual};
use experiment::metric::{self, Unit};
use experiment::plan::Plan;
use experiment::progress::blocks_min;
use std::fmt::{self, Write as _};
use std::time::Duration;

/// Fewer pairs have no interval of 95 %.
const PAIRS_MIN: u32 = 6;
/// Level of the tests.
const ALPHA: f64 = 0.05;
/// Blocks whose order is shown.
const BLOCKS_SHOWN: u32 = 3;

/// The outline of a plan, as text. `claims` is how many comparisons of metrics it makes.
#[must_use]
pub fn outline(plan: &Plan, claims: usize) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    write(&mut text, plan, &Order::of(plan), claims).unwrap_or_default();
    text
}

fn write(out: &mut String, plan: &Plan, order: &Order, claims: usize) -> fmt::Result {
    writeln!(out, "{}: {}", plan.name, plan.question)?;
    writeln!(out, "\ncells")?;
    // A search finds its limit by itself: a second copy shows nothing.
    for cell in order.cells.iter().filter(|cell| plan.capacity.is_none() || !cell.is_control) {
        let settings: Vec<String> =
            cell.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let control = if cell.is_control { "  (A/A control: a second copy, to show noise)" } else { "" };
        writeln!(out, "  {}{control}", cell.id)?;
        if !cell.is_control {
            writeln!(out, "    {}", settings.join(", "))?;
        }
    }
    if let Some(capacity) = plan.capacity {
        return search(out, plan, &capacity, order);
    }
    blocks(out, plan, order)?;
    writeln!(out, "\ncompared")?;
    for comparison in &plan.comparisons {
        let metrics = comparison.metrics.join(", ");
        writeln!(out, "  each {} with {}, by {metrics}", comparison.factor, comparison.baseline)?;
    }
    writeln!(out, "  {claims} claims in all; the answer is the first metric of the first comparison")?;
    writeln!(out, "\nwhat can be concluded")?;
    possible(out, plan, claims)
}

fn blocks(out: &mut String, plan: &Plan, order: &Order) -> fmt::Result {
    let blocks = match (blocks_min(plan, &order.cells), plan.blocks.max) {
        (min, max) if min == max => format!("{min} blocks"),
        (min, max) => format!(
            "{min} to {max} blocks, until the answer is known to ±{} %",
            (plan.blocks.half_width * 1000.0).round() / 10.0
        ),
    };
    writeln!(out, "\norder: {blocks}, each with all cells in an order of its own (seed {})", plan.seed)?;
    for block in 1..=plan.blocks.max.min(BLOCKS_SHOWN) {
        let cells: Vec<&str> =
            order.runs.iter().filter(|run| run.block == block).map(|run| run.cell.as_str()).collect();
        writeln!(out, "  {block}: {}", cells.join("  "))?;
    }
    if plan.blocks.max > BLOCKS_SHOWN {
        writeln!(out, "  …")?;
    }
    let (least, most) = (time(plan.expected_min_s()), time(plan.expected_s()));
    let range = if least == most { least } else { format!("{least} to {most}") };
    writeln!(
        out,
        "\ntime: {} runs of about {:.0} s: {range}; at most {}, with up to {} repetitions of invalid runs",
        order.runs.len(),
        plan.run_s(),
        time(plan.budget.time_s),
        plan.budget.repeats
    )
}

fn search(
    out: &mut String,
    plan: &Plan,
    capacity: &experiment::plan::Capacity,
    order: &Order,
) -> fmt::Result {
    let cells = order.cells.iter().filter(|cell| !cell.is_control).count();
    writeln!(
        out,
        "\nsearch in each cell: from {} to {} events a second, to {} %, both ends confirmed by {} runs or more",
        capacity.from,
        capacity.to,
        capacity.precision * 100.0,
        capacity.confirm
    )?;
    for slo in &plan.slos {
        let is_time = metric::find(&slo.metric).is_some_and(|metric| metric.unit == Unit::Microseconds);
        let max = if is_time { seconds(slo.max / 1e6) } else { slo.max.to_string() };
        writeln!(out, "  sustained: {} is at most {max}", slo.metric)?;
    }
    writeln!(out, "  sustained: the audit passes, and the backlog does not grow")?;
    let (usual, most) = (cells * runs_usual(capacity), cells * runs_max(capacity));
    writeln!(
        out,
        "\ntime: {usual} runs of about {:.0} s are usual, and {most} the most: {}; at most {}",
        plan.run_s(),
        time(usual as f64 * plan.run_s()),
        time(plan.budget.time_s)
    )
}

fn possible(out: &mut String, plan: &Plan, claims: usize) -> fmt::Result {
    let (min, max) = (blocks_min(plan, &experiment::cell::cells(plan)), plan.blocks.max);
    if max < PAIRS_MIN {
        return writeln!(
            out,
            "  nothing: {max} pairs have no 95 % interval, whatever they are; give {PAIRS_MIN} blocks or more"
        );
    }
    writeln!(out, "  ratios with 95 % intervals, each from {} pairs or more", min.max(PAIRS_MIN))?;
    // The smallest p of a signed-rank test of n pairs is 2 / 2^n; Holm multiplies it by the number of claims.
    let smallest = 2.0 * libm::exp2(-f64::from(max)) * claims as f64;
    let needed = (2.0 * claims as f64 / ALPHA).log2().ceil();
    if smallest > ALPHA {
        writeln!(
            out,
            "  no difference can be significant among {claims} claims: give {needed:.0} blocks or more, or compare less"
        )
    } else {
        writeln!(
            out,
            "  differences, even the only one among {claims} claims (smallest adjusted p {smallest:.4}, where {ALPHA} is asked for)",
        )?;
        if plan.blocks.min < min {
            writeln!(
                out,
                "  at least {min} blocks are run, for fewer cannot show any difference among {claims} claims"
            )?;
        }
        Ok(())
    }
}

fn time(seconds: f64) -> String {
    clock(Duration::from_secs_f64(seconds))
}

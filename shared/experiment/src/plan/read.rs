//! From what is written to a plan that is complete, or a fault at its place.

mod comparisons;
mod factors;
mod settings;

use super::file::{BlocksValue, ExperimentFile, SloValue};
use super::{Blocks, Budget, Capacity, PLAN_VERSION, Plan, Slo, Timing};
use crate::capacity::{runs_max, runs_usual};
use crate::cell::cells;
use crate::metric::{self, Unit};
use crate::trace::traces;
use std::path::Path;
use toml_file::{Fault, FileError, Located, Seconds, TomlFile};

/// Repetitions where the plan says nothing.
const BLOCKS_DEFAULT: u32 = 10;
const BLOCKS_MAX: u32 = 100;
/// Cells beyond it are a mistake: at a minute a run and ten blocks they take a week.
const CELLS_MAX: usize = 1000;
/// Combinations that are built before those of exclude are left out.
const COMBINATIONS_MAX: usize = 10 * CELLS_MAX;
const HALF_WIDTH_DEFAULT: f64 = 0.02;
const PRECISION_DEFAULT: f64 = 0.05;
const CONFIRM_DEFAULT: u32 = 3;
/// A slope needs ten points, one a second, and some may be missing.
const SEARCH_MEASURE_MIN_S: f64 = 15.0;
/// A day: what is longer is written in minutes by mistake.
const SECONDS_MAX: f64 = 86_400.0;
/// A year: what is longer was not meant.
const BUDGET_MAX_S: f64 = 365.0 * 86_400.0;

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// A file that cannot be read, and whatever is wrong in it, at its place.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::of(&TomlFile::read(path)?)
    }

    /// Reads the text of a plan; `path` is for messages.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn parse(path: &Path, text: String) -> Result<Self, FileError> {
        Self::of(&TomlFile::new(path, text))
    }

    fn of(source: &TomlFile) -> Result<Self, FileError> {
        let file: ExperimentFile = source.parse(|_| Ok(()))?;
        let plan = plan(&file).map_err(|fault| source.error(fault))?;
        traces_exist(&plan, source).map_err(|fault| source.error(fault))?;
        Ok(plan)
    }
}

fn traces_exist(plan: &Plan, source: &TomlFile) -> Result<(), Fault> {
    let is_missing = |trace: &&str| !source.directory().join(trace).is_file();
    let Some(trace) = traces(plan).into_iter().find(is_missing) else { return Ok(()) };
    let start = source.text().find(trace).unwrap_or(0);
    let message = format!("the trace {trace} is not there: its path is that from the folder of the plan");
    Err(Fault::new(start..start + trace.len(), message))
}

fn plan(file: &ExperimentFile) -> Result<Plan, Fault> {
    let name = file.name.as_str();
    let is_name =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return fault(&file.name, "a name has a-z, 0-9 and - only: it names directories");
    }
    if file.question.trim().is_empty() {
        return fault(
            &file.question,
            "the question is empty: say what is to be found out, as it heads the report",
        );
    }
    let factors = factors::factors(&file.factors)?;
    let combinations =
        factors.iter().fold(1_usize, |product, factor| product.saturating_mul(factor.levels.len()));
    if combinations > COMBINATIONS_MAX {
        let message = format!(
            "these are {combinations} combinations of levels, more than {COMBINATIONS_MAX}: leave factors or levels out"
        );
        return fault(&file.factors, message);
    }
    let excluded = factors::excluded(&file.exclude, &factors)?;
    let comparisons = comparisons::comparisons(&file.comparisons, &factors)?;
    let mut plan = Plan {
        version: PLAN_VERSION,
        name: name.to_owned(),
        question: file.question.trim().to_owned(),
        seed: file.seed.unwrap_or(1),
        blocks: blocks(file.blocks.as_ref())?,
        timing: timing(file)?,
        budget: Budget::default(),
        settings: settings::settings(&file.settings)?,
        factors,
        excluded,
        comparisons,
        slos: slos(file)?,
        capacity: capacity(file)?,
    };
    let number = cells(&plan).len();
    if number > CELLS_MAX {
        return fault(
            &file.factors,
            format!("these are {number} cells, more than {CELLS_MAX}: leave levels out, or use exclude"),
        );
    }
    if let Some(comparison) =
        plan.comparisons.iter().find(|comparison| !comparisons::is_possible(comparison, &plan))
    {
        let message = format!(
            "after exclude nothing is left to compare with {} of {}",
            comparison.baseline, comparison.factor
        );
        return fault(&file.factors, message);
    }
    plan.budget = budget(file, &plan)?;
    Ok(plan)
}

fn fault<T, R>(place: &Located<T>, message: impl Into<String>) -> Result<R, Fault> {
    Err(Fault::new(place.span(), message))
}

fn blocks(written: Option<&Located<BlocksValue>>) -> Result<Blocks, Fault> {
    let Some(written) = written else {
        return Ok(Blocks { min: BLOCKS_DEFAULT, max: BLOCKS_DEFAULT, half_width: HALF_WIDTH_DEFAULT });
    };
    let blocks = match **written {
        BlocksValue::Number(number) => Blocks { min: number, max: number, half_width: HALF_WIDTH_DEFAULT },
        BlocksValue::Range(range) => Blocks {
            min: range.min,
            max: range.max,
            half_width: range.half_width.unwrap_or(HALF_WIDTH_DEFAULT),
        },
    };
    if blocks.min < 1 || blocks.max > BLOCKS_MAX || blocks.min > blocks.max {
        return fault(written, format!("blocks are 1 to {BLOCKS_MAX}, and min is not above max"));
    }
    if !(blocks.half_width > 0.0 && blocks.half_width < 1.0) {
        return fault(written, "half-width is a share between 0 and 1: 0.02 for an interval of ±2 %");
    }
    Ok(blocks)
}

fn timing(file: &ExperimentFile) -> Result<Timing, Fault> {
    let table = &file.timing;
    let timing = Timing {
        warm_up_s: seconds(table.warm_up.as_ref(), 10.0)?,
        measure_s: seconds(table.measure.as_ref(), 60.0)?,
        cool_down_s: seconds(table.cool_down.as_ref(), 2.0)?,
        overhead_s: seconds(table.overhead.as_ref(), 4.0)?,
        drain_timeout_s: seconds(table.drain_timeout.as_ref(), 60.0)?,
    };
    match &table.measure {
        // The series that show whether a run is steady have a value a second.
        Some(measure) if timing.measure_s < 5.0 => fault(measure, "at least 5s must be measured"),
        _ => Ok(timing),
    }
}

fn seconds(written: Option<&Located<Seconds>>, default_s: f64) -> Result<f64, Fault> {
    match written {
        None => Ok(default_s),
        Some(written) if written.0 > SECONDS_MAX => {
            fault(written, "no part of a run may take more than a day")
        }
        Some(written) => Ok(written.0),
    }
}

fn budget(file: &ExperimentFile, plan: &Plan) -> Result<Budget, Fault> {
    let runs = u32::try_from(cells(plan).len()).unwrap_or(u32::MAX).saturating_mul(plan.blocks.max);
    let cells_searched = cells(plan).iter().filter(|cell| !cell.is_control).count() as f64;
    let searches_s = |runs: fn(&Capacity) -> usize| {
        plan.capacity.map(|capacity| cells_searched * runs(&capacity) as f64 * plan.run_s())
    };
    let expected_s = plan.expected_s().max(searches_s(runs_max).unwrap_or_default());
    // A search has no blocks; it takes what is usual where no run contradicts another.
    let least_s = searches_s(runs_usual).unwrap_or_else(|| plan.expected_min_s());
    let budget = Budget {
        time_s: file.budget.time.as_ref().map_or(2.0 * expected_s, |time| time.0),
        repeats: file.budget.repeats.unwrap_or_else(|| runs.div_ceil(5)),
    };
    match &file.budget.time {
        Some(time) if budget.time_s > BUDGET_MAX_S => fault(time, "no experiment may take more than a year"),
        Some(time) if budget.time_s < least_s => {
            let message = format!(
                "the plan takes at least {:.0} min, longer than its budget: fewer cells, blocks or seconds, or a larger budget",
                least_s / 60.0
            );
            fault(time, message)
        }
        _ => Ok(budget),
    }
}

fn slos(file: &ExperimentFile) -> Result<Vec<Slo>, Fault> {
    let slo = |(name, bound): (&String, &Located<SloValue>)| {
        let Some(metric) = metric::find(name) else {
            return fault(bound, unknown_metric(name));
        };
        let max = match **bound {
            SloValue::Number(number) => number,
            SloValue::Time(time) if metric.unit == Unit::Microseconds => time.0 * 1e6,
            SloValue::Time(_) => return fault(bound, format!("{name} is no time: give a number")),
        };
        if !(max.is_finite() && max >= 0.0) {
            return fault(
                bound,
                format!("{name} is bounded by {max}: a bound is a finite number, 0 or more"),
            );
        }
        Ok(Slo { metric: name.clone(), max })
    };
    file.slos.iter().map(slo).collect()
}

/// Names a metric that does not exist, and those that begin like it.
fn unknown_metric(name: &str) -> String {
    let stem = name.split('-').next().unwrap_or_default();
    let all = metric::catalogue();
    let alike: Vec<&str> =
        all.iter().map(|metric| metric.name.as_str()).filter(|known| known.starts_with(stem)).collect();
    let known = if stem.is_empty() || alike.is_empty() {
        all.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
    } else {
        alike.join(", ")
    };
    format!("there is no metric {name:?}: {known}")
}

fn capacity(file: &ExperimentFile) -> Result<Option<Capacity>, Fault> {
    let Some(written) = &file.capacity else { return Ok(None) };
    let capacity = Capacity {
        from: written.from,
        to: written.to,
        precision: written.precision.unwrap_or(PRECISION_DEFAULT),
        confirm: written.confirm.unwrap_or(CONFIRM_DEFAULT),
    };
    if !(capacity.from > 0.0 && capacity.from < capacity.to && capacity.to.is_finite()) {
        return fault(written, "a search goes from a rate above 0 to a higher one");
    }
    if !(0.005..=0.5).contains(&capacity.precision) {
        return fault(written, "precision is a share from 0.005 to 0.5: 0.05 for an answer that is 5 % wide");
    }
    if !(1..=20).contains(&capacity.confirm) {
        return fault(written, "confirm is 1 to 20 runs");
    }
    if timing(file)?.measure_s < SEARCH_MEASURE_MIN_S {
        let message = "a search looks at how the backlog grows and needs 15 s of it: raise timing.measure";
        return fault(written, message);
    }
    if file.slos.is_empty() {
        return fault(written, "a rate is sustained where it meets every SLO, and there is none: add [slos]");
    }
    Ok(Some(capacity))
}

#[cfg(test)]
mod tests;

//! What each cell came to by itself.

use super::{CellFigures, Figure, RunValue, Selection};
use crate::cell::Cell;
use crate::metric::{self, MetricSpec};
use crate::record::{Measured, RunRecord, Status};
use crate::words;
use measurement::statistics::{self, CONFIDENCE, quantile_interval};

pub(super) fn figures(cells: &[Cell], selection: &Selection<'_>) -> Vec<CellFigures> {
    let catalogue = metric::catalogue();
    cells.iter().map(|cell| figures_of(cell, selection, &catalogue)).collect()
}

fn figures_of(cell: &Cell, selection: &Selection<'_>, catalogue: &[MetricSpec]) -> CellFigures {
    let runs: Vec<&RunRecord> = selection.of_cell(&cell.id).collect();
    let count = |is: fn(&RunRecord) -> bool| runs.iter().filter(|run| is(run)).count();
    let metrics = catalogue.iter().filter_map(|spec| Some((spec.name.clone(), figure(spec, &runs)?)));
    CellFigures {
        cell: cell.id.clone(),
        levels: cell.levels.clone(),
        is_control: cell.is_control,
        is_emulated: count(RunRecord::is_emulated) > 0,
        runs: runs.len(),
        suspect: count(|run| run.verdict.status == Status::Suspect),
        unsteady: count(|run| run.steady_from_s.is_none()),
        metrics: metrics.collect(),
    }
}

fn figure(spec: &MetricSpec, runs: &[&RunRecord]) -> Option<Figure> {
    let measured: Vec<(u32, Measured)> =
        runs.iter().filter_map(|run| Some((run.block, *run.metrics.get(&spec.name)?))).collect();
    let values: Vec<f64> = measured.iter().map(|(_, measured)| measured.value).collect();
    Some(Figure {
        median: median(&values)?,
        interval: quantile_interval(&values, values.len() as f64, 0.5, CONFIDENCE).ok(),
        hidden: hidden(spec, measured.iter().map(|(_, measured)| measured.samples)),
        values: measured.iter().map(|&(block, Measured { value, .. })| RunValue { block, value }).collect(),
    })
}

/// Why a statistic is not shown: the middle one of the runs has too few samples behind it. Runs are not left out one by one,
/// as those with many slow requests are those with few effective samples, and leaving them out would flatter the cell.
pub(crate) fn hidden(spec: &MetricSpec, samples: impl Iterator<Item = f64>) -> Option<String> {
    let middle = median(&samples.collect::<Vec<_>>())?;
    (middle < spec.samples_min as f64).then(|| {
        format!(
            "{} needs {} effective samples in a run and has {}: measure longer, or send more",
            spec.name,
            words::integer(spec.samples_min as f64),
            words::integer(middle.floor())
        )
    })
}

/// None of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| statistics::median(values))
}

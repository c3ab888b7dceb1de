//! What the tables of a report say.

mod conclusions;
mod facts;
mod figures;
mod runs;

pub(crate) use conclusions::compared;
pub(super) use conclusions::{claims, control, reservations, sensitivity};
pub(super) use facts::{environments, plan, services, settings};
pub(crate) use figures::important;
pub(super) use figures::{bounds, cells, costs, stages};
pub(super) use runs::{attempts, doubted};

/// The column of the ids of cells, by what they are made of: `placement/rate`.
fn cell_column(report: &super::Report) -> super::table::Column {
    let factors: Vec<&str> = report.plan.factors.iter().map(|factor| factor.name.as_str()).collect();
    let rate = if report.capacity.is_some() { "@rate" } else { "" };
    super::table::Column::text(format!("{}{rate}", factors.join("/")))
}

/// What there is no number of.
pub(crate) const NONE: &str = "–";

/// An estimate with the bounds of its interval: `1.84 (1.79 to 1.90)`.
pub(crate) fn with_bounds(ratio: Option<&measurement::statistics::Interval>) -> String {
    ratio.map_or_else(
        || NONE.to_owned(),
        |ratio| format!("{} ({})", crate::words::estimate(ratio), crate::words::bounds(ratio)),
    )
}

//! `testbed experiment capacity`: the highest rate that each cell of a plan sustains.

use super::carry_out::{self, new_directory};
use super::place::PlaceArgs;
use super::source::{self, cells_with_traces};
use crate::experiment::campaign::begin;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `testbed experiment capacity`.
#[derive(Debug, Args)]
pub(super) struct CapacityArgs {
    /// The plan, with [capacity] and [slos]: a file, a folder, or the name of a folder in experiments
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Directory of the new bundle [default: bundles/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: &CapacityArgs) -> anyhow::Result<ExitCode> {
    let source = source::read(&args.plan, args.place.target, true)?;
    let mut place = args.place.prepare(&cells_with_traces(&source.plan, &source.folder)?).await?;
    let directory = new_directory(args.out.as_deref(), &source.plan.name);
    let mut writer = begin(&directory, &source.text, &source.plan, place.kind())?;
    writer.take_traces(&source.plan, &source.folder)?;
    carry_out::search(&source.plan, &mut writer, Vec::new(), &mut place).await
}

//! `testbed experiment run`: a plan, carried out into a new bundle.

use super::carry_out::{self, new_directory};
use super::place::PlaceArgs;
use super::source::{self, cells_with_traces};
use crate::experiment::campaign::begin;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `testbed experiment run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The plan: a file, a folder with experiment.toml or local.toml, or the name of a folder in experiments
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Directory of the new bundle [default: bundles/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let source = source::read(&args.plan, args.place.target, false)?;
    let mut place = args.place.prepare(&cells_with_traces(&source.plan, &source.folder)?).await?;
    let directory = new_directory(args.out.as_deref(), &source.plan.name);
    let mut writer = begin(&directory, &source.text, &source.plan, place.kind())?;
    writer.take_traces(&source.plan, &source.folder)?;
    carry_out::campaign(&source.plan, &mut writer, Vec::new(), false, &mut place).await
}

//! `testbed experiment run` and `testbed experiment capacity`: a plan, carried out into a new bundle.

use super::carry_out::{self, NewBundleArgs};
use super::source::{self, cells_with_traces};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of both commands.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The plan: a file, a folder with experiment.toml or local.toml, or the name of a folder in experiments
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    bundle: NewBundleArgs,
}

/// `is_search` where the highest rate of each cell is looked for, which the plan has to ask for.
pub(super) async fn run(args: &RunArgs, is_search: bool) -> anyhow::Result<ExitCode> {
    let place = &args.bundle.place;
    let source = source::read(&args.plan, place.target, is_search)?;
    let mut place = place.prepare(&cells_with_traces(&source.plan, &source.folder)?).await?;
    let mut writer = args.bundle.begin(&source.text, &source.plan, &source.folder, place.kind())?;
    carry_out::carry_out(&source.plan, &mut writer, Vec::new(), false, &mut place).await
}

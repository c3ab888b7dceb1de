//! `testbed experiment resume`: a campaign or a search that was interrupted goes on.

use super::carry_out;
use super::place::{PlaceArgs, PlaceName};
use super::source::cells_with_traces;
use crate::console::complain;
use crate::experiment::campaign::{Unresumable, resume};
use clap::Args;
use experiment::bundle::{Bundle, TRACES};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `testbed experiment resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The bundle's directory
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Go on by another testbed, on another machine, or with other programs than before: it is recorded, and the runs are marked
    #[arg(long)]
    accept_changes: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    // Before anything is written: what cannot be carried out here leaves the bundle as it is.
    let (head, plan, traces) = {
        let bundle = Bundle::open(&args.bundle)?;
        let traces = bundle.directory().join(TRACES);
        (bundle.head, bundle.plan, traces)
    };
    if args.place.target != PlaceName::from(head.target) {
        let right = if args.place.target == PlaceName::Local { "cluster" } else { "local" };
        let message = format!("it was begun on another target: add --target {right}");
        return Err(Unresumable { path: args.bundle.clone(), message }.into());
    }
    let mut place = args.place.prepare(&cells_with_traces(&plan, &traces)?).await?;
    let mut resumed = resume(&args.bundle, args.accept_changes)?;
    for change in &resumed.changes {
        complain(&format!("{change}; it is recorded"));
    }
    let (writer, records) = (&mut resumed.writer, resumed.records);
    carry_out::carry_out(&plan, writer, records, args.accept_changes, &mut place).await
}

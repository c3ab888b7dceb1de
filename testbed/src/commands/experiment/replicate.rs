//! `testbed experiment replicate`: the plan of a bundle, carried out again, and what became of its claims or answers.

use super::carry_out::{self, NewBundleArgs};
use super::source::{self, UnusablePlan, cells_with_traces};
use crate::console::say;
use clap::Args;
use experiment::analysis::{Analysis, analyse};
use experiment::bundle::{Bundle, TRACES};
use experiment::capacity::{self, Searched};
use experiment::{compare, report};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `testbed experiment replicate`.
#[derive(Debug, Args)]
pub(super) struct ReplicateArgs {
    /// The bundle: its directory or its archive
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    new: NewBundleArgs,
}

pub(super) async fn run(args: &ReplicateArgs) -> anyhow::Result<ExitCode> {
    let original = Bundle::open(&args.bundle)?;
    let plan = &original.plan;
    let is_search = plan.capacity.is_some();
    source::check(plan, is_search).map_err(|message| UnusablePlan { path: args.bundle.clone(), message })?;
    let answers = report::capacity(&original)?;
    let traces = original.directory().join(TRACES);
    let mut place = args.new.place.prepare(&cells_with_traces(plan, &traces)?).await?;
    let mut writer = args.new.begin(&original.source, plan, &traces, place.kind())?;
    let code = carry_out::carry_out(plan, &mut writer, Vec::new(), false, &mut place).await?;
    let directory = writer.directory().to_owned();
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    drop(writer);
    let replica = Bundle::open(&directory)?;
    for bundle in [&original, &replica].into_iter().filter(|bundle| !bundle.is_sealed) {
        let path = bundle.directory().display();
        say(&format!("{path} has no checksums: it is unfinished, and nothing shows that it was not changed"));
    }
    if let Some((first, second)) = answers.zip(report::capacity(&replica)?) {
        let original = Searched { results: &first, records: &original.records() };
        let replica = Searched { results: &second, records: &replica.records() };
        for answer in capacity::held(original, replica) {
            say(&answer.to_string());
        }
    } else {
        for claim in compare::held(&analysis(&original), &analysis(&replica)) {
            say(&claim.sentence);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn analysis(bundle: &Bundle) -> Analysis {
    analyse(&bundle.plan, &bundle.order.cells, &bundle.records())
}

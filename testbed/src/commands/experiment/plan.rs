//! `testbed experiment plan`: what a plan comes to, before anything runs.

use super::place::PlaceName;
use super::source;
use crate::console::say;
use crate::experiment::outline::outline;
use clap::Args;
use experiment::analysis::claims_planned;
use experiment::cell::cells;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `testbed experiment plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The plan: a file, a folder with experiment.toml or local.toml, or the name of a folder in experiments
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Where it would be carried out; local takes local.toml of a folder that has one, cluster experiment.toml
    #[arg(long, value_enum, default_value_t = PlaceName::Local)]
    target: PlaceName,
    /// Print the plan with all defaults, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let plan = source::read_any(&args.plan, args.target)?.plan;
    if args.json {
        say(&serde_json::to_string_pretty(&plan)?);
    } else {
        say(outline(&plan, claims_planned(&plan, &cells(&plan))).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

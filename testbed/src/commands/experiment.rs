//! `testbed experiment`: from a plan to a bundle.

mod carry_out;
mod place;
mod plan;
mod replicate;
mod resume;
mod run;
mod schema;
mod settings;
mod source;
mod watch;

use crate::console::complain;
use crate::experiment::campaign::Unresumable;
use clap::{Args, Subcommand};
use experiment::bundle::BundleError;
use service::config::EXIT_USAGE;
use std::process::ExitCode;
use toml_file::FileError;

/// Of a command that was ended by Ctrl-C, as shells have it: 128 and the number of the signal.
const EXIT_INTERRUPTED: u8 = 130;

/// Arguments of `testbed experiment`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Exit status: 0 it came to its end, 130 it was interrupted and can be resumed, 64 the plan or the bundle cannot be \
                  used, 1 it could not be carried out."
)]
pub struct ExperimentArgs {
    #[command(subcommand)]
    command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
enum ExperimentCommand {
    /// Show what a plan comes to: cells, order, time, and what could be concluded
    Plan(plan::PlanArgs),
    /// Carry a plan out into a new bundle
    Run(Box<run::RunArgs>),
    /// Go on with a bundle whose campaign was interrupted
    Resume(Box<resume::ResumeArgs>),
    /// Find the highest rate that each cell of a plan with [capacity] and [slos] sustains
    Capacity(Box<run::RunArgs>),
    /// Carry the plan of a bundle out again, here, and say for each claim whether it held
    Replicate(Box<replicate::ReplicateArgs>),
    /// List all that a plan can set, and all metrics, in Markdown
    Settings,
    /// Print the JSON schema of experiment.toml
    Schema,
}

/// Carries the command out. A plan or a bundle that cannot be used exits with 64, as a bad argument does.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn run(args: &ExperimentArgs) -> anyhow::Result<ExitCode> {
    let done = match &args.command {
        ExperimentCommand::Plan(args) => plan::run(args),
        ExperimentCommand::Run(args) => run::run(args, false).await,
        ExperimentCommand::Resume(args) => resume::run(args).await,
        ExperimentCommand::Capacity(args) => run::run(args, true).await,
        ExperimentCommand::Replicate(args) => replicate::run(args).await,
        ExperimentCommand::Settings => settings::run(),
        ExperimentCommand::Schema => schema::run(),
    };
    done.or_else(|error| {
        let is_unusable = error.is::<FileError>()
            || error.is::<source::UnusablePlan>()
            || error.is::<Unresumable>()
            || error
                .downcast_ref::<BundleError>()
                .is_some_and(|error| !matches!(error, BundleError::Io { .. }));
        if !is_unusable {
            return Err(error);
        }
        complain(&format!("{error:#}"));
        Ok(ExitCode::from(EXIT_USAGE))
    })
}

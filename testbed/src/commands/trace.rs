//! `testbed trace`: the way of one event, hop by hop.

mod timeline;

use crate::console::say;
use crate::spans::files::TraceFiles;
use crate::spans::journey::Journey;
use crate::stack::arguments::Environment;
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use timeline::Timeline;

/// Narrower lines would not reach the names of the hops.
const WIDTH_MIN: u16 = 80;

/// Arguments of `testbed trace`.
#[derive(Debug, Args)]
#[command(
    after_help = "Only sampled events have a trace: run `testbed up --telemetry full` to sample all.\n\
    Exit status: 0 found, 1 there is no such trace."
)]
pub struct TraceArgs {
    /// Id of the event, its position in the stream, or the id of its trace
    #[arg(value_name = "EVENT-ID")]
    id: String,
    /// Directory of the testbed, as for `testbed up` [default: ~/.local/state/testbed]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Directory with files of a collector's file exporter, traces*.jsonl [default: DIR/telemetry]
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    files: Option<PathBuf>,
    #[command(flatten)]
    environment: Environment,
}

/// Prints the way of an event.
///
/// # Errors
/// Where there are no traces of this event.
pub fn run(args: &TraceArgs) -> anyhow::Result<ExitCode> {
    let directory = match (&args.files, &args.dir) {
        (Some(files), _) => files.clone(),
        (None, Some(root)) => root.join("telemetry"),
        (None, None) => args.environment.state_directory()?.join("telemetry"),
    };
    let journey = Journey::find(&TraceFiles::of(&directory)?, &args.id)?;
    if journey.hops.is_empty() {
        anyhow::bail!(
            "there is no trace of {} in {}: it was not sampled (see --telemetry of testbed up), its spans are not exported \
             yet (try again in some seconds), or its file has been rotated away",
            args.id,
            directory.display()
        );
    }
    let is_terminal = std::io::stdout().is_terminal();
    let width = crossterm::terminal::size()
        .ok()
        .filter(|_| is_terminal)
        .map(|(columns, _)| columns.max(WIDTH_MIN).into());
    say(&Timeline { id: &args.id, journey: &journey, width }.to_string());
    Ok(ExitCode::SUCCESS)
}

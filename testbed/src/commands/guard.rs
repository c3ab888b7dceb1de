//! `testbed guard`: becomes another program that dies with its parent. Not for people: `up` starts its parts
//! this way, because the system takes such a wish only from the process itself.

use crate::processors::ProcessorSet;
use anyhow::Context;
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Arguments of `testbed guard`.
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// Process id of the parent.
    #[arg(long)]
    parent: i32,
    /// Processors to be kept to, such as `0,2-3`.
    #[arg(long)]
    processors: Option<ProcessorSet>,
    /// How much nicer than this process it is to others.
    #[arg(long, default_value_t = 0)]
    niceness: u8,
    /// The program to become, and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the program; returns only where that fails.
///
/// # Errors
/// Where the parent has gone already or the program cannot be started.
pub fn run(args: &GuardArgs) -> anyhow::Result<()> {
    die_with_parent().context("cannot ask the system to end this process with its parent")?;
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(
        parent == args.parent,
        "testbed (pid {}) ended while it started this process",
        args.parent
    );
    if let Some(processors) = &args.processors {
        processors.keep_to().with_context(|| format!("cannot keep to the processors {processors}"))?;
    }
    if args.niceness > 0 {
        let niceness = rustix::process::nice(i32::from(args.niceness));
        niceness.context("cannot leave the processor to others")?;
    }
    let (program, arguments) = args.command.split_first().context("no program given")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.to_string_lossy()))
}

/// SIGKILL, not SIGTERM: a part that hangs must not survive, and none loses anything by it, since what Redis has
/// confirmed stands in a file that the system completes.
#[cfg(target_os = "linux")]
fn die_with_parent() -> std::io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?)
}

/// Other systems have no such wish: there the record of running parts lets the next run clean up.
#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> std::io::Result<()> {
    Ok(())
}

//! `testbed compare`: which claims of one bundle hold in another.

use super::report::{OutputArgs, read, refuse_page_on_terminal, write};
use clap::{Args, ValueEnum};
use experiment::compare::compare;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status where a claim or an answer is contradicted.
const EXIT_CONTRADICTED: u8 = 2;

/// Arguments of `testbed compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no claim or answer is contradicted, 2 one is, 1 it could not be carried out, 64 bad arguments."
)]
pub struct CompareArgs {
    /// A bundle: its directory or its archive
    first: PathBuf,
    /// The bundle whose claims are held against it
    second: PathBuf,
    #[command(flatten)]
    output: OutputArgs<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    #[value(alias = "md")]
    Markdown,
    /// One page that needs nothing else
    #[value(alias = "htm")]
    Html,
    /// For other programs
    Json,
}

/// Compares two bundles and writes what came of it, as Markdown unless another format is asked for.
///
/// # Errors
/// A bundle that cannot be read, or an output that cannot be written.
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let out = args.output.out.as_deref();
    let format = args.output.format().unwrap_or(Format::Markdown);
    refuse_page_on_terminal(format == Format::Html, out)?;
    let comparison = compare(&read(&args.first)?, &read(&args.second)?);
    let text = match format {
        Format::Markdown => comparison.markdown(),
        Format::Html => comparison.html(),
        Format::Json => comparison.json()?,
    };
    write(&text, out)?;
    Ok(if comparison.is_contradicted() { ExitCode::from(EXIT_CONTRADICTED) } else { ExitCode::SUCCESS })
}

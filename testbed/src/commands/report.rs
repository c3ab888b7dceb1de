//! `testbed report`: what an experiment found, from its bundle alone. Nothing is fetched, and the same bundle gives the same
//! bytes on every machine.

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use experiment::bundle::Bundle;
use experiment::report::Report;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `testbed report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A bundle: its directory or its archive
    bundle: PathBuf,
    #[command(flatten)]
    output: OutputArgs<Format>,
}

/// Where a text goes.
#[derive(Debug, Args)]
pub(super) struct OutputArgs<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// Its format; if not given, that of the ending of --out
    #[arg(long, value_name = "FORMAT")]
    format: Option<F>,
    /// The file to write; if not given, standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> OutputArgs<F> {
    /// The format that was asked for, else that whose name or alias is the ending of the file.
    pub(super) fn format(&self) -> Option<F> {
        let of_ending = || F::from_str(self.out.as_deref()?.extension()?.to_str()?, false).ok();
        self.format.clone().or_else(of_ending)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One page that needs nothing else
    #[value(alias = "htm")]
    Html,
    #[value(alias = "md")]
    Markdown,
    /// Every figure of every run, cell and claim, a row each
    Csv,
    /// The conclusions, for other programs
    Json,
}

/// Writes the report.
///
/// # Errors
/// A bundle that cannot be read, or an output that cannot be written.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let format = args.output.format().unwrap_or(Format::Html);
    refuse_page_on_terminal(format == Format::Html, args.output.out.as_deref())?;
    let report = read(&args.bundle)?;
    let text = match format {
        Format::Html => report.html(),
        Format::Markdown => report.markdown(),
        Format::Csv => report.csv()?,
        Format::Json => report.json()?,
    };
    write(&text, args.output.out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// The report of a bundle.
pub(super) fn read(bundle: &Path) -> anyhow::Result<Report> {
    // An archive is unpacked for as long as `opened` lives.
    let opened = Bundle::open(bundle)?;
    Report::of(&opened).with_context(|| format!("cannot report {}", bundle.display()))
}

/// A page on a terminal is of no use to anybody.
pub(super) fn refuse_page_on_terminal(is_page: bool, out: Option<&Path>) -> anyhow::Result<()> {
    if is_page && out.is_none() && std::io::stdout().is_terminal() {
        bail!("a page is for a browser: name a file with --out, or choose --format markdown");
    }
    Ok(())
}

/// Writes a text to the file, or to standard output.
pub(super) fn write(text: &str, out: Option<&Path>) -> anyhow::Result<()> {
    match out {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => {
            let mut stdout = std::io::stdout().lock();
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            match written {
                // Whoever reads it has enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                written => written.context("cannot write to standard output"),
            }
        }
    }
}

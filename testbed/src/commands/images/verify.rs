//! `testbed images verify`: looks into images and says of each check what came of it.

use super::selection::SelectionArgs;
use crate::console::{ProgressLine, say};
use crate::images::pin::Pins;
use crate::images::plan::BuildPlan;
use crate::images::platform::Platform;
use crate::images::registry::Registry;
use crate::images::verify::{Request, Style, verify};
use anyhow::Context as _;
use clap::Args;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `testbed images verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 all checks passed, 2 one failed, 1 it could not be carried out, 64 bad arguments."
)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// A folder that `testbed images pin` wrote: verify what it pins, or compare the named images with it
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
    /// The platforms of the nodes
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', default_value = "linux/amd64,linux/arm64")]
    platform: Vec<Platform>,
    /// What `docker buildx bake --print` prints, for tags that two targets push; - reads standard input
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Verifies the images and prints the report.
pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let pins = args.pins.as_deref().map(Pins::read).transpose()?;
    let images = match &pins {
        Some(pins) if args.selection.images.is_empty() => pins.references(),
        _ => args.selection.references()?,
    };
    let request = Request {
        images,
        platforms: distinct(&args.platform),
        pins: pins.map_or_else(BTreeMap::new, Pins::into_digests),
        plan: args.plan.as_deref().map(read_plan).transpose()?,
    };
    let registry = Registry::new(args.selection.connection.options());
    let mut progress = ProgressLine::of_stderr();
    let report = verify(&request, &registry, &mut |line| progress.show(line)).await;
    progress.clear();
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(&report.to_text(Style::of_terminal()));
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// A platform that is named twice is verified once.
fn distinct(platforms: &[Platform]) -> Vec<Platform> {
    let mut distinct: Vec<Platform> = Vec::new();
    for platform in platforms {
        if !distinct.iter().any(|other| other.is_same_as(platform)) {
            distinct.push(platform.clone());
        }
    }
    distinct
}

fn read_plan(path: &Path) -> anyhow::Result<BuildPlan> {
    let mut json = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut json).context("cannot read the plan from standard input")?;
    } else {
        json = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the plan {}", path.display()))?;
    }
    BuildPlan::parse(&json)
        .with_context(|| format!("{} is not what `docker buildx bake --print` prints", path.display()))
}

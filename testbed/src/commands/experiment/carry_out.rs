//! What `run`, `resume`, `capacity` and `replicate` have in common: to carry out, to say how it goes, and to pack the bundle.

use super::EXIT_INTERRUPTED;
use super::place::{Place, PlaceArgs};
use crate::console::{ProgressLine, say};
use crate::experiment::campaign::{Campaign, Outcome, begin};
use crate::experiment::capacity::Searches;
use crate::interrupts::Interrupts;
use anyhow::Context as _;
use clap::Args;
use experiment::analysis::analyse;
use experiment::bundle::{ARCHIVE_ENDING, Bundle, BundleWriter, End, TargetKind, pack};
use experiment::plan::Plan;
use experiment::record::RunRecord;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

/// Where bundles go if nobody says.
const BUNDLES: &str = "bundles";

/// Where a new bundle goes, and where its runs are carried out.
#[derive(Debug, Args)]
pub(super) struct NewBundleArgs {
    /// Directory of the new bundle [default: bundles/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl NewBundleArgs {
    /// Begins the bundle of a plan that was written as `text`, with the traces that are in `folder`.
    ///
    /// # Errors
    /// As [`begin`] and [`BundleWriter::take_traces`].
    pub(super) fn begin(
        &self,
        text: &str,
        plan: &Plan,
        folder: &Path,
        target: TargetKind,
    ) -> anyhow::Result<BundleWriter> {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let usual = || Path::new(BUNDLES).join(format!("{}-{now}", plan.name));
        let writer = begin(&self.out.clone().unwrap_or_else(usual), text, plan, target)?;
        writer.take_traces(plan, folder)?;
        Ok(writer)
    }
}

/// Carries out what is left of a plan: its campaign, or the search that it asks for. `accepts_changes` where runs may differ from
/// earlier ones in what ran.
///
/// # Errors
/// As [`Campaign::carry_out`] and [`Searches::carry_out`].
pub(super) async fn carry_out(
    plan: &Plan,
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    accepts_changes: bool,
    place: &mut Place,
) -> anyhow::Result<ExitCode> {
    say(&format!("bundle {}", writer.directory().display()));
    let outcome = if plan.capacity.is_some() {
        search(plan, writer, records, accepts_changes, place).await?
    } else {
        campaign(plan, writer, records, accepts_changes, place).await?
    };
    finish(writer, outcome, place.kind())
}

async fn campaign(
    plan: &Plan,
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    accepts_changes: bool,
    place: &mut Place,
) -> anyhow::Result<Outcome> {
    let mut interrupts = Interrupts::listen()?;
    let mut campaign = Campaign::new(plan, writer, records, accepts_changes);
    let outcome = {
        let interrupted = pin!(interrupts.next());
        campaign.carry_out(place, interrupted, |outlook| say(&outlook.to_string())).await
    };
    place.leave(&mut interrupts).await;
    let outcome = outcome?;
    if let Outcome::Ended(end) = outcome {
        say(words(end));
        let bundle = Bundle::open(writer.directory())?;
        say(&analyse(&bundle.plan, &bundle.order.cells, &bundle.records()).answer);
    }
    Ok(outcome)
}

async fn search(
    plan: &Plan,
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    accepts_changes: bool,
    place: &mut Place,
) -> anyhow::Result<Outcome> {
    let mut interrupts = Interrupts::listen()?;
    let searched = {
        let mut searches = Searches::new(plan, writer, records, accepts_changes)?;
        let interrupted = pin!(interrupts.next());
        searches.carry_out(place, interrupted, say).await
    };
    place.leave(&mut interrupts).await;
    let (outcome, results) = searched?;
    for search in &results.searches {
        let answer = search.answer.as_ref().map_or_else(|| "not known yet".to_owned(), ToString::to_string);
        say(&format!("{}: {answer} ({} runs)", search.cell, search.trials.len()));
    }
    Ok(outcome)
}

fn words(end: End) -> &'static str {
    match end {
        End::AllBlocks => "all blocks were run",
        End::Narrow => "the answer is known as well as the plan wants",
        End::OutOfTime => "the budget of time is used up",
        End::Answered => "every search has its answer",
    }
}

fn finish(writer: &BundleWriter, outcome: Outcome, target: TargetKind) -> anyhow::Result<ExitCode> {
    let directory = writer.directory();
    if outcome == Outcome::Interrupted {
        // What the run that was left has shown of itself.
        ProgressLine::of_stderr().clear();
        say(&format!(
            "interrupted; what was measured is kept: go on with `{}`",
            resumption(directory, target)
        ));
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    }
    let name = directory.file_name().context("a bundle has a name")?.to_string_lossy();
    let archive = directory.with_file_name(format!("{name}{ARCHIVE_ENDING}"));
    pack(directory, &name, &archive)?;
    say(&format!("archive {}", archive.display()));
    say(&format!("see it with `testbed report {}`", directory.display()));
    Ok(ExitCode::SUCCESS)
}

/// What goes on with a bundle.
fn resumption(directory: &Path, target: TargetKind) -> String {
    let target = match target {
        TargetKind::Local => "",
        TargetKind::Cluster => " --target cluster",
    };
    format!("testbed experiment resume {}{target}", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundle_of_a_cluster_is_gone_on_with_there() {
        let of = |target| resumption(Path::new("bundles/a"), target);
        assert_eq!(of(TargetKind::Local), "testbed experiment resume bundles/a");
        assert_eq!(of(TargetKind::Cluster), "testbed experiment resume bundles/a --target cluster");
    }
}

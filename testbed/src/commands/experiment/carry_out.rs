//! What `run`, `resume`, `capacity` and `replicate` have in common: to carry out, to say how it goes, and to pack the bundle.

use super::EXIT_INTERRUPTED;
use super::place::Place;
use crate::console::{ProgressLine, say};
use crate::experiment::campaign::{Campaign, Outcome};
use crate::experiment::capacity::Searches;
use crate::interrupts::Interrupts;
use anyhow::Context as _;
use experiment::analysis::analyse;
use experiment::bundle::{ARCHIVE_ENDING, Bundle, BundleWriter, End, pack};
use experiment::plan::Plan;
use experiment::record::RunRecord;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

/// Where bundles go if nobody says.
const BUNDLES: &str = "bundles";

/// The directory of a new bundle.
pub(super) fn new_directory(given: Option<&Path>, name: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    given.map_or_else(|| Path::new(BUNDLES).join(format!("{name}-{now}")), Path::to_owned)
}

/// Carries out what is left of a campaign.
///
/// # Errors
/// As [`Campaign::carry_out`].
pub(super) async fn campaign(
    plan: &Plan,
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    accepts_changes: bool,
    place: &mut Place,
) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    say(&format!("bundle {}", writer.directory().display()));
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
    finish(writer, outcome)
}

/// Carries out what is left of a search for capacities.
///
/// # Errors
/// As [`Searches::carry_out`].
pub(super) async fn search(
    plan: &Plan,
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    place: &mut Place,
) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    say(&format!("bundle {}", writer.directory().display()));
    let searched = {
        let mut searches = Searches::new(plan, writer, records)?;
        let interrupted = pin!(interrupts.next());
        searches.carry_out(place, interrupted, say).await
    };
    place.leave(&mut interrupts).await;
    let (outcome, results) = searched?;
    for search in &results.searches {
        let answer = search.answer.as_ref().map_or_else(|| "not known yet".to_owned(), ToString::to_string);
        say(&format!("{}: {answer} ({} runs)", search.cell, search.trials.len()));
    }
    finish(writer, outcome)
}

fn words(end: End) -> &'static str {
    match end {
        End::AllBlocks => "all blocks were run",
        End::Narrow => "the answer is known as well as the plan wants",
        End::OutOfTime => "the budget of time is used up",
        End::Answered => "every search has its answer",
    }
}

fn finish(writer: &BundleWriter, outcome: Outcome) -> anyhow::Result<ExitCode> {
    let directory = writer.directory();
    if outcome == Outcome::Interrupted {
        // What the run that was left has shown of itself.
        ProgressLine::of_stderr().clear();
        say(&format!(
            "interrupted; what was measured is kept: go on with `testbed experiment resume {}`",
            directory.display()
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

//! Interruption and resumption, with runs that are recorded instead of carried out: what matters is which are asked for.

use super::*;
use crate::experiment::campaign::{begin, resume};
use crate::experiment::fixtures::record;
use anyhow::anyhow;
use experiment::bundle::{Bundle, Entry, JOURNAL_FILE, ORDER_FILE, RUNS, SUMS_FILE, TargetKind, run_name};
use experiment::record::Reason;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use tempfile::TempDir;

const SOURCE: &str = "name = \"small\"\nquestion = \"Is it?\"\nblocks = 3\n[budget]\ntime = \"24h\"\nrepeats = 3\n\
     [[factors]]\nname = \"rate\"\nlevels = [500, 1000]\n";

/// Moments at which a run may be interrupted, beside its beginning.
const MOMENTS: usize = 2;

#[derive(Default)]
struct Recorded {
    /// In the order in which they were asked for.
    attempts: Vec<(u32, u32)>,
    /// Runs whose first attempts are invalid, and runs whose first attempts fail.
    invalid: Vec<u32>,
    failing: Vec<u32>,
    always_fails: bool,
    version: &'static str,
}

impl Runner for Recorded {
    async fn run(&mut self, attempt: RunRequest<'_>) -> anyhow::Result<RunRecord> {
        fs::write(attempt.directory.join("half"), "").unwrap();
        for _ in 0..MOMENTS {
            tokio::task::yield_now().await;
        }
        self.attempts.push((attempt.planned.number, attempt.attempt));
        let is_first = attempt.attempt == 1;
        if self.always_fails || is_first && self.failing.contains(&attempt.planned.number) {
            let log = attempt.directory.join("redis.log");
            std::fs::write(&log, "no port is free").unwrap();
            return Err(anyhow!("redis ended; see {}", log.display()));
        }
        let is_invalid = is_first && self.invalid.contains(&attempt.planned.number);
        Ok(record(attempt, if is_invalid { Status::Invalid } else { Status::Valid }, self.version))
    }
}

fn plan() -> Plan {
    Plan::parse(Path::new("small.toml"), SOURCE.to_owned()).unwrap()
}

/// A place for a bundle.
fn place() -> (TempDir, PathBuf) {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("small");
    (parent, directory)
}

async fn carry_out(
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    runner: &mut Recorded,
    interrupted: impl Future<Output = ()>,
) -> anyhow::Result<Outcome> {
    let plan = plan();
    let mut campaign = Campaign::new(&plan, writer, records, false);
    campaign.carry_out(runner, pin!(interrupted), |_| {}).await
}

/// Goes on to the end.
async fn resumed(directory: &Path, runner: &mut Recorded) -> anyhow::Result<Outcome> {
    let mut resumed = resume(directory, false)?;
    carry_out(&mut resumed.writer, resumed.records, runner, std::future::pending()).await
}

/// Resolves when it is asked for the n-th time, from 1.
fn at_poll(n: usize) -> impl Future<Output = ()> {
    let mut polls = 0;
    std::future::poll_fn(move |_| {
        polls += 1;
        if polls >= n { Poll::Ready(()) } else { Poll::Pending }
    })
}

fn stored(directory: &Path) -> Vec<(u32, u32)> {
    let bundle = Bundle::open(directory).unwrap();
    assert!(bundle.is_sealed);
    bundle.runs.iter().map(|run| (run.record.number, run.record.attempt)).collect()
}

/// One run is invalid, one cannot be carried out at first.
fn troubled() -> Recorded {
    Recorded { invalid: vec![2], failing: vec![5], ..Recorded::default() }
}

/// A whole campaign of [`troubled`] in a bundle, and what was asked for.
async fn whole(directory: &Path) -> Vec<(u32, u32)> {
    let mut writer = begin(directory, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut runner = troubled();
    let outcome = carry_out(&mut writer, Vec::new(), &mut runner, std::future::pending()).await.unwrap();
    assert_eq!(outcome, Outcome::Ended(End::AllBlocks));
    runner.attempts
}

#[tokio::test]
async fn campaign_goes_on_in_the_order_that_it_was_begun_with() {
    let (_parent, directory) = place();
    drop(begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap());
    let path = directory.join(ORDER_FILE);
    let mut order: Order = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    order.runs.swap(0, 2);
    fs::write(&path, serde_json::to_vec(&order).unwrap()).unwrap();
    let mut runner = Recorded::default();
    resumed(&directory, &mut runner).await.unwrap();
    let numbers: Vec<u32> = runner.attempts.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers[..4], [3, 2, 1, 4]);
}

#[tokio::test]
async fn campaign_carries_out_every_run_and_repeats_what_is_of_no_use() {
    let (_parent, directory) = place();
    let attempts = whole(&directory).await;
    assert_eq!(
        attempts,
        [(1, 1), (2, 1), (3, 1), (2, 2), (4, 1), (5, 1), (6, 1), (5, 2), (7, 1), (8, 1), (9, 1)]
    );
    assert_eq!(stored(&directory).len(), 10);
    let bundle = Bundle::open(&directory).unwrap();
    let blocks =
        bundle.journal.entries().iter().filter(|entry| matches!(entry.event, Event::BlockEnded { .. }));
    assert_eq!(blocks.count(), 3);
    assert!(resume(&directory, false).unwrap_err().to_string().contains("come to its end (all-blocks)"));
}

#[tokio::test]
async fn interrupted_campaign_goes_on_with_no_run_repeated_or_missing() {
    let (_parent, directory) = place();
    let attempts = whole(&directory).await;
    let expected = stored(&directory);
    for poll in 1..=attempts.len() * (MOMENTS + 1) {
        let (_parent, directory) = place();
        let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
        let mut runner = troubled();
        let outcome = carry_out(&mut writer, Vec::new(), &mut runner, at_poll(poll)).await.unwrap();
        assert_eq!(outcome, Outcome::Interrupted, "poll {poll}");
        assert_eq!(writer.unfinished().unwrap(), Vec::<PathBuf>::new(), "poll {poll}");
        let is_said = matches!(writer.journal().entries().last().unwrap().event, Event::Stopped { .. });
        drop(writer);
        assert!(is_said && Bundle::open(&directory).unwrap().is_sealed, "poll {poll}");
        let ended = resumed(&directory, &mut runner).await.unwrap();
        assert_eq!(ended, Outcome::Ended(End::AllBlocks));
        assert_eq!(
            (runner.attempts, stored(&directory)),
            (attempts.clone(), expected.clone()),
            "poll {poll}"
        );
    }
}

/// A copy of a bundle as it was when the machine stopped after this many lines of the journal. `is_published` where the last
/// run had its name already, though the journal does not say so.
fn copy_until(bundle: &Bundle, lines: usize, is_published: bool, into: &Path) {
    fs::create_dir_all(into.join(RUNS)).unwrap();
    for entry in fs::read_dir(bundle.directory()).unwrap().map(Result::unwrap) {
        let is_copied = entry.file_type().unwrap().is_file() && entry.file_name() != "SHA256SUMS";
        if is_copied {
            fs::copy(entry.path(), into.join(entry.file_name())).unwrap();
        }
    }
    let text = fs::read_to_string(bundle.directory().join(JOURNAL_FILE)).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    let next = text.lines().nth(lines).unwrap_or_default();
    fs::write(into.join(JOURNAL_FILE), kept + &next[..next.len() / 2]).unwrap();
    let ended = |entry: &Entry| match entry.event {
        Event::RunEnded { number, attempt, .. } => Some((number, attempt)),
        _ => None,
    };
    let entries = bundle.journal.entries();
    let mut there: Vec<(u32, u32)> = entries[..lines].iter().filter_map(ended).collect();
    if is_published {
        there.extend(entries.get(lines).and_then(ended));
    }
    for run in bundle.runs.iter().filter(|run| there.contains(&(run.record.number, run.record.attempt))) {
        let place = into.join(RUNS).join(run.directory.file_name().unwrap());
        fs::create_dir(&place).unwrap();
        fs::copy(run.directory.join("run.json"), place.join("run.json")).unwrap();
    }
    // What the run left that was being carried out.
    fs::create_dir(into.join(RUNS).join(format!(".{}", run_name(9, "500", 1)))).unwrap();
}

#[tokio::test]
async fn machine_that_stops_at_any_moment_loses_no_run_and_repeats_none() {
    let (_parent, directory) = place();
    whole(&directory).await;
    let expected = stored(&directory);
    let bundle = Bundle::open(&directory).unwrap();
    for lines in 1..bundle.journal.entries().len() {
        let is_end = matches!(bundle.journal.entries()[lines].event, Event::RunEnded { .. });
        for is_published in if is_end { vec![false, true] } else { vec![false] } {
            let (_parent, directory) = place();
            copy_until(&bundle, lines, is_published, &directory);
            let before = Bundle::open(&directory).unwrap().runs.len();
            let mut runner = troubled();
            let ended = resumed(&directory, &mut runner).await.unwrap();
            assert_eq!(ended, Outcome::Ended(End::AllBlocks), "line {lines}");
            assert_eq!(stored(&directory), expected, "line {lines}");
            let runs = fs::read_dir(directory.join(RUNS)).unwrap().count();
            assert_eq!(runs, expected.len(), "line {lines}: something unfinished is left");
            let recorded = runner.attempts.iter().filter(|attempt| expected.contains(attempt)).count();
            assert_eq!(before + recorded, expected.len(), "line {lines}: a run was carried out twice");
        }
    }
}

#[tokio::test]
async fn campaign_ends_when_nothing_can_be_carried_out() {
    let (_parent, directory) = place();
    let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut runner = Recorded { always_fails: true, ..Recorded::default() };
    let error = carry_out(&mut writer, Vec::new(), &mut runner, std::future::pending()).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("3 runs in a row"), "{message}");
    // What it names is still there.
    let log = message.split_once("see ").unwrap().1.split(';').next().unwrap();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "no port is free");
    assert_eq!(runner.attempts.len(), 3);
    drop(writer);
    let mut mended = Recorded::default();
    // Three of the attempts are spent, and so is the budget for repetitions when they are repeated.
    assert_eq!(resumed(&directory, &mut mended).await.unwrap(), Outcome::Ended(End::AllBlocks));
    assert_eq!(stored(&directory).len(), 9);
}

#[tokio::test]
async fn run_of_something_else_than_before_ends_the_campaign_and_is_kept_as_invalid() {
    let (_parent, directory) = place();
    let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut first = Recorded { version: "1", ..Recorded::default() };
    carry_out(&mut writer, Vec::new(), &mut first, at_poll(4 * (MOMENTS + 1) + 1)).await.unwrap();
    drop(writer);
    let mut other = Recorded { version: "2", ..Recorded::default() };
    let message = resumed(&directory, &mut other).await.unwrap_err().to_string();
    assert!(message.contains("the version of process-worker-1 was 1 and is 2"), "{message}");
    let bundle = Bundle::open(&directory).unwrap();
    let last = &bundle.runs.last().unwrap().record;
    assert_eq!((last.number, last.verdict.status), (5, Status::Invalid));
    assert_eq!(last.verdict.reasons[0].check, "environment-changed");

    let plan = plan();
    let mut resumed = resume(&directory, true).unwrap();
    let mut campaign = Campaign::new(&plan, &mut resumed.writer, resumed.records, true);
    campaign.carry_out(&mut other, pin!(at_poll(2 * (MOMENTS + 1) + 1)), |_| {}).await.unwrap();
    drop(resumed.writer);
    // Accepted for good.
    let mut resumed = resume(&directory, false).unwrap();
    let outcome = carry_out(&mut resumed.writer, resumed.records, &mut other, std::future::pending()).await;
    assert_eq!(outcome.unwrap(), Outcome::Ended(End::AllBlocks));
    let bundle = Bundle::open(&directory).unwrap();
    assert_eq!(marked(&bundle, Status::Suspect), [(5, 2), (6, 1), (7, 1), (8, 1), (9, 1)]);
    let told = |entry: &&Entry| matches!(entry.event, Event::EnvironmentChanged { .. });
    assert_eq!(
        bundle.journal.entries().iter().filter(told).count(),
        2,
        "once where it was refused, and once where it was accepted"
    );
}

/// Runs that are marked because something has changed.
fn marked(bundle: &Bundle, status: Status) -> Vec<(u32, u32)> {
    let is_marked = |reason: &Reason| reason.check == "environment-changed" && reason.status == status;
    let runs = bundle.runs.iter().map(|run| &run.record);
    let marked = runs.filter(|record| record.verdict.reasons.iter().any(is_marked));
    marked.map(|record| (record.number, record.attempt)).collect()
}

#[tokio::test]
async fn runs_by_another_testbed_or_machine_than_the_first_are_marked() {
    let (_parent, directory) = place();
    let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut runner = Recorded::default();
    carry_out(&mut writer, Vec::new(), &mut runner, at_poll(4 * (MOMENTS + 1) + 1)).await.unwrap();
    drop(writer);
    was_begun_on_another_kernel(&directory);
    let mut resumed = resume(&directory, true).unwrap();
    carry_out(&mut resumed.writer, resumed.records, &mut runner, std::future::pending()).await.unwrap();
    let bundle = Bundle::open(&directory).unwrap();
    assert_eq!(marked(&bundle, Status::Suspect), [5, 6, 7, 8, 9].map(|number| (number, 1)));
    let reasons = &bundle.runs[4].record.verdict.reasons;
    assert!(reasons[0].message.contains("the kernel was 2.4.0 and is"), "{reasons:?}");
}

/// Writes another kernel into the journal, in place of this one.
fn was_begun_on_another_kernel(directory: &Path) {
    let path = directory.join(JOURNAL_FILE);
    let text = fs::read_to_string(&path).unwrap();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    fs::write(&path, text.replace(kernel.trim(), "2.4.0")).unwrap();
    // As if the machine had stopped.
    fs::remove_file(directory.join(SUMS_FILE)).ok();
}

#[test]
fn campaign_goes_on_by_the_same_testbed_on_the_same_machine_unless_told_otherwise() {
    let (_parent, directory) = place();
    drop(begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap());
    was_begun_on_another_kernel(&directory);
    let message = resume(&directory, false).unwrap_err().to_string();
    assert!(
        message.contains("the kernel was 2.4.0 and is") && message.contains("--accept-changes"),
        "{message}"
    );
    assert_eq!(resume(&directory, true).unwrap().changes.len(), 1);
    // It is recorded, and accepted for good.
    assert!(resume(&directory, false).unwrap().changes.is_empty());
}

//! Searches over recorded runs of a system whose limit is known.

use super::*;
use crate::experiment::campaign::{begin, resume};
use crate::experiment::fixtures;
use crate::experiment::run::RunRequest;
use experiment::bundle::{Bundle, JOURNAL_FILE, SUMS_FILE, TargetKind};
use experiment::record::Status;
use experiment::sample::{Sample, write_csv};
use std::fs;
use std::pin::pin;
use std::task::Poll;
use tempfile::TempDir;

const SOURCE: &str = "name = \"small\"\nquestion = \"How much?\"\n[timing]\nmeasure = \"20s\"\n\
     [[factors]]\nname = \"workers\"\nlevels = [1, 2]\n\
     [slos]\nresponse-time-p99 = \"100ms\"\n[capacity]\nfrom = 100\nto = 10000\nprecision = 0.2\nconfirm = 2\n";

/// One worker sustains 1,000 events a second, two sustain 1,800.
#[derive(Default)]
struct Limited {
    rates: Vec<(String, f64)>,
    version: &'static str,
}

impl Runner for Limited {
    async fn run(&mut self, attempt: RunRequest<'_>) -> anyhow::Result<RunRecord> {
        tokio::task::yield_now().await;
        let rate = attempt.cell.settings[&Key::Load("rate".to_owned())].as_f64().unwrap();
        self.rates.push((attempt.cell.levels["workers"].clone(), rate));
        let limit = if attempt.cell.levels["workers"] == "1" { 1000.0 } else { 1800.0 };
        let sample = |second: u32| {
            let excess = (rate - limit).max(0.0) * f64::from(second);
            let backlog = excess as u64 + u64::from(second * 7 % 5);
            Sample { at_s: f64::from(second), backlog: Some(backlog), ..Sample::default() }
        };
        let samples: Vec<Sample> = (0..40).map(sample).collect();
        let file = File::create(attempt.directory.join(SAMPLES_FILE)).unwrap();
        write_csv(file, &samples).unwrap();
        Ok(fixtures::record(attempt, Status::Valid, self.version))
    }
}

fn plan() -> Plan {
    Plan::parse(Path::new("small.toml"), SOURCE.to_owned()).unwrap()
}

async fn search(
    writer: &mut BundleWriter,
    records: Vec<RunRecord>,
    runner: &mut Limited,
    interrupted: impl Future<Output = ()>,
) -> (Outcome, Results) {
    let plan = plan();
    let mut searches = Searches::new(&plan, writer, records, false).unwrap();
    searches.carry_out(runner, pin!(interrupted), |_| {}).await.unwrap()
}

#[tokio::test]
async fn each_run_says_how_much_is_left_and_why_a_rate_was_not_sustained() {
    let parent = TempDir::new().unwrap();
    let plan = plan();
    let mut writer = begin(&parent.path().join("small"), SOURCE, &plan, TargetKind::Local).unwrap();
    let mut said = Vec::new();
    let mut searches = Searches::new(&plan, &mut writer, Vec::new(), false).unwrap();
    let mut runner = Limited::default();
    searches
        .carry_out(&mut runner, pin!(std::future::pending()), |line| said.push(line.to_owned()))
        .await
        .unwrap();
    // 17 runs of 36 s in each of two cells.
    assert_eq!(said[0], "run 1 · 1 · 100 events a second · about 00:20:24 left");
    assert_eq!(said[1], "  sustained");
    let last = said.iter().rfind(|line| line.starts_with("run ")).unwrap();
    let of_cell = last.split(" · ").nth(1).unwrap();
    let done = said.iter().filter(|line| line.contains(&format!(" · {of_cell} · "))).count() - 1;
    let left = clock(Duration::from_secs(36 * (17 - done as u64)));
    assert!(last.ends_with(&format!("about {left} left")), "the other cell has its answer: {last}");
    let broken: Vec<&String> = said.iter().filter(|line| line.starts_with("  not sustained: ")).collect();
    assert!(broken[0].contains("the backlog grows by"), "{broken:?}");
}

#[tokio::test]
async fn limit_of_each_cell_is_found_and_the_searches_take_turns() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("small");
    let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut runner = Limited::default();
    let (outcome, results) = search(&mut writer, Vec::new(), &mut runner, std::future::pending()).await;
    assert_eq!(outcome, Outcome::Ended(End::Answered));
    for (search, limit) in results.searches.iter().zip([1000.0, 1800.0]) {
        let Some(Answer::Between { low, high, .. }) = search.answer else { panic!("{search:?}") };
        assert!(low <= limit && limit <= high && high / low <= 1.21, "{search:?}");
    }
    for pair in runner.rates[..10].chunks(2) {
        assert_ne!(pair[0].0, pair[1].0, "both cells have their turn");
    }
    let bundle = Bundle::open(&directory).unwrap();
    assert_eq!(bundle.runs.len(), runner.rates.len());
    let text = fs::read_to_string(directory.join(CAPACITY_FILE)).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}

#[tokio::test]
async fn search_that_was_interrupted_goes_on_with_the_same_rates() {
    let parent = TempDir::new().unwrap();
    let whole = parent.path().join("whole");
    let mut writer = begin(&whole, SOURCE, &plan(), TargetKind::Local).unwrap();
    let mut undisturbed = Limited::default();
    let (_, expected) = search(&mut writer, Vec::new(), &mut undisturbed, std::future::pending()).await;
    for poll in [1, 2, 5, 12] {
        let directory = parent.path().join(format!("interrupted-{poll}"));
        let mut writer = begin(&directory, SOURCE, &plan(), TargetKind::Local).unwrap();
        let mut polls = 0;
        let interrupted = std::future::poll_fn(move |_| {
            polls += 1;
            if polls >= poll { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut runner = Limited::default();
        let (outcome, _) = search(&mut writer, Vec::new(), &mut runner, interrupted).await;
        assert_eq!(outcome, Outcome::Interrupted);
        drop(writer);
        // As if the machine had stopped between the last run and its judgement.
        let path = directory.join(JOURNAL_FILE);
        let text = fs::read_to_string(&path).unwrap();
        let last = text.rfind("\"event\":\"judged\"").and_then(|at| text[..at].rfind('\n'));
        fs::remove_file(directory.join(SUMS_FILE)).unwrap();
        fs::write(&path, last.map_or(text.as_str(), |end| &text[..=end])).unwrap();
        let mut resumed = resume(&directory, false).unwrap();
        let (_, results) =
            search(&mut resumed.writer, resumed.records, &mut runner, std::future::pending()).await;
        assert_eq!(results, expected, "poll {poll}");
        assert_eq!(runner.rates, undisturbed.rates, "poll {poll}");
    }
}

#[tokio::test]
async fn run_of_something_else_than_before_ends_a_search_unless_it_is_accepted() {
    let parent = TempDir::new().unwrap();
    let (directory, plan) = (parent.path().join("small"), plan());
    let mut writer = begin(&directory, SOURCE, &plan, TargetKind::Local).unwrap();
    let mut polls = 0;
    let interrupted = std::future::poll_fn(move |_| {
        polls += 1;
        if polls > 8 { Poll::Ready(()) } else { Poll::Pending }
    });
    let mut runner = Limited { version: "1", ..Limited::default() };
    search(&mut writer, Vec::new(), &mut runner, interrupted).await;
    drop(writer);
    let done = runner.rates.len();
    let mut other = Limited { version: "2", ..Limited::default() };
    let mut resumed = resume(&directory, false).unwrap();
    let mut searches = Searches::new(&plan, &mut resumed.writer, resumed.records, false).unwrap();
    let refused = searches.carry_out(&mut other, pin!(std::future::pending()), |_| {}).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("the version of process-worker-1 was 1 and is 2"), "{message}");
    drop(resumed.writer);
    let bundle = Bundle::open(&directory).unwrap();
    let last = &bundle.runs.last().unwrap().record;
    assert_eq!((bundle.runs.len(), last.verdict.status), (done + 1, Status::Invalid));
    assert!(bundle.is_sealed && directory.join(CAPACITY_FILE).is_file());
    drop(bundle);

    let mut resumed = resume(&directory, true).unwrap();
    let mut searches = Searches::new(&plan, &mut resumed.writer, resumed.records, true).unwrap();
    let (outcome, _) = searches.carry_out(&mut other, pin!(std::future::pending()), |_| {}).await.unwrap();
    assert_eq!(outcome, Outcome::Ended(End::Answered));
    let records = Bundle::open(&directory).unwrap().records();
    assert!(records[..done].iter().all(|record| record.verdict.status == Status::Valid));
    assert!(records[done + 1..].iter().all(|record| record.verdict.status == Status::Suspect));
    assert!(records.len() > done + 2, "{}", records.len());
}

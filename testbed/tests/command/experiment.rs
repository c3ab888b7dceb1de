//! A tiny experiment on real processes: interrupted, resumed, packed; and what is refused before anything starts.

use crate::testbed::{Testbed, services};
use experiment::bundle::{Bundle, End, Event};
use experiment::record::Status;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use test_support::eventually_within;

const PLAN: &str = "name = \"tiny\"\nquestion = \"Does twice the rate cost more?\"\nblocks = 1\n\
     [timing]\nwarm-up = \"1s\"\nmeasure = \"5s\"\ncool-down = \"500ms\"\n[budget]\ntime = \"10m\"\n\
     [[factors]]\nname = \"rate\"\nlevels = [200, 400]\n";

/// Longer than three runs take on a busy machine.
const CAMPAIGN_TIMEOUT: Duration = Duration::from_secs(240);

/// A folder with a plan.
fn folder(plan: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("experiment.toml"), plan).unwrap();
    folder
}

fn arguments(command: &str, of: &Path, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["experiment".to_owned(), command.to_owned(), of.display().to_string()];
    arguments.extend([
        "--accept-noise".to_owned(),
        "--programs".to_owned(),
        services().display().to_string(),
    ]);
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments
}

async fn ended(testbed: &mut Testbed) -> Option<i32> {
    eventually_within(CAMPAIGN_TIMEOUT, "the campaign ends", async || testbed.try_end()).await.code()
}

/// What of a bundle has happened so far.
fn events(bundle: &Path) -> Vec<Event> {
    let journal = experiment::bundle::Journal::read(bundle);
    journal
        .map(|journal| journal.entries().iter().map(|entry| entry.event.clone()).collect())
        .unwrap_or_default()
}

#[tokio::test]
async fn interrupted_experiment_is_resumed_and_has_every_run_once() {
    let folder = folder(PLAN);
    let bundle: PathBuf = folder.path().join("bundle");
    let mut first =
        Testbed::start(&arguments("run", folder.path(), &["--out", &bundle.display().to_string()]));
    let second_run = async || {
        let begun = |event: &Event| matches!(event, Event::RunBegun { number: 2, .. });
        events(&bundle).iter().any(begun).then_some(())
    };
    eventually_within(CAMPAIGN_TIMEOUT, "the second run has begun", second_run).await;
    first.signal(Signal::INT);
    assert_eq!(ended(&mut first).await, Some(130));
    assert!(first.stdout().contains("testbed experiment resume"), "{}", first.stdout());
    assert!(Bundle::open(&bundle).unwrap().is_sealed);

    let mut second = Testbed::start(&arguments("resume", &bundle, &[]));
    assert_eq!(ended(&mut second).await, Some(0));
    let whole = Bundle::open(&folder.path().join("bundle.tar.gz")).unwrap();
    assert_eq!(whole.journal.end(), Some(End::AllBlocks));
    let usable = whole.runs.iter().filter(|run| run.record.verdict.status != Status::Invalid);
    let usable: Vec<&str> = usable.map(|run| run.record.cell.as_str()).collect();
    let planned: Vec<&str> = whole.order.runs.iter().map(|run| run.cell.as_str()).collect();
    assert_eq!(usable, planned);
    for run in &whole.runs {
        assert_eq!(run.record.audit.outcome.as_deref(), Some("pass"));
        assert!(
            run.directory.join("samples.csv").exists() && run.directory.join("response-time.hlog").exists()
        );
    }
    let (code, _, stderr) = Testbed::run(&arguments("resume", &bundle, &[])).await;
    assert!(code == 64 && stderr.contains("there is nothing to resume"), "{code} {stderr}");
    let archive = folder.path().join("bundle.tar.gz");
    let (code, _, stderr) = Testbed::run(&arguments("resume", &archive, &[])).await;
    assert!(code == 64 && stderr.contains("it is an archive: unpack it"), "{code} {stderr}");
    let (code, _, stderr) = Testbed::run(&arguments("resume", &bundle, &["--target", "cluster"])).await;
    assert!(code == 64 && stderr.contains("add --target local"), "{code} {stderr}");
}

/// Of a campaign that is stopped once `runs` runs are there.
async fn interrupted_after(testbed: &mut Testbed, bundle: &Path, runs: usize) {
    let is_there = async || {
        let ended = |event: &&Event| matches!(event, Event::RunEnded { .. });
        (events(bundle).iter().filter(ended).count() >= runs).then_some(())
    };
    eventually_within(CAMPAIGN_TIMEOUT, "runs have ended", is_there).await;
    testbed.signal(Signal::INT);
    assert_eq!(ended(testbed).await, Some(130), "{}", testbed.stdout());
}

#[tokio::test]
async fn replayed_trace_is_part_of_the_bundle_and_found_there() {
    let plan = PLAN.replace("\"rate\"", "\"batch\"").replace("200, 400", "1, 2")
        + "[settings]\nload.replay = { file = \"days/busy.csv\", unit-of-time = \"s\", loop = true }\n";
    let folder = folder(&plan);
    let trace = folder.path().join("days/busy.csv");
    fs::create_dir(folder.path().join("days")).unwrap();
    let times: String = (0..100).map(|number| format!("{}\n", f64::from(number) / 100.0)).collect();
    fs::write(&trace, format!("time\n{times}")).unwrap();
    let bundle = folder.path().join("bundle");
    let mut first =
        Testbed::start(&arguments("run", folder.path(), &["--out", &bundle.display().to_string()]));
    interrupted_after(&mut first, &bundle, 1).await;
    fs::remove_file(&trace).unwrap();
    let mut resumed = Testbed::start(&arguments("resume", &bundle, &[]));
    assert_eq!(ended(&mut resumed).await, Some(0), "{}", resumed.stdout());
    let whole = Bundle::open(&bundle).unwrap();
    let sent: Vec<u64> = whole.runs.iter().map(|run| run.record.audit.sent).collect();
    assert!(sent.len() == 3 && sent.iter().all(|sent| (600..=700).contains(sent)), "{sent:?}");
    let (code, _, stderr) = Testbed::run(&arguments("run", folder.path(), &[])).await;
    assert!(code == 64 && stderr.contains("days/busy.csv is not there"), "{code} {stderr}");

    let archive = folder.path().join("bundle.tar.gz");
    let replica = folder.path().join("replica");
    let mut replicate =
        Testbed::start(&arguments("replicate", &archive, &["--out", &replica.display().to_string()]));
    interrupted_after(&mut replicate, &replica, 1).await;
    assert!(replica.join("traces/days/busy.csv").is_file());
    fs::write(bundle.join("traces/days/busy.csv"), "time\n0\n").unwrap();
    let error = Bundle::open(&bundle).unwrap_err().to_string();
    assert!(error.contains("traces/days/busy.csv differs"), "{error}");
}

#[tokio::test]
async fn plan_is_outlined_without_programs() {
    let folder = folder(PLAN);
    let (code, stdout, stderr) =
        Testbed::run(&["experiment", "plan", &folder.path().display().to_string()]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("3 runs of about") && stdout.contains("nothing: 1 pairs"), "{stdout}");
}

#[tokio::test]
async fn plan_that_cannot_be_carried_out_exits_with_64_and_says_where() {
    let cases = [
        (PLAN.replace("blocks", "block"), "experiment.toml:3:1: unknown key `block`"),
        (PLAN.replace("\"rate\"", "\"workers\"").replace("200, 400", "1, 2"), "no rate is set"),
        (format!("{PLAN}[settings]\nprocess-worker.WORK_KNID = \"hash\"\n"), "did you mean \"WORK_KIND\"?"),
        (PLAN.replace("10m", "10s"), "longer than its budget"),
    ];
    for (plan, message) in cases {
        let folder = folder(&plan);
        let (code, _, stderr) = Testbed::run(&arguments("run", folder.path(), &[])).await;
        assert_eq!(code, 64, "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
    let empty = TempDir::new().unwrap();
    let (code, _, stderr) = Testbed::run(&arguments("run", empty.path(), &[])).await;
    assert!(code == 64 && stderr.contains("has no local.toml or experiment.toml"), "{code} {stderr}");
    let (code, _, stderr) = Testbed::run(&arguments("run", Path::new("nonexistent"), &[])).await;
    assert!(code == 64 && stderr.contains("there is no such plan: give a file"), "{code} {stderr}");
    let (code, _, stderr) = Testbed::run(&arguments("capacity", folder(PLAN).path(), &[])).await;
    assert!(code == 64 && stderr.contains("asks for no capacity"), "{code} {stderr}");
    let (code, _, stderr) = Testbed::run(&arguments("replicate", Path::new("/nonexistent"), &[])).await;
    assert!(code == 64 && stderr.contains("is no bundle"), "{code} {stderr}");
}

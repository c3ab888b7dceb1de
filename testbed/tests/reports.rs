//! `testbed report` and `testbed compare`, as people and scripts use them.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use experiment::bundle::{BUNDLE_VERSION, BundleWriter, Head, Order, SUMS_FILE, TargetKind, pack};
use experiment::plan::Plan;
use experiment::record::{AuditFacts, Measured, RECORD_VERSION, RunRecord, Verdict};
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const SOURCE: &str = "name = \"small\"\nquestion = \"Is it slower?\"\nblocks = 6\n\
     [[factors]]\nname = \"batch\"\nlevels = [1, 10]\n\
     [[comparisons]]\nfactor = \"batch\"\nmetrics = [\"response-time-p99\"]\n";

/// A bundle in which batches of ten take `effect` times as long as single events.
fn bundle(parent: &Path, name: &str, effect: f64) -> PathBuf {
    let directory = parent.join(name);
    let plan = Plan::parse(Path::new("small.toml"), SOURCE.to_owned()).unwrap();
    let head = Head {
        version: BUNDLE_VERSION,
        name: plan.name.clone(),
        created_at: Timestamp::UNIX_EPOCH,
        testbed: "0.1.0".to_owned(),
        target: TargetKind::Local,
        host: name.to_owned(),
    };
    let writer = BundleWriter::create(&directory, &head, SOURCE, &plan).unwrap();
    for run in Order::of(&plan).runs {
        // No two runs are equal, and the copies of the control differ in both directions.
        let noise = 1.0 + 0.001 * f64::from(run.number * 7 % 11);
        let value = 1000.0 * noise * if run.cell == "10" { effect } else { 1.0 };
        let measured = Measured { value, samples: 1000.0, clock_error: 0.0, negative: 0 };
        let record = RunRecord {
            version: RECORD_VERSION,
            number: run.number,
            block: run.block,
            cell: run.cell.clone(),
            attempt: 1,
            seed: run.seed,
            run_id: format!("small-{}", run.number),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            verdict: Verdict::default(),
            steady_from_s: Some(5.0),
            metrics: [("response-time-p99".to_owned(), measured)].into(),
            services: Vec::new(),
            audit: AuditFacts::default(),
            gates: Vec::new(),
            clocks: Vec::new(),
        };
        writer.stage(run.number, &run.cell, 1).unwrap().publish(&record).unwrap();
    }
    writer.seal().unwrap();
    directory
}

fn testbed(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_testbed")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn report_is_the_same_bytes_from_directory_and_archive() {
    let parent = TempDir::new().unwrap();
    let directory = bundle(parent.path(), "a", 1.5);
    let archive = parent.path().join("a.tar.gz");
    pack(&directory, "a", &archive).unwrap();
    let page = |from: &Path, name: &str| {
        let out = parent.path().join(name);
        let output = testbed(&["report", path(from), "--out", path(&out)]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        fs::read_to_string(out).unwrap()
    };
    let first = page(&directory, "one.html");
    assert!(first.starts_with("<!DOCTYPE html>") && first.contains("1.5"), "{first}");
    assert_eq!(first, page(&directory, "two.html"));
    assert_eq!(first, page(&archive, "three.html"));
}

#[test]
fn format_is_that_of_the_option_or_of_the_ending() {
    let parent = TempDir::new().unwrap();
    let directory = bundle(parent.path(), "a", 1.5);
    for (format, ending, begin) in [
        ("markdown", "md", "# Is it slower?"),
        ("csv", "csv", "kind,name"),
        ("json", "json", "{\n"),
        ("html", "html", "<!DOCTYPE"),
    ] {
        let printed = testbed(&["report", path(&directory), "--format", format]);
        assert!(text(&printed.stdout).starts_with(begin), "{}", text(&printed.stderr));
        let out = parent.path().join(format!("report.{ending}"));
        testbed(&["report", path(&directory), "--out", path(&out)]);
        assert_eq!(fs::read(&out).unwrap(), printed.stdout);
    }
}

#[test]
fn what_is_no_bundle_or_was_changed_is_refused_by_name() {
    let parent = TempDir::new().unwrap();
    let nothing = testbed(&["report", path(parent.path()), "--format", "markdown"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains(path(parent.path())), "{}", text(&nothing.stderr));
    let directory = bundle(parent.path(), "a", 1.5);
    let changed = directory.join("plan.json");
    fs::write(&changed, fs::read_to_string(&changed).unwrap().replace("slower", "faster")).unwrap();
    let refused = testbed(&["report", path(&directory), "--format", "markdown"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("plan.json") && refused.stdout.is_empty(),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn checksums_are_those_of_sha256sum() {
    let parent = TempDir::new().unwrap();
    let directory = bundle(parent.path(), "a", 1.5);
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", SUMS_FILE])
        .current_dir(&directory)
        .status()
        .unwrap();
    assert!(checked.success());
}

#[test]
fn comparison_exits_with_2_where_a_claim_is_contradicted() {
    let parent = TempDir::new().unwrap();
    let [slower, again, faster] =
        [("a", 1.5), ("b", 1.51), ("c", 0.5)].map(|(name, effect)| bundle(parent.path(), name, effect));
    let compared = |first: &Path, second: &Path| testbed(&["compare", path(first), path(second)]);
    let held = compared(&slower, &again);
    assert_eq!(held.status.code(), Some(0), "{}", text(&held.stderr));
    assert!(text(&held.stdout).contains("One claim: held (1)"), "{}", text(&held.stdout));
    assert!(text(&held.stdout).contains("not interleaved"));
    let contradicted = compared(&slower, &faster);
    assert_eq!(contradicted.status.code(), Some(2));
    assert!(text(&contradicted.stdout).contains("contradicted (1)"), "{}", text(&contradicted.stdout));
}

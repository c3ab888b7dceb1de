//! The main job, with a real Redis and four emulated services.

use crate::command::{alone, run};
use crate::pipeline::print_logs;
use crate::programs::Programs;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn demo_on_arm64_programs_loses_nothing() {
    let _alone = alone().await;
    let programs = Programs::of("arm64");
    let temporary = tempfile::tempdir().unwrap();
    let mut testbed = programs.testbed();
    testbed.args(["demo", "--rate", "200", "--duration", "10s", "--keep", "--ready-timeout-s", "300"]);
    testbed
        .args(["--drain-timeout-s", "300", "--stop-timeout-s", "150", "--programs"])
        .arg(programs.directory());
    let output = run(testbed.env("TMPDIR", temporary.path())).await;
    let kept = entry(temporary.path(), "testbed-demo-");
    if output.code != Some(0) {
        kept.iter().for_each(|kept| print_logs(kept));
    }
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", output.stdout);
    for proof in [
        "2000 sent, 2000 accepted, 2000 processed, 2000 queryable, 0 lost, 0 duplicated\n",
        "the audit holds: every accepted event is queryable exactly once",
    ] {
        assert!(output.stdout.contains(proof), "{}", output.stdout);
    }
    let run = entry(&kept.unwrap().join("results"), "demo-").unwrap();
    let result: Value = serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    assert_eq!(result["environment"]["arch"], "arm64");
}

/// A path in `directory` with this prefix.
fn entry(directory: &Path, prefix: &str) -> Option<PathBuf> {
    let mut paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
}

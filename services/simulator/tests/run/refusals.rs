//! What the program refuses, and what it leaves behind when it is killed.

use std::path::Path;
use std::process::Output;

use super::faults::until;
use super::program::{program, signal, start};
use super::receiver::{Answer, Receiver};

/// How the program ends with these arguments, in a directory.
async fn output(directory: &Path, arguments: &str) -> Output {
    program().current_dir(directory).args(arguments.split_whitespace()).output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_exits_64_and_is_shown_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let phase = "[[phases]]\nname = \"a\"\n";
    let replay = "replay = { file = \"trace.csv\", unit-of-time = \"s\" }\n";
    for (name, text) in [
        ("no-length.toml", format!("{phase}duration = \"0s\"\nrate = 5\n")),
        ("negative.toml", format!("{phase}duration = \"5s\"\nrate = -5\n")),
        ("no-toml.toml", format!("{phase}duration = 5s\n")),
        ("unordered.toml", format!("{phase}duration = \"5s\"\n{replay}")),
        ("trace.csv", "time,value\n0,1\n2,2\n1,3\n".to_owned()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    for (arguments, expected) in [
        ("run --workload no-length.toml", "WORKLOAD: no-length.toml:3:12: must be above 0"),
        ("run --workload negative.toml", "WORKLOAD: negative.toml:4:8: a rate must be 0 to 1e8"),
        ("run --workload no-toml.toml", "WORKLOAD: no-toml.toml:3:"),
        ("run --workload unordered.toml", "WORKLOAD: unordered.toml:4:19: trace.csv:4: "),
        ("run --workload nowhere.toml", "WORKLOAD: nowhere.toml: cannot be read"),
        ("schedule --workload no-length.toml", "WORKLOAD: no-length.toml:3:12: must be above 0"),
        ("run --rate -5", "RATE: must be above 0"),
        ("run --duration -5", "DURATION: invalid value '-5'"),
        ("run --duration 0", "DURATION: must be above 0"),
        ("run --shards 2", "SHARD_INDEX: is needed"),
    ] {
        let output = output(directory.path(), arguments).await;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments}: {message}");
        assert!(message.starts_with(&format!("simulator: {expected}")), "{arguments}: {message}");
        assert!(output.stdout.is_empty());
    }
    assert!(!directory.path().join("results").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_said_once() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for (arguments, expected) in [
        ("run --results file/results", "Not a directory"),
        ("merge --out merged nowhere", "nowhere holds neither a result.json"),
        ("merge --out merged --run run-1 --redis-url redis://127.0.0.1:1", "meet in redis at 127.0.0.1:1"),
        (
            "run --start-timeout 100ms --target http://nowhere.invalid",
            "within 0.1 s: cannot look nowhere.invalid up",
        ),
    ] {
        let output = output(directory.path(), arguments).await;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let last = message.lines().last().unwrap();
        assert!(last.starts_with("simulator: "), "{message}");
        assert_eq!(last.matches(expected).count(), 1, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forgets_the_subcommand_is_told_of_it() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in ["--target http://127.0.0.1:1", "--rate 5", ""] {
        let output = output(directory.path(), arguments).await;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{message}");
        assert!(message.contains("simulator run [OPTIONS]      to send a load"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_run_leaves_no_result_and_does_not_hinder_the_next() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let directory = tempfile::tempdir().unwrap();
    let target = receiver.url();
    let mut child = start(directory.path(), &format!("--target {target} --rate 500 --duration 1h"));
    // Longer than a second, so that files have been begun.
    until(|| receiver.requests() >= 700).await;
    signal(&child, "-KILL").await;
    child.wait().await.unwrap();
    assert!(!directory.path().join("run-1").exists());
    let output = start(directory.path(), &format!("--target {target} --rate 100 --duration 200ms --json"))
        .wait_with_output()
        .await
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(message.contains("replaced the unfinished result"), "{message}");
    let result: simulator::RunResult = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result.totals.events.accepted, 20);
    let names: Vec<_> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["run-1"]);
}

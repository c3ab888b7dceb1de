//! The program: exit codes, what goes to standard output, signals, health.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::faults::{closed_address, until};
use super::receiver::{Answer, Receiver};

/// The program with nothing of this process's environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.env_clear().env("OTEL_SDK_DISABLED", "true").env("RUN_ID", "run-1").kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run with results in `directory`.
pub(crate) fn start(directory: &Path, flags: &str) -> Child {
    let mut command = program();
    command.env("RESULTS_DIR", directory).arg("run").args(flags.split_whitespace());
    command.spawn().unwrap()
}

/// Sends a signal such as `-TERM` to a program that has not been waited for.
pub(crate) async fn signal(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
}

async fn output(flags: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    start(directory.path(), flags).wait_with_output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_is_the_result_and_nothing_else() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let load = format!("--target {} --rate 100 --duration 200ms", receiver.url());
    let json = output(&format!("{load} --json")).await;
    assert!(json.status.success());
    let result: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(result["events"]["accepted"], 20);
    let text = output(&load).await;
    assert!(text.stdout.starts_with(b"run run-1\n"), "{}", String::from_utf8_lossy(&text.stdout));
    assert!(String::from_utf8_lossy(&text.stderr).contains("starting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_configuration_exits_64_and_names_the_variable() {
    for (flags, variable) in
        [("--rate 0", "RATE"), ("--target host", "TARGET_URL"), ("--batch many", "BATCH")]
    {
        let output = output(flags).await;
        assert_eq!(output.status.code(), Some(64), "{flags}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(&format!("{variable}: ")), "{message}");
    }
    let checked = output("--check-config").await;
    assert!(checked.status.success() && checked.stdout.starts_with(b"simulator: configuration is valid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_target_exits_1_and_says_why() {
    let nobody = closed_address().await;
    let output = output(&format!("--target http://{nobody} --start-timeout 100ms")).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(&format!("cannot connect to http://{nobody}")), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_the_run_with_its_results() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    for name in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let sent = receiver.requests();
        let load = format!("--target {} --rate 200 --duration 1h --json", receiver.url());
        let child = start(directory.path(), &load);
        until(|| receiver.requests() >= sent + 20).await;
        signal(&child, name).await;
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success());
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["interrupted"], true);
        let planned_per_s = result["rates"]["planned_events_per_s"].as_f64().unwrap();
        assert!((planned_per_s / 200.0 - 1.0).abs() < 0.2, "{planned_per_s}");
        assert!(directory.path().join("run-1/ledger.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_statistics_are_served_where_asked_for() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let directory = tempfile::tempdir().unwrap();
    let address = closed_address().await;
    let load = format!("--target {} --rate 200 --duration 1h --listen {address}", receiver.url());
    let _child = start(directory.path(), &load);
    until(|| receiver.requests() >= 20).await;
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    let statistics = get(address, "/statz").await;
    for name in [
        r#""service":"simulator""#,
        "simulator.events.accepted",
        "simulator.response.duration",
        r#""phase=measure":1.0"#,
        r#""phase=drain":0.0"#,
    ] {
        assert!(statistics.contains(name), "{name}: {statistics}");
    }
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_told_in_one_line_of_json() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let open = format!("redis={}", receiver.url().trim_start_matches("http://"));
    let closed = format!("otlp={}", closed_address().await);
    let output = program().args(["probe", "--reach", &open, "--reach", &closed]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let facts: node_facts::ProbeFacts = serde_json::from_str(&text).unwrap();
    assert_eq!((facts.version, facts.reached[0].error.as_deref()), (node_facts::PROBE_VERSION, None));
    assert!(facts.reached[1].error.as_ref().unwrap().contains("refused"), "{text}");
}

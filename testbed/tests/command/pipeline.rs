//! The whole: real Redis, real services, real load.

use crate::testbed::{Testbed, gone, kill, port, ports, running, services};
use rustix::process::Signal;
use std::path::Path;

fn up(directory: &Path, ports: &[String], more: &[&str]) -> Testbed {
    services();
    let mut arguments: Vec<String> = ["up", "--interval-s", "1", "--dir"].map(str::to_owned).into();
    arguments.push(directory.display().to_string());
    arguments.extend_from_slice(ports);
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    Testbed::start(&arguments)
}

fn part(parts: &[(String, u32)], name: &str) -> u32 {
    parts.iter().find(|(one, _)| one == name).unwrap().1
}

/// Sends a hundred events as run-1 to the testbed that has these ports.
async fn simulate(ports: &[String], results: &Path) {
    let ingest = format!("http://127.0.0.1:{}", port(ports, "--ingest-port"));
    let mut command = tokio::process::Command::new(services().join("simulator"));
    command.args(["run", "--rate", "100", "--duration", "1s", "--run-id", "run-1", "--target", &ingest]);
    let output = command.arg("--results").arg(results).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Audits run-1 there: exit code and report.
async fn audit(ports: &[String], results: &Path) -> (i32, String) {
    let query = format!("http://127.0.0.1:{}", port(ports, "--query-port"));
    let redis = format!("redis://127.0.0.1:{}", port(ports, "--redis-port"));
    let from = ["--results", results.to_str().unwrap(), "--query-url", &query, "--redis-url", &redis];
    let arguments = [&["audit", "--run", "run-1", "--drain-timeout-s", "1"][..], &from].concat();
    let (code, stdout, _) = Testbed::run(&arguments).await;
    (code, stdout)
}

#[tokio::test]
async fn demo_proves_that_nothing_was_lost_and_leaves_nothing() {
    services();
    let arguments = ["demo", "--duration", "3s", "--rate", "500", "--partitions", "4", "--workers", "2"];
    let mut testbed = Testbed::start(&arguments);
    let status = testbed.end().await;
    let (stdout, stderr) = (testbed.stdout(), testbed.stderr());
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    let proof = "1500 sent, 1500 accepted, 1500 processed, 1500 queryable, 0 lost, 0 duplicated\n";
    assert!(stdout.contains(proof), "{stdout}");
    assert!(stdout.contains("\"runid\": \"demo-"), "no event is shown: {stdout}");
    let left: Vec<_> =
        std::fs::read_dir(testbed.temporary()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "only what the test itself keeps there: {left:?}");
}

#[tokio::test]
async fn demo_fails_where_a_service_cannot_start_and_keeps_the_logs() {
    services();
    // ingest-api refuses the setting.
    let arguments = ["demo", "--duration", "1s"];
    let mut testbed = Testbed::start_with(&arguments, &[("EVENT_BYTES_MAX", "0")]);
    assert_eq!(testbed.end().await.code(), Some(1));
    let (stdout, stderr) = (testbed.stdout(), testbed.stderr());
    assert!(stderr.contains("ingest-api ended while it was starting: exit status 64"), "{stderr}");
    assert!(stderr.contains("EVENT_BYTES_MAX"), "{stderr}");
    let logs = stdout.lines().find_map(|line| line.strip_prefix("logs are in ")).unwrap();
    assert!(Path::new(logs.split(',').next().unwrap()).join("ingest-api.log").is_file(), "{stdout}");
}

#[tokio::test]
async fn up_carries_a_load_and_stops_cleanly() {
    let (directory, ports) = (tempfile::tempdir().unwrap(), ports());
    let mut testbed = up(directory.path(), &ports, &["--rate", "200"]);
    let flows = async || {
        let stdout = testbed.stdout();
        let mut rates = stdout.lines().filter_map(|line| line.split_once("queryable ").map(|(_, rate)| rate));
        rates.any(|rate| rate.starts_with(|first: char| ('1'..='9').contains(&first))).then_some(())
    };
    test_support::eventually("events become queryable", flows).await;
    testbed.says("ready 5/5").await;
    let parts = running(directory.path(), 5).await;
    testbed.signal(Signal::INT);
    assert_eq!((testbed.end().await.code(), testbed.stderr().as_str()), (Some(0), ""));
    gone(&parts).await;
    let stdout = testbed.stdout();
    assert!(
        stdout.contains(&format!("http://127.0.0.1:{}/v1/events", port(&ports, "--ingest-port"))),
        "{stdout}"
    );
    assert!(stdout.contains("telemetry is not sent anywhere"), "{stdout}");
}

#[tokio::test]
async fn death_of_a_part_is_told_while_the_rest_goes_on() {
    let (directory, ports) = (tempfile::tempdir().unwrap(), ports());
    let mut testbed = up(directory.path(), &ports, &[]);
    testbed.says("ready 4/4").await;
    let parts = running(directory.path(), 4).await;
    kill(part(&parts, "process-worker"), Signal::KILL);
    testbed.says("process-worker ended: signal 9; the rest goes on").await;
    testbed.says("ready 3/4").await;
    testbed.signal(Signal::TERM);
    assert_eq!(testbed.end().await.code(), Some(1));
    assert!(
        testbed.stderr().contains("process-worker had ended by itself: signal 9"),
        "{}",
        testbed.stderr()
    );
    gone(&parts).await;
}

#[tokio::test]
async fn audit_names_the_worker_that_died_as_the_stage() {
    let (directory, ports) = (tempfile::tempdir().unwrap(), ports());
    let testbed = up(directory.path(), &ports, &[]);
    testbed.says("ready 4/4").await;
    kill(part(&running(directory.path(), 4).await, "process-worker"), Signal::KILL);
    let results = directory.path().join("results");
    simulate(&ports, &results).await;
    let (code, stdout) = audit(&ports, &results).await;
    // Not violated: what nobody has processed is not lost yet.
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("100 sent, 100 accepted, 0 queryable, 100 lost"), "{stdout}");
    assert!(
        stdout.contains("100 missing so far: process-worker has not processed it: it is in events"),
        "{stdout}"
    );
    assert!(
        stdout.contains("note: the pipeline has not drained within 1 s: 100 accepted events"),
        "{stdout}"
    );
}

#[tokio::test]
async fn audit_explains_that_two_runs_had_one_id() {
    let (directory, ports) = (tempfile::tempdir().unwrap(), ports());
    let testbed = up(directory.path(), &ports, &[]);
    testbed.says("ready 4/4").await;
    let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
    simulate(&ports, &first).await;
    let (code, stdout) = audit(&ports, &first).await;
    assert_eq!(code, 0, "{stdout}");
    simulate(&ports, &second).await;
    for (results, told) in [(first, "the run id was used again: "), (second, "the run id was used before: ")]
    {
        let (code, stdout) = audit(&ports, &results).await;
        assert_eq!(code, 1, "{stdout}");
        assert!(stdout.contains(&format!("\nthe audit cannot say: {told}")), "{stdout}");
        assert!(!stdout.contains("ingest-api"), "nobody else is blamed: {stdout}");
    }
}

#[tokio::test]
async fn demo_shows_its_token_to_services_that_ask_for_it() {
    services();
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "sesame\n").unwrap();
    let arguments =
        ["demo", "--duration", "1s", "--rate", "100", "--auth-token-file", token.to_str().unwrap()];
    let (code, stdout, stderr) = Testbed::run(&arguments).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("100 queryable, 0 lost"), "{stdout}");
    assert!(stdout.contains("authorization: Bearer $(cat '") && !stdout.contains("sesame"), "{stdout}");
}

#[tokio::test]
async fn data_of_an_earlier_run_is_still_queryable() {
    let (directory, ports) = (tempfile::tempdir().unwrap(), ports());
    let client = reqwest::Client::new();
    let ingest = format!("http://127.0.0.1:{}/v1/events", port(&ports, "--ingest-port"));
    let query = format!("http://127.0.0.1:{}/v1/events", port(&ports, "--query-port"));
    let event = r#"{"source":"/sensors/1","type":"reading"}"#;
    let mut first = up(directory.path(), &ports, &[]);
    first.says("ready 4/4").await;
    let request = client.post(&ingest).header("content-type", "application/json").body(event);
    assert_eq!(request.send().await.unwrap().status(), 202);
    let rows = async || {
        let answer = client.get(&query).send().await.ok()?.text().await.ok()?;
        let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
        answer["events"].as_array().map(Vec::len).filter(|rows| *rows > 0)
    };
    assert_eq!(test_support::eventually("the event is queryable", rows).await, 1);
    // Killed, not stopped: what is left must not be in the way.
    first.signal(Signal::KILL);
    first.end().await;
    let second = up(directory.path(), &ports, &[]);
    second.says("ready 4/4").await;
    assert_eq!(test_support::eventually("the event is queryable again", rows).await, 1);
}

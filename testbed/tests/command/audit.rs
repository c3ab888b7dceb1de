//! `testbed audit` against a query API that answers what each test wants, and a real Redis.

use crate::testbed::Testbed;
use axum::Router;
use axum::routing::get;
use events::entry::EventsEntry;
use measurement::{Ledger, LedgerFile, SequenceSet};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::RedisServer;

const RUN: &str = "run-1";

/// A query API that holds `present` of the run.
async fn query_api(present: SequenceSet) -> String {
    let audit = json!({
        "runid": RUN, "events": present.len(), "distinct": present.len(), "unnumbered": 0, "ranges": present,
        "duplicates": [], "duplicates_total": 0, "dead": [], "complete": true, "reason": null,
    });
    let pipeline = json!({
        "ready": true, "caught_up": true, "partitions": [{"partition": 0, "backlog": 0, "results_behind": 0}],
    });
    let answer = |value: Value| get(async move || axum::Json(value));
    let router = Router::new()
        .route(&format!("/v1/runs/{RUN}/audit"), answer(audit))
        .route("/v1/pipeline", answer(pipeline));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> SequenceSet {
    range.collect()
}

/// A directory of results with the ledger of a run of which all is accepted.
fn results(accepted: SequenceSet) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger { sent: accepted.clone(), accepted, ..Ledger::default() };
    std::fs::create_dir(directory.path().join(RUN)).unwrap();
    let file = serde_json::to_vec(&LedgerFile::new(RUN, ledger)).unwrap();
    std::fs::write(directory.path().join(RUN).join("ledger.json"), file).unwrap();
    directory
}

async fn audit(results: &TempDir, query_url: &str, redis_url: &str, more: &[&str]) -> (i32, String, String) {
    let results = results.path().to_str().unwrap();
    let fixed =
        ["audit", "--run", RUN, "--results", results, "--query-url", query_url, "--redis-url", redis_url];
    Testbed::run(&[&fixed, more].concat()).await
}

#[tokio::test]
async fn complete_run_holds() {
    let query = query_api(numbers(1..=5)).await;
    // Redis is not needed where nothing is missing.
    let (code, stdout, stderr) = audit(&results(numbers(1..=5)), &query, "redis://127.0.0.1:1", &[]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("5 sent, 5 accepted, 5 queryable, 0 lost, 0 duplicated"), "{stdout}");
    assert!(
        stdout.ends_with("the audit holds: every accepted event is queryable exactly once\n"),
        "{stdout}"
    );
}

#[tokio::test]
async fn lost_events_are_named_with_the_stage_that_has_them() {
    let redis = RedisServer::start().await;
    let event = format!(
        r#"{{"specversion":"1.0","id":"4","source":"/s","type":"t","runid":"{RUN}","sequence":"4"}}"#
    );
    let mut command = redis::cmd("XADD");
    command.arg("testbed:{0}:events").arg("*");
    for (name, value) in (EventsEntry { count: 1, accepted_us: 1, by: "ingest", events: &event }).fields() {
        command.arg(name).arg(value.as_ref());
    }
    command.query_async::<()>(&mut redis.connection().await).await.unwrap();
    let query = query_api(numbers(1..=3)).await;
    let (code, stdout, _) = audit(&results(numbers(1..=5)), &query, &redis.url(), &[]).await;
    assert_eq!(code, 2);
    let undelivered = "1 lost: process-worker has not processed it: it is in events and was given to no worker\n  sequence 4\n";
    let nowhere =
        "1 lost: redis: it was confirmed, then lost, or trimmed after its retention\n  sequence 5\n";
    assert!(stdout.contains(undelivered) && stdout.contains(nowhere), "{stdout}");
    assert!(stdout.ends_with("the audit is violated\n"), "{stdout}");
}

#[tokio::test]
async fn report_can_be_json() {
    let query = query_api(numbers(2..=6)).await;
    let (code, stdout, _) = audit(&results(numbers(1..=5)), &query, "redis://127.0.0.1:1", &["--json"]).await;
    assert_eq!(code, 2);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["verdict"]["outcome"], "fail");
    assert_eq!(report["findings"][0]["sequences"], json!([[1, 1]]));
    assert_eq!(report["findings"][1]["violation"], "phantom");
    assert!(
        report["notes"][0].as_str().unwrap().starts_with("cannot look in redis at 127.0.0.1:1 "),
        "{report}"
    );
}

#[tokio::test]
async fn audit_that_cannot_be_carried_out_exits_with_1() {
    let results = results(numbers(1..=5));
    let no_query =
        audit(&results, "http://127.0.0.1:1", "redis://127.0.0.1:1", &["--drain-timeout-s", "0"]).await;
    assert_eq!(no_query.0, 1);
    assert!(
        no_query.2.starts_with("testbed: http://127.0.0.1:1/v1/runs/run-1/audit does not answer"),
        "{no_query:?}"
    );
    let (code, _, stderr) = Testbed::run(&["audit", "--run", "run-2", "--results", "/nowhere"]).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with("testbed: there is neither /nowhere/run-2/ledger.json nor "), "{stderr}");
}

//! `testbed audit` against a query API that answers what each test wants, and a real Redis.

use crate::testbed::Testbed;
use axum::Router;
use axum::routing::get;
use events::entry::EventsEntry;
use measurement::{Fates, Ledger, LedgerFile, SequenceSet};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::RedisServer;

const RUN: &str = "run-1";
/// When the run began.
const STARTED_S: i64 = 1_700_000_000;

/// A query API that holds `present` of the run.
async fn query_api(present: SequenceSet) -> String {
    query_api_since(present, STARTED_S).await
}

/// The same, where the first event is from this time by the clock of Redis.
async fn query_api_since(present: SequenceSet, first_row_s: i64) -> String {
    let audit = json!({
        "runid": RUN, "events": present.len(), "distinct": present.len(), "unnumbered": 0, "ranges": present,
        "duplicates": [], "duplicates_total": 0, "dead": [], "complete": true, "reason": null,
    });
    let pipeline = json!({
        "ready": true, "caught_up": true, "partitions": [{"partition": 0, "backlog": 0, "results_behind": 0}],
    });
    let events = json!({"events": [{"position": format!("{}-0.0", first_row_s * 1000)}], "next": null});
    let answer = |value: Value| get(async move || axum::Json(value));
    let router = Router::new()
        .route(&format!("/v1/runs/{RUN}/audit"), answer(audit))
        .route("/v1/events", answer(events))
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
    write_ledger(&directory, RUN, "", 1, accepted);
    directory
}

/// Writes the ledger of a run that took `length_s`, or of one of its shards.
fn write_ledger(results: &TempDir, run: &str, shard: &str, length_s: i64, accepted: SequenceSet) {
    let ledger = Ledger { first: Fates { accepted, ..Fates::default() }, ..Ledger::default() };
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let file = LedgerFile::new(run, at(STARTED_S), at(STARTED_S + length_s), ledger);
    let directory = results.path().join(run).join(shard);
    std::fs::create_dir_all(&directory).unwrap();
    file.write(std::fs::File::create(directory.join("ledger.json")).unwrap()).unwrap();
}

async fn audit(results: &TempDir, query_url: &str, redis_url: &str, more: &[&str]) -> (i32, String, String) {
    audit_newest(results, query_url, redis_url, &[&["--run", RUN], more].concat()).await
}

async fn audit_newest(
    results: &TempDir,
    query_url: &str,
    redis_url: &str,
    more: &[&str],
) -> (i32, String, String) {
    let results = results.path().to_str().unwrap();
    let fixed = ["audit", "--results", results, "--query-url", query_url, "--redis-url", redis_url];
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
    let undelivered = "1 lost: process-worker has not processed it: it is in events and was given to no worker\n  sequence 4\n  id run-1-4\n";
    let nowhere = "1 lost: redis: it was confirmed, then lost, or trimmed after its retention\n  sequence 5\n  id run-1-5\n";
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
    assert_eq!(report["findings"][0]["ids"], json!(["run-1-1"]));
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

#[tokio::test]
async fn newest_run_is_audited_where_none_is_named() {
    let query = query_api(numbers(1..=5)).await;
    let results = results(numbers(1..=5));
    write_ledger(&results, "older", "", 0, numbers(1..=9));
    let (code, stdout, _) = audit_newest(&results, &query, "redis://127.0.0.1:1", &[]).await;
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.starts_with("run run-1: 5 sent, 5 accepted, 5 queryable, "), "{stdout}");
    assert!(stdout.contains("note: run-1 is the newest run in "), "{stdout}");
}

#[tokio::test]
async fn run_id_that_was_used_before_is_told() {
    // Without a look at their age, the rows of the earlier run hide that all of this one is lost.
    let query = query_api_since(numbers(1..=5), STARTED_S - 61).await;
    let (code, stdout, _) = audit(&results(numbers(1..=5)), &query, "redis://127.0.0.1:1", &[]).await;
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("\nthe audit cannot say: the run id was used before: the first event of run-1 "));
    assert_eq!(stdout.matches("used before").count(), 1, "{stdout}");
    assert!(stdout.ends_with("; choose another with --run-id, or start with fresh data\n"), "{stdout}");
}

#[tokio::test]
async fn run_without_the_ledger_of_a_shard_neither_holds_nor_is_violated() {
    let query = query_api(numbers(1..=4)).await;
    let results = tempfile::tempdir().unwrap();
    for shard in [0, 1, 3] {
        write_ledger(&results, RUN, &format!("shard-{shard}-of-4"), 1, numbers(shard + 1..=shard + 1));
    }
    let (code, stdout, _) = audit(&results, &query, "redis://127.0.0.1:1", &[]).await;
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.ends_with("the audit cannot say: ledger of shard 2 of 4 is not there\n"), "{stdout}");
    assert!(!stdout.contains("should not exist"), "{stdout}");

    write_ledger(&results, RUN, "shard-2-of-4", 1, numbers(3..=3));
    let (code, stdout, _) = audit(&results, &query, "redis://127.0.0.1:1", &[]).await;
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("4 sent, 4 accepted, 4 queryable, 0 lost"), "{stdout}");
}

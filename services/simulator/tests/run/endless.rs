//! A run without end, as the part of a testbed that sends the load.

use std::time::Instant;

use measurement::hlog;
use simulator::RunResult;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::program::{signal, start};
use super::receiver::{Answer, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn endless_run_goes_on_until_it_is_told_to_stop() {
    let receiver = Receiver::start(|_| Answer::Accept).await;
    let directory = tempfile::tempdir().unwrap();
    let flags = "--rate 200 --forever --statistics-interval-s 1 --json";
    let began = Instant::now();
    let mut child = start(directory.path(), &format!("--target {} {flags}", receiver.url()));
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut statistics = 0;
    while let Some(line) = log.next_line().await.unwrap() {
        // There is a line about the beginning, and one for each interval: nothing else while all is well.
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        match line["message"].as_str() {
            Some("starting" | "shutting down") => {}
            Some("statistics") => {
                // The run may begin in the middle of the first one.
                assert!(line["statistics"].as_str().unwrap().contains("simulator.phase="), "{line}");
                statistics += 1;
            }
            Some("stopped") => break,
            _ => panic!("{line}"),
        }
        if statistics == 3 {
            signal(&child, "-TERM").await;
        }
    }
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());

    let result: RunResult = serde_json::from_slice(&output.stdout).unwrap();
    // It has ended as it was meant to.
    assert!(!result.interrupted);
    assert!(result.verdict.reasons.iter().all(|reason| reason.check != "interrupted"));
    assert!(result.elapsed_s >= 1.0, "{}", result.elapsed_s);
    assert!(statistics <= began.elapsed().as_secs() + 1, "{statistics} lines");
    assert_eq!(result.totals.events.sent, receiver.received().sequences.len());
    let results = directory.path().join("run-1");
    assert!(!results.join("timeseries.csv").exists());
    assert!(!result.files.contains(&"timeseries.csv".to_owned()));
    let log = std::fs::read(results.join("response-time.hlog")).unwrap();
    let intervals: Vec<_> = hlog::intervals(&log).map(Result::unwrap).collect();
    assert_eq!(intervals.len(), 1);
    assert_eq!(intervals[0].histogram.count(), result.totals.requests.sent);
}

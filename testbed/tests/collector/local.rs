//! One machine: `testbed up` and the tests of telemetry.

use std::collections::BTreeMap;

use test_support::eventually;

use crate::payloads::{TRACE_ID, log_record, metrics, span};
use crate::process::{Collector, Port};
use crate::scrape::{sample, samples};

const LOCAL: &[&str] = &["base", "local"];

#[tokio::test]
async fn series_have_classic_names_and_the_labels_of_their_source() {
    let collector = Collector::start(LOCAL, &[]).await;

    collector.send("metrics", &metrics()).await;

    let counter =
        sample(&collector, "the counter is scraped", |sample| sample.name == "worker_events_processed_total")
            .await;
    assert!((counter.value - 41.0).abs() < f64::EPSILON);
    let mut expected = source_labels();
    expected.insert("outcome".to_owned(), "stored".to_owned());
    assert_eq!(counter.labels, expected);

    let buckets = samples(&collector).await.into_iter();
    let buckets = buckets.filter(|sample| sample.name == "http_server_request_duration_seconds_bucket");
    let bounds: Vec<_> =
        buckets.filter_map(|sample| Some((sample.label("le")?.to_owned(), sample.value))).collect();
    assert_eq!(bounds, [("0.1".to_owned(), 1.0), ("+Inf".to_owned(), 3.0)]);
}

#[tokio::test]
async fn span_is_kept_as_a_line_and_counted_with_an_exemplar() {
    let collector = Collector::start(LOCAL, &[]).await;

    collector.send("traces", &span()).await;

    eventually("the span is in the file", async || {
        collector.file("traces.jsonl").lines().find(|line| line.contains(TRACE_ID)).map(str::to_owned)
    })
    .await;
    let bucket = sample(&collector, "a bucket has the span as its exemplar", |sample| {
        sample.name == "traces_span_metrics_duration_seconds_bucket"
            && sample.exemplar.as_ref().is_some_and(|exemplar| exemplar.contains(TRACE_ID))
    })
    .await;
    let mut expected = source_labels();
    for (key, value) in [
        ("le", "0.0025"),
        ("span_name", "process events"),
        ("span_kind", "SPAN_KIND_CONSUMER"),
        ("status_code", "STATUS_CODE_UNSET"),
    ] {
        expected.insert(key.to_owned(), value.to_owned());
    }
    assert_eq!(bucket.labels, expected);
    sample(&collector, "the span is counted", |sample| {
        sample.name == "traces_span_metrics_calls_total" && (sample.value - 1.0).abs() < f64::EPSILON
    })
    .await;
}

#[tokio::test]
async fn log_record_is_kept_as_a_line_with_its_whole_resource() {
    let collector = Collector::start(LOCAL, &[]).await;

    collector.send("logs", &log_record("started")).await;

    let line = eventually("the record is in the file", async || {
        collector.file("logs.jsonl").lines().find(|line| line.contains("\"started\"")).map(str::to_owned)
    })
    .await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let attributes = line["resourceLogs"][0]["resource"]["attributes"].as_array().unwrap();
    assert!(attributes.iter().any(|attribute| attribute["key"] == "vcs.ref.head.revision"), "{attributes:?}");
}

#[tokio::test]
async fn collector_that_is_told_to_end_has_written_what_it_accepted() {
    let mut collector = Collector::start(LOCAL, &[]).await;
    for number in 0..50 {
        collector.send("logs", &log_record(&format!("record {number}"))).await;
    }

    let status = collector.terminate().await;

    assert!(status.success(), "{status}");
    let text = collector.file("logs.jsonl");
    for number in 0..50 {
        assert!(text.contains(&format!("\"record {number}\"")), "record {number} is not in the file");
    }
}

#[tokio::test]
async fn collector_reports_on_itself() {
    let collector = Collector::start(LOCAL, &[]).await;

    collector.send("traces", &span()).await;

    eventually("the span is in the collector's own metrics", async || {
        let response = reqwest::get(collector.url(Port::Telemetry, "/metrics")).await.ok()?;
        let text = response.text().await.ok()?;
        let accepted =
            |line: &str| line.starts_with("otelcol_receiver_accepted_spans{") && line.ends_with("} 1");
        text.lines().any(accepted).then_some(())
    })
    .await;
}

/// What every series of the payloads' resource carries, and nothing else.
fn source_labels() -> BTreeMap<String, String> {
    [
        ("job", "process-worker"),
        ("instance", "worker-1"),
        ("service_name", "process-worker"),
        ("service_instance_id", "worker-1"),
        ("service_version", "0.1.0"),
        ("host_arch", "arm64"),
        ("host_name", "board-1"),
        ("k8s_node_name", "node-1"),
        ("k8s_pod_name", "pod-1"),
        ("testbed_run_id", "run-1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

//! Real sensor readings, replayed from their file through the whole pipeline: a year of hourly temperatures in Seattle.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Options, Pipeline};

/// Where `scripts/lib/real-input` puts the readings.
const READINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/real-input/seattle-temps.csv");

/// One for each hour of 2010 but the one that the clocks left out.
const RECORDS: usize = 8759;

/// Two thousand hours a second.
const WORKLOAD: &str = r#"
[events]
sources = { count = 1 }
types = [{ name = "testbed.temperature", values = "trace" }]

[[phases]]
name = "year"

[phases.replay]
file = "FILE"
time = "date"
format = "%Y/%m/%d %H:%M"
value = "temp"
unit = "fahrenheit"
speed = 7200000
"#;

#[tokio::test]
async fn replayed_readings_are_queryable_with_their_values() {
    let file = readings();
    let recorded = temperatures(&file);
    assert_eq!(recorded.len(), RECORDS);
    let pipeline = Pipeline::start(Options::default()).await;
    let workload = pipeline.path("workload.toml");
    let text = WORKLOAD.replace("FILE", file.to_str().expect("UTF-8"));
    std::fs::write(&workload, text).expect("a workload file");

    let run = pipeline.load("seattle-2010", &["--workload", &workload]).await;

    let verdict = pipeline.audit_holds(&run).await;
    assert_eq!((verdict.accepted, verdict.queryable), (RECORDS as u64, RECORDS as u64));
    let rows = pipeline.rows(run.run).await;
    let values = values(&rows);
    assert_eq!(values.len(), RECORDS);
    let differing = values.iter().zip(&recorded).position(|(value, recorded)| value != recorded);
    assert_eq!(differing, None, "sequence number of the first that is not as recorded");
    for row in &rows {
        let event = &row["event"];
        let described = (&event["source"], &event["type"], &event["data"]["unit"]);
        assert_eq!(described, (&"/sensors/0001".into(), &"testbed.temperature".into(), &"fahrenheit".into()));
    }
    let url = pipeline.query.url("/v1/summary?by=source");
    let summary: Value = reqwest::get(url).await.expect("answered").json().await.expect("JSON");
    let value = &summary["total"]["value"];
    let number = |name: &str| value[name].as_f64().unwrap_or_else(|| panic!("{name} in {summary}"));
    let mean = recorded.iter().sum::<f64>() / RECORDS as f64;
    assert_eq!(value["count"], RECORDS);
    assert!((number("mean") - mean).abs() < 1e-9, "{summary}, not {mean}");
    let of = |pick: fn(f64, f64) -> f64| recorded.iter().copied().reduce(pick).expect("a record");
    assert_eq!((number("min"), number("max")), (of(f64::min), of(f64::max)));
}

fn readings() -> PathBuf {
    let file = Path::new(READINGS);
    let found = file.canonicalize();
    found.unwrap_or_else(|error| panic!("{}: {error}; get it with: scripts/lib/real-input", file.display()))
}

/// The temperatures of the file in their order, without the simulator's reader.
fn temperatures(file: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let lines = text.lines().skip(1);
    lines.map(|line| line.split_once(',').expect("two columns").1.parse().expect("a number")).collect()
}

/// The values of events by their sequence number.
fn values(rows: &[Value]) -> Vec<f64> {
    let mut values: Vec<(u64, f64)> = rows.iter().map(|row| numbered(row).expect("a reading")).collect();
    values.sort_by_key(|(sequence, _)| *sequence);
    values.into_iter().map(|(_, value)| value).collect()
}

fn numbered(row: &Value) -> Option<(u64, f64)> {
    let event = &row["event"];
    Some((event["sequence"].as_str()?.parse().ok()?, event["data"]["value"].as_f64()?))
}

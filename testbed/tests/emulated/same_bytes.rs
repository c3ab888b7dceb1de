//! One seed makes one load, whatever a simulator runs on.

use crate::command::{alone, run};
use crate::pipeline::Pipeline;
use crate::programs::Programs;
use serde_json::Value;

/// Whatever is computed with logarithms, sines and powers: arrivals, popularity, sizes, values.
const WORKLOAD: &str = r#"
seed = 7
batch = { min = 1, max = 5 }
content-type = "batch"

[events]
sources = { count = 1000, popularity = "zipf", exponent = 1.1, shift-every = "1s" }
payload = { distribution = "lognormal", median = 200, sigma = 1.0 }
types = [
  { name = "temperature", weight = 3, values = "temperature" },
  { name = "humidity", values = "humidity" },
  { name = "pressure", values = "pressure" },
  { name = "vibration", values = "vibration" },
  { name = "counter", values = "counter" },
]

[[phases]]
name = "poisson"
duration = "2s"
rate = 200
arrivals = "poisson"

[[phases]]
name = "day"
duration = "2s"
rate = { shape = "sinusoid", mean = 150, amplitude = 120, period = "1s", phase = 0.75 }
arrivals = "poisson"
"#;

async fn schedule(architecture: &str, arguments: &[&str]) -> String {
    let programs = Programs::of(architecture);
    let output = run(programs.service("simulator").args(["schedule", "--csv"]).args(arguments)).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

#[tokio::test]
async fn schedule_is_the_same_on_both_architectures() {
    let _alone = alone().await;
    let workloads = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/simulator/workloads");
    let [shapes, phases] = ["shapes", "phases"].map(|name| format!("{workloads}/{name}.toml"));
    for arguments in [
        &["--rate", "1000", "--duration", "20s"][..],
        &["--rate", "1000", "--duration", "20s", "--arrivals", "poisson", "--batch", "1-100", "--seed", "3"],
        &["--workload", &shapes],
        &["--workload", &phases],
    ] {
        let [amd64, arm64] = [schedule("amd64", arguments).await, schedule("arm64", arguments).await];
        assert!(amd64.lines().count() > 100, "{arguments:?}");
        assert!(amd64 == arm64, "{arguments:?}: {}", difference(&amd64, &arm64));
    }
}

fn difference(amd64: &str, arm64: &str) -> String {
    let pairs = amd64.lines().zip(arm64.lines());
    let differing: Vec<_> = pairs.filter(|(amd64, arm64)| amd64 != arm64).collect();
    format!("{} lines differ, the first are {:?}", differing.len(), differing.first())
}

/// The events as they are stored, in the order in which they were planned, without the time of the run.
async fn events(architecture: &str) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let workload = directory.path().join("workload.toml");
    std::fs::write(&workload, WORKLOAD).unwrap();
    let pipeline = Pipeline::start(Programs::of(architecture)).await;
    pipeline.carry(&["--workload", workload.to_str().unwrap()]).await;
    let mut events = pipeline.events().await;
    events.sort_by_key(|event| event["sequence"].as_str().unwrap().parse::<u64>().unwrap());
    for event in &mut events {
        event.as_object_mut().unwrap().remove("time").unwrap();
    }
    events
}

#[tokio::test]
async fn events_are_the_same_on_both_architectures() {
    let (amd64, arm64) = (events("amd64").await, events("arm64").await);
    assert!(amd64.len() > 500, "{}", amd64.len());
    assert_eq!(amd64.len(), arm64.len());
    for (amd64, arm64) in amd64.iter().zip(&arm64) {
        assert_eq!(amd64, arm64);
    }
}

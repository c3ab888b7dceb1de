//! What cannot be had is refused before anything starts.

use crate::bench::Bench;
use std::path::Path;

#[tokio::test]
async fn value_that_a_service_does_not_take_is_refused_in_its_words() {
    let refusal = Bench::new("process-worker.WORK_AMOUNT = 0").refusal().await;
    assert!(
        refusal.contains("cannot be had on this machine: process-worker: WORK_AMOUNT: must be"),
        "{refusal}"
    );
}

#[tokio::test]
async fn load_that_the_simulator_cannot_send_is_refused_in_its_words() {
    let refusal = Bench::new("load.threads = 200").refusal().await;
    assert!(refusal.contains("the simulator refuses the load of this cell"), "{refusal}");
    assert!(refusal.contains("not more than there are connections"), "{refusal}");
}

#[tokio::test]
async fn programs_of_another_architecture_than_they_should_be_are_refused() {
    let programs = Path::new(env!("CARGO_BIN_EXE_testbed")).parent().unwrap();
    let other = if service::build::ARCH == "arm64" { "amd64" } else { "arm64" };
    let directory = [&format!("--programs-{other}"), programs.to_str().unwrap()];
    let settings = format!("placement = \"{other}\"");
    let refusal = Bench::with(&settings, &directory).refusal().await;
    assert!(refusal.contains("ingest-api is a program for "), "{refusal}");
    assert!(refusal.ends_with(&format!("not for {other}: name the right directory")), "{refusal}");
}

#[tokio::test]
async fn missing_programs_are_refused_with_what_makes_them() {
    let nowhere = tempfile::tempdir().unwrap();
    let directory = ["--programs-arm64", nowhere.path().to_str().unwrap()];
    let refusal = Bench::with("placement = \"emulated-arm64\"", &directory).refusal().await;
    assert!(
        refusal.contains("ingest-api is missing: run scripts/cross-build, or name the directory"),
        "{refusal}"
    );
}

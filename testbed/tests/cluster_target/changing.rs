//! A cluster that changes under a run.

use crate::fixture::{Fixture, NAMESPACE, cell};
use experiment::order::order;
use experiment::plan::Plan;
use experiment::record::Status;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use measurement::AuditOutcome;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use test_support::{eventually, eventually_within};
use testbed::experiment::run::{Progress, RunRequest, run};
use testbed::experiment::target::{Target as _, Testbed as _};

/// A load that nobody waits for.
const LONG: Duration = Duration::from_secs(90);

const PLAN: &str = "name = \"tiny\"\nquestion = \"Is it lost?\"\n[timing]\nwarm-up = \"1s\"\nmeasure = \"90s\"\n\
    [settings]\nrate = 200\n[[factors]]\nname = \"workers\"\nlevels = [1, 2]\n";

/// The pod of a service.
async fn pod(fixture: &Fixture, service: &str) -> String {
    let names = fixture.names::<Pod>().await;
    names.into_iter().find(|name| name.starts_with(service)).unwrap()
}

#[tokio::test]
async fn worker_that_is_started_again_ends_the_load_and_what_was_measured_is_kept() {
    let fixture = Fixture::start().await;
    let cell = cell(&[("rate", json!(200))]);
    let mut target = fixture.target().await;
    let mut testbed = target.start(&cell, fixture.directory.path()).await.unwrap();
    let worker = pod(&fixture, "process-worker").await;
    let pid = fixture.kubelet.executed()[&worker].to_string();
    let mut is_alive = true;
    let mut kill = |sample: experiment::sample::Sample| {
        if is_alive && sample.settled.is_some_and(|settled| settled > 0) {
            assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
            is_alive = false;
        }
    };
    let began = Instant::now();
    fixture.load_for(LONG, &mut testbed, &cell, "killed-1", &mut kill).await.unwrap();
    assert!(!is_alive && began.elapsed() < LONG, "{:?}", began.elapsed());
    let result = std::fs::read(fixture.directory.path().join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    assert!(result["interrupted"] == true && result["events"]["accepted"].as_u64() > Some(0), "{result}");
    assert_eq!(result["shards"]["missing"], json!([]), "both have left theirs: {}", result["shards"]);
    let report = fixture.audit(&testbed, "killed-1").await;
    assert_eq!(report.verdict.outcome, AuditOutcome::Pass, "another delivery: {report}");
    let facts = testbed.services().await.unwrap();
    let worker = facts.iter().find(|facts| facts.name == "process-worker").unwrap();
    assert_eq!(worker.restarts, 1);
    let deaths = testbed.deaths();
    assert!(deaths.len() == 1 && deaths[0].ends_with("was started again"), "{deaths:?}");
    testbed.stop().await.unwrap();
}

#[tokio::test]
async fn image_that_changes_and_pod_that_is_replaced_are_told() {
    let fixture = Fixture::start().await;
    let cell = cell(&[]);
    let mut target = fixture.target().await;
    let mut testbed = target.start(&cell, fixture.directory.path()).await.unwrap();
    let worker = pod(&fixture, "process-worker").await;
    let pods: Api<Pod> = Api::namespaced(fixture.client.clone(), NAMESPACE);
    let other =
        json!([{"op": "replace", "path": "/status/containerStatuses/0/imageID", "value": "r/q@sha256:bb"}]);
    let other = Patch::<Pod>::Json(serde_json::from_value(other).unwrap());
    pods.patch_status(&pod(&fixture, "query-api").await, &PatchParams::default(), &other).await.unwrap();
    testbed.services().await.unwrap();
    let told = testbed.deaths();
    assert!(
        told.len() == 1 && told[0].contains("has another image: sha256:bb instead of sha256:aaaa"),
        "{told:?}"
    );

    pods.delete(&worker, &DeleteParams::default()).await.unwrap();
    let told = eventually("the new pod is told", async || {
        testbed.services().await.unwrap();
        Some(testbed.deaths()).filter(|told| told.len() == 3)
    })
    .await;
    assert!(told[1].starts_with(&worker) && told[1].ends_with("has gone"), "{told:?}");
    assert!(told[2].ends_with("has come"), "{told:?}");
    testbed.stop().await.unwrap();
}

#[tokio::test]
async fn node_that_is_lost_makes_a_run_invalid_and_what_was_measured_is_kept() {
    let fixture = Fixture::of_this_architecture().await;
    let cell = cell(&[
        ("rate", json!(200)),
        ("placement", json!({"ingest-api": "clus1", "process-worker": "clus2", "query-api": "clus1"})),
    ]);
    let plan = Plan::parse(Path::new("experiment.toml"), PLAN.into()).unwrap();
    let planned = order(std::slice::from_ref(&cell), 1, 1).remove(0);
    let directory = fixture.directory.path();
    let request = RunRequest { plan: &plan, planned: &planned, cell: &cell, attempt: 1, directory };
    let is_measured = AtomicBool::new(false);
    let lose = async {
        eventually_within(LONG, "events are stored", async || is_measured.load(Relaxed).then_some(())).await;
        let nodes: Api<Node> = Api::all(fixture.client.clone());
        nodes.delete("clus2", &DeleteParams::default()).await.unwrap();
    };
    let mut watch = |progress: Progress<'_>| {
        if let Progress::Load(sample) = progress {
            is_measured.fetch_or(sample.settled.is_some_and(|settled| settled > 100), Relaxed);
        }
    };
    let mut target = fixture.target().await;
    let (record, ()) = tokio::join!(run(&mut target, request, Duration::ZERO, &mut watch), lose);
    let record = record.unwrap();
    let reasons = &record.verdict.reasons;
    assert_eq!(record.verdict.status, Status::Invalid);
    assert!(
        reasons.iter().any(|reason| reason.message == "the node clus2 is gone or not ready"),
        "{reasons:?}"
    );
    assert!(record.metrics["response-time-p50"].value > 0.0 && directory.join("samples.csv").is_file());
}

#[tokio::test]
async fn what_an_interrupted_run_has_left_is_taken_away_by_the_next() {
    let fixture = Fixture::start().await;
    let cell = cell(&[]);
    let mut target = fixture.target().await;
    drop(target.start(&cell, fixture.directory.path()).await.unwrap());
    let before = fixture.names::<Pod>().await;
    target.check(std::slice::from_ref(&cell)).await.unwrap();
    let testbed = target.start(&cell, fixture.directory.path()).await.unwrap();
    let after = fixture.names::<Pod>().await;
    assert!(
        before.len() == 4 && after.len() == 4 && after.iter().all(|name| !before.contains(name)),
        "{before:?} {after:?}"
    );
    testbed.stop().await.unwrap();
}

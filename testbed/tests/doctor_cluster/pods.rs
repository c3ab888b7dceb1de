//! Pods that fail are diagnosed from what the API server says of them.

use crate::collecting::{Fixture, has_ended, of_pods, waiting};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use test_cluster::{Behaviour, PullError, Script};
use testbed::doctor::check::Check;
use testbed::doctor::facts::Facts;

/// The only error of pods.
fn only(facts: &Facts, check: Check, evidence: &str) {
    let found = of_pods(facts);
    assert_eq!(found.len(), 1, "{found:#?}\n{:#?}", facts.cluster);
    assert!(found[0].0 == check && found[0].1.contains(evidence), "{found:#?}");
}

#[tokio::test]
async fn a_pod_that_runs_has_no_finding() {
    let fixture = Fixture::start("doctor-runs", &["amd64"]).await;
    let facts = fixture.run(Script::new(Behaviour::Runs), |status| status.ready).await;
    assert!(of_pods(&facts).is_empty());
    let cluster = facts.cluster.known().unwrap();
    assert_eq!(
        cluster.namespace_labels.as_ref().unwrap()["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
    assert_eq!(cluster.pods[0].node.as_deref(), Some("doctor-runs-amd64"));
    assert!(cluster.version.starts_with("v1.") && cluster.missing.is_empty(), "{cluster:#?}");
    // The one clock of this machine.
    let offset_ms = *fixture.nodes(&facts)[0].clock_offset_ms.known().unwrap();
    assert!(offset_ms.abs() < 5_000, "{offset_ms}");
}

#[tokio::test]
async fn a_pull_over_https_from_a_plain_registry_is_diagnosed() {
    let fixture = Fixture::start("doctor-http", &["arm64"]).await;
    let script = Script::new(Behaviour::PullFails(PullError::HttpRegistry));
    let facts = fixture.run(script, |status| waiting(status) == Some("ImagePullBackOff")).await;
    only(&facts, Check::NodePulls, "HTTP response to HTTPS client");
}

#[tokio::test]
async fn a_program_of_another_architecture_is_diagnosed_by_its_last_line() {
    let fixture = Fixture::start("doctor-exec", &["arm64"]).await;
    let script =
        Script::new(Behaviour::ExecFormatError).logs(&["exec /usr/local/bin/query-api: exec format error"]);
    let facts = fixture.run(script, has_ended).await;
    only(&facts, Check::ProgramArchitecture, "exec format error");
}

#[tokio::test]
async fn what_was_killed_for_its_memory_is_diagnosed() {
    let fixture = Fixture::start("doctor-memory", &["arm64"]).await;
    let facts = fixture.run(Script::new(Behaviour::OutOfMemory), has_ended).await;
    only(&facts, Check::Memory, "OOMKilled");
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_is_diagnosed() {
    let fixture = Fixture::start("doctor-denied", &["arm64"]).await;
    let script = Script::new(Behaviour::PermissionDenied);
    let facts = fixture.run(script, |status| waiting(status) == Some("CrashLoopBackOff")).await;
    only(&facts, Check::NonRoot, "permission denied");
}

#[tokio::test]
async fn an_illegal_instruction_is_diagnosed() {
    let fixture = Fixture::start("doctor-illegal", &["arm64"]).await;
    let script = Script::new(Behaviour::Crashes { exit_code: 132 });
    let facts = fixture.run(script, has_ended).await;
    only(&facts, Check::InstructionSet, "132");
}

#[tokio::test]
async fn what_another_doctor_left_behind_is_not_the_testbed() {
    let fixture = Fixture::start("doctor-left", &["arm64"]).await;
    let (label, doctor) = ("app.kubernetes.io/component", "doctor");
    let script = || Script::new(Behaviour::PullFails(PullError::NotFound));
    let facts = fixture.run(script(), |status| waiting(status) == Some("ImagePullBackOff")).await;
    only(&facts, Check::NodePulls, "not found");
    let labelled = json!({"metadata": {"labels": {label: doctor}}});
    let parameters = PatchParams::default();
    fixture.pods().patch("query-api-1", &parameters, &Patch::Merge(labelled)).await.unwrap();
    assert!(of_pods(&fixture.collect().await).is_empty());
}

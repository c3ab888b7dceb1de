//! Each file in `recorded` is a pod as the API server gives it, with its events, its node and its last words.

use super::*;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    pod: Pod,
    events: Vec<Event>,
    node: Option<Node>,
    last_lines: Vec<String>,
}

fn recorded(name: &str) -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/pods/recorded");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn state(name: &str) -> PodState {
    let recorded = recorded(name);
    let events: Vec<&Event> = recorded.events.iter().collect();
    observe(&recorded.pod, &events, recorded.node.as_ref(), &recorded.last_lines)
}

/// A word of the cause, one of the evidence, one of the remedy, and whether waiting cannot help.
const FAILURES: [(&str, &str, &str, &str, bool); 26] = [
    ("plain_http_registry", "r3-node (arm64) cannot pull", "HTTP response to HTTPS", "registries.yaml", true),
    (
        "no_child_for_the_platform",
        "no child for this node's architecture",
        "no match for platform",
        "build-images",
        true,
    ),
    ("image_absent", "does not have this image", "not found", "push it", true),
    ("registry_unreachable", "cannot reach the registry", "connection refused", "start the registry", false),
    ("registry_wants_login", "wants a login", "insufficient_scope", "registries.yaml", true),
    ("parent_snapshot_missing", "a layer below", "parent snapshot", "crictl rmi", false),
    ("invalid_image_name", "is no name of an image", "${REVISION}", "testbed images pin", true),
    ("exec_format_error_in_the_log", "not for r3-node (arm64)", "exec format error", "images verify", true),
    ("exec_format_error_of_runc", "not for r3-node (arm64)", "exec format error", "images verify", true),
    ("program_unreadable", "may not execute its program", "/root/app", "outside /root", true),
    ("program_absent", "is not in its image", "no such file", "images verify", true),
    ("user_not_numeric", "only a number", "non-numeric user (app)", "65532", true),
    ("configuration_absent", "does not exist", "pipeline-7g2k9m4h5t", "create it", true),
    ("out_of_memory", "its limit of 128Mi", "OOMKilled", "raise the limit", true),
    ("out_of_memory_once", "its limit of 128Mi", "OOMKilled", "raise the limit", false),
    ("configuration_refused", "refuses its configuration", "PARTITIONS", "the variable that it names", true),
    ("crash_loop", "ends by itself", "cannot reach redis", "testbed logs --previous", true),
    ("first_crash", "ends by itself", "cannot reach redis", "testbed logs --previous", false),
    ("illegal_instruction", "an instruction that this processor does not have", "132", "target-cpu", true),
    ("killed_by_probe", "because its probe failed", "137", "startup probe", true),
    ("affinity_unmet", "tainted", "control-plane", "remove the taint", false),
    ("affinity_unmet_everywhere", "no node has the architecture", "node affinity", "--placement", true),
    ("volume_elsewhere", "its volume lives on a node", "volume node affinity", "emptyDir", true),
    ("memory_short", "unreserved memory", "Insufficient memory", "lower its request", false),
    ("evicted", "more to its disk", "EmptyDir volume", "sizeLimit", false),
    ("mount_fails", "mounts what does not exist", "simulator-job-workload", "create it", false),
];

#[test]
fn failures_have_cause_evidence_and_remedy() {
    for (name, cause, evidence, remedy, is_final) in FAILURES {
        let diagnosis = state(name).diagnosis.unwrap_or_else(|| panic!("{name} has no diagnosis"));
        assert!(diagnosis.cause.contains(cause), "{name}: {diagnosis:#?}");
        assert!(diagnosis.evidence.contains(evidence), "{name}: {diagnosis:#?}");
        assert!(diagnosis.remedy.contains(remedy), "{name}: {diagnosis:#?}");
        assert_eq!(diagnosis.is_final, is_final, "{name}: {diagnosis:#?}");
    }
}

#[test]
fn node_that_is_silent_is_named() {
    let diagnosis = state("node_silent").diagnosis.unwrap();
    assert_eq!(diagnosis.cause, "its node r3-node is not ready");
}

#[test]
fn pod_that_comes_up_says_what_is_next_and_has_no_fault() {
    for (name, next) in [("pulling", "the image of ingest-api, being pulled"), ("probes_fail", "its probes")]
    {
        let state = state(name);
        assert_eq!((state.waiting_for.as_deref(), state.diagnosis), (Some(next), None), "{name}");
    }
    assert_eq!(state("memory_short").waiting_for.as_deref(), Some("a node"));
}

#[test]
fn ready_pod_shows_where_it_runs_and_what() {
    let state = state("ready");
    assert_eq!((state.node.as_deref(), state.architecture.as_deref()), (Some("r3-node"), Some("arm64")));
    assert!(state.digest.unwrap().starts_with("sha256:4f1c"));
    assert_eq!((state.is_ready, state.waiting_for, state.service.as_str()), (true, None, "ingest-api"));
}

#[test]
fn crash_that_is_over_is_no_fault() {
    let state = state("ready_after_a_crash");
    assert_eq!((state.diagnosis, state.restarts), (None, 1));
}

#[test]
fn pod_that_is_deleted_has_no_fault() {
    let mut recorded = recorded("crash_loop");
    recorded.pod.metadata.deletion_timestamp = serde_json::from_str("\"2026-11-21T17:00:00Z\"").unwrap();
    let state = observe(&recorded.pod, &[], None, &[]);
    assert_eq!((state.phase.as_str(), state.diagnosis), ("Terminating", None));
}

#[test]
fn last_words_are_those_of_the_run_that_ended() {
    assert_eq!(ended_container(&recorded("crash_loop").pod), Some(("ingest-api", true)));
    assert_eq!(ended_container(&recorded("ready").pod), None);
}

#[test]
fn refused_creation_is_explained() {
    let quota = "pods \"ingest-api-1\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0";
    assert!(of_refused_creation(quota).unwrap().cause.contains("quota"));
    let security =
        "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true";
    assert!(of_refused_creation(security).unwrap().cause.contains("pod security"));
    assert_eq!(of_refused_creation("Timeout: request did not complete within requested timeout"), None);
}

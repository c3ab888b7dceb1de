//! Nodes and pods that do not do what they should.

use super::change::{container, known, node, pod, probe};
use testbed::doctor::facts::{Facts, RefusalFacts};

pub(super) fn no_mirror(facts: &mut Facts) {
    let error = "failed to do request: Head \"https://192.168.0.35:5000/v2/testbed/ingest-api/manifests/0123456789ab\": http: server gave HTTP response to HTTPS client";
    known(&mut node(facts, "r3-node").pull).error = Some(error.to_owned());
}

pub(super) fn kept_image(facts: &mut Facts) {
    container(facts, "query-api").image_id =
        format!("192.168.0.35:5000/testbed/query-api@sha256:{}", "4".repeat(64));
}

/// What the API server says of both.
pub(super) fn refused_pods(facts: &mut Facts) {
    let quota = "pods \"query-api-7c9fd8b64-\" is forbidden: exceeded quota: testbed, requested: limits.memory=256Mi, used: limits.memory=4Gi, limited: limits.memory=4Gi";
    let security = "pods \"ingest-api-6d4b75cb6d-\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod or container \"ingest-api\" must set securityContext.runAsNonRoot=true)";
    for (object, message) in [("Deployment query-api", quota), ("Deployment ingest-api", security)] {
        let refusal = RefusalFacts { object: object.to_owned(), message: message.to_owned() };
        known(&mut facts.cluster).refusals.push(refusal);
    }
}

pub(super) fn unready_pod(facts: &mut Facts) {
    let pod = pod(facts, "process-worker");
    (pod.is_ready, pod.age_seconds) = (false, 300);
    pod.warnings.push("Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned());
}

pub(super) fn unreachable_redis(facts: &mut Facts) {
    probe(facts, "r3-node").reached[0].error = Some("10.43.0.12:6379: connection timed out".to_owned());
}

pub(super) fn no_memory_cgroup(facts: &mut Facts) {
    let probe = probe(facts, "r1-node");
    (probe.has_memory_cgroup, probe.cgroup_version) = (false, 1);
}

pub(super) fn slow_node(facts: &mut Facts) {
    let probe = probe(facts, "r1-node");
    for frequency in &mut probe.frequencies {
        (frequency.governor, frequency.current_khz) = ("ondemand".to_owned(), 600_000);
    }
    (probe.temperature_celsius, probe.firmware_throttled) = (Some(81.0), Some(0x50005));
}

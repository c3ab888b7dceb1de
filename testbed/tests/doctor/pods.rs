//! Checks of pods: that they are created, stay, and become ready.

use crate::facts::{container, found, healthy, known, only, pod, reasons};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::facts::{Facts, PodFacts, RefusalFacts};

fn refuse(facts: &mut Facts, message: &str) {
    let refusal = RefusalFacts { object: "Deployment query-api".to_owned(), message: message.to_owned() };
    known(&mut facts.cluster).refusals.push(refusal);
}

#[test]
fn pods_that_may_not_be_created_are_found() {
    for (message, cause, remedy) in [
        (
            "is forbidden: exceeded quota: testbed, requested: limits.memory=1Gi",
            "quota is used up",
            "raise the quota",
        ),
        (
            "is forbidden: failed quota: testbed: must specify limits.memory",
            "wants requests and limits",
            "LimitRange",
        ),
        (
            "is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
            "pod security",
            "securityContext",
        ),
        ("admission webhook \"x\" denied the request", "refuses the pods", "the message"),
    ] {
        let mut facts = healthy();
        refuse(&mut facts, message);
        let found = only(&facts, Check::Pods, Severity::Error);
        assert_eq!(found.subject, "Deployment query-api");
        assert!(found.tells(cause, message, remedy), "{found:#?}");
    }
}

fn end(facts: &mut Facts, reason: &str, message: &str) {
    let pod = pod(facts, "query-api");
    (pod.phase, pod.is_ready) = ("Failed".to_owned(), false);
    (pod.reason, pod.message) = (Some(reason.to_owned()), Some(message.to_owned()));
}

#[test]
fn evicted_pods_are_found() {
    for (message, remedy) in [
        ("The node was low on resource: memory.", "larger nodes"),
        ("Usage of EmptyDir volume \"cache\" exceeds the limit \"1Gi\".", "sizeLimit"),
        (
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
            "limits.ephemeral-storage",
        ),
        ("The node had condition: [DiskPressure].", "kubectl describe node"),
    ] {
        let mut facts = healthy();
        end(&mut facts, "Evicted", message);
        let found = only(&facts, Check::Pods, Severity::Warning);
        assert!(found.tells("node ended the pod", &format!("Evicted: {message}"), remedy), "{found:#?}");
    }
}

#[test]
fn a_pod_that_its_program_ended_is_none_that_the_node_ended() {
    let mut facts = healthy();
    end(&mut facts, "Evicted", "");
    pod(&mut facts, "query-api").reason = None;
    assert!(found(&facts).is_empty());
}

fn unready(facts: &mut Facts) -> &mut PodFacts {
    let pod = pod(facts, "query-api");
    (pod.is_ready, pod.age_seconds) = (false, 120);
    pod
}

#[test]
fn a_pod_that_does_not_become_ready_is_found_with_what_it_says() {
    let mut facts = healthy();
    let said = "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503";
    unready(&mut facts).warnings.push(said.to_owned());
    let found = only(&facts, Check::Pods, Severity::Error);
    assert!(found.tells("not ready", &format!("not ready after 120 s: {said}"), "/readyz"), "{found:#?}");
}

#[test]
fn a_volume_that_is_not_mounted_is_found() {
    let mut facts = healthy();
    let pod = unready(&mut facts);
    pod.phase = "Pending".to_owned();
    pod.warnings.push("FailedMount: configmap \"otel\" not found".to_owned());
    let container = container(&mut facts, "query-api");
    container.waiting = Some("ContainerCreating".to_owned());
    let found = only(&facts, Check::Pods, Severity::Error);
    assert!(found.tells("cannot be mounted", "configmap \"otel\"", "overlay"), "{found:#?}");
}

#[test]
fn a_pod_that_never_starts_is_found() {
    let mut facts = healthy();
    unready(&mut facts).phase = "Pending".to_owned();
    let found = only(&facts, Check::Pods, Severity::Error);
    assert!(found.tells("not started", "nothing was said", "kubectl describe pod query-api-"), "{found:#?}");
}

#[test]
fn a_young_pod_may_not_be_ready_yet() {
    let mut facts = healthy();
    unready(&mut facts).age_seconds = 119;
    assert!(found(&facts).is_empty());
}

#[test]
fn what_has_ended_or_is_not_placed_needs_not_be_ready() {
    let mut facts = healthy();
    unready(&mut facts).phase = "Succeeded".to_owned();
    assert!(found(&facts).is_empty());
    let pod = unready(&mut facts);
    (pod.phase, pod.node) = ("Pending".to_owned(), None);
    assert!(found(&facts).is_empty());
}

#[test]
fn a_pod_whose_container_tells_why_is_not_told_twice() {
    let mut facts = healthy();
    unready(&mut facts);
    container(&mut facts, "query-api").waiting = Some("ImagePullBackOff".to_owned());
    only(&facts, Check::NodePulls, Severity::Error);
    let container = container(&mut facts, "query-api");
    // It runs again, since it was killed.
    (container.waiting, container.ended) = (None, Some("OOMKilled".to_owned()));
    only(&facts, Check::Memory, Severity::Error);
}

#[test]
fn a_configuration_that_is_not_there_is_found() {
    let mut facts = healthy();
    let container = container(&mut facts, "query-api");
    container.waiting = Some("CreateContainerConfigError".to_owned());
    container.message = Some("secret \"redis-password\" not found".to_owned());
    let found = only(&facts, Check::Pods, Severity::Error);
    assert!(found.tells("ConfigMap or a Secret", "redis-password", "overlay"), "{found:#?}");
}

#[test]
fn a_crash_that_nothing_else_explains_is_found_with_its_last_lines() {
    let mut facts = healthy();
    let container = container(&mut facts, "query-api");
    container.waiting = Some("CrashLoopBackOff".to_owned());
    (container.ended, container.exit_code) = (Some("Error".to_owned()), Some(64));
    container.last_lines = vec!["REDIS_URL is no URL".to_owned()];
    let found = only(&facts, Check::Pods, Severity::Error);
    assert!(found.tells("again and again", "exit code 64", "--previous"), "{found:#?}");
    assert!(found.failure.evidence.contains("REDIS_URL is no URL"));
}

#[test]
fn events_that_could_not_be_listed_are_told() {
    let mut facts = healthy();
    known(&mut facts.cluster).missing.push("list events: events is forbidden".to_owned());
    assert_eq!(reasons(&facts, Check::Pods), ["list events: events is forbidden"]);
}

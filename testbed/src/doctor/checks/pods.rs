//! Whether pods are created, stay, and become ready.

use super::findings::{Findings, pod_subject, said};
use crate::doctor::facts::{ContainerFacts, Facts, PodFacts, RefusalFacts};
use crate::images::check::Failure;

/// A service opens its cache and follows what Redis has within that time, on an SD card too.
const READY_WITHIN_SECONDS: u64 = 120;

/// States of a container that say nothing of why it does not run.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Ends that other checks know the reason of.
const EXPLAINED: [&str; 5] =
    ["exec format error", "permission denied", "no such file or directory", "page size", "StartError"];

/// Nothing is kept from creating its pods; pods are not evicted, do not crash, and become ready.
pub(super) fn pods(facts: &Facts, findings: &mut Findings) {
    let Some(cluster) = findings.known("cluster", &facts.cluster) else { return };
    ["events", "deployments"].into_iter().for_each(|resource| findings.unlisted(facts, resource));
    findings.symptoms(facts, |_, container| crash(container));
    for refusal in &cluster.refusals {
        findings.error(&refusal.object, refused(refusal));
    }
    for pod in &cluster.pods {
        if let Some(reason) = pod.reason.as_ref().filter(|_| pod.phase == "Failed") {
            findings.warn(pod_subject(pod), ended(pod, reason));
        } else if pod.is_ready {
            findings.pass(pod_subject(pod), "ready");
        } else if is_late(pod) {
            findings.error(pod_subject(pod), unready(pod));
        }
    }
}

/// What keeps a container from running, where no other check explains it.
fn crash(container: &ContainerFacts) -> Option<Failure> {
    let text = said(container);
    let waiting = container.waiting.as_deref().unwrap_or_default();
    if waiting == "CreateContainerConfigError" && !text.contains("runAsNonRoot") {
        let cause = "the container needs a ConfigMap or a Secret that is not there";
        let remedy =
            "deploy all of the overlay, or create what it names, such as the Secret with Redis's password";
        return Some(Failure::new(cause, text, remedy));
    }
    let is_explained = EXPLAINED.iter().any(|phrase| text.contains(phrase))
        || container.exit_code.is_some_and(|code| matches!(code, 132 | 137));
    if waiting != "CrashLoopBackOff" || is_explained || container.name == "otel-collector" {
        return None;
    }
    let evidence = format!("exit code {}: {text}", container.exit_code.unwrap_or_default());
    let remedy = "look at `testbed logs --previous`; 64 is a setting that cannot be used";
    Some(Failure::new("the program ends again and again", evidence, remedy))
}

/// What an admission plugin's refusal means (texts of the API server).
fn refused(refusal: &RefusalFacts) -> Failure {
    let message = &refusal.message;
    let (cause, remedy) = if message.contains("exceeded quota") {
        (
            "a quota is used up, so pods are not created",
            "raise the quota, or lower requests, limits and replicas",
        )
    } else if message.contains("violates PodSecurity") {
        (
            "pod security refuses the pods, so they are not created",
            "give the pods the securityContext that it asks for, as those of kubernetes/base have it",
        )
    } else if message.contains("failed quota") || message.contains("must specify") {
        (
            "a quota wants requests and limits that the pods do not have, so they are not created",
            "set resources.requests and resources.limits of each container, or add a LimitRange with defaults",
        )
    } else {
        (
            "the API server refuses the pods, so they are not created",
            "put right what the message names, then deploy again",
        )
    };
    Failure::new(cause, message, remedy)
}

/// A pod that was ended by the node and not by its program.
fn ended(pod: &PodFacts, reason: &str) -> Failure {
    let message = pod.message.as_deref().unwrap_or("no message");
    let remedy = if message.contains("EmptyDir") || message.contains("ephemeral") {
        "raise the volume's sizeLimit or limits.ephemeral-storage, or lower what is kept (RETENTION_BYTES_MAX)"
    } else if message.contains("low on resource") {
        "free what the node is short of, or take a placement with larger nodes; `kubectl delete pod` clears the record"
    } else {
        "look at `kubectl describe node` of its node"
    };
    let cause = "the node ended the pod, and what it kept in its volumes is gone";
    Failure::new(cause, format!("{reason}: {message}"), remedy)
}

/// Runs for long enough to be ready, and nothing of its containers says why it is not.
fn is_late(pod: &PodFacts) -> bool {
    let is_silent = |container: &ContainerFacts| {
        container.ended.is_none()
            && container.waiting.as_deref().is_none_or(|waiting| STARTING.contains(&waiting))
    };
    let is_alive = matches!(pod.phase.as_str(), "Running" | "Pending") && pod.node.is_some();
    is_alive && pod.age_seconds >= READY_WITHIN_SECONDS && pod.containers.iter().all(is_silent)
}

fn unready(pod: &PodFacts) -> Failure {
    let warnings = pod.warnings.join("; ");
    let (cause, remedy) = if warnings.contains("FailedMount") {
        (
            "a volume of the pod cannot be mounted",
            "deploy all of the overlay, or create what the message names".to_owned(),
        )
    } else if pod.phase == "Pending" {
        ("the pod is placed but not started", format!("look at `kubectl describe pod {}`", pod.name))
    } else {
        (
            "the pod runs, but is not ready, so it gets no requests",
            format!(
                "run `kubectl port-forward {} 8080:http` and `curl http://127.0.0.1:8080/readyz`, which names what it waits for: Redis, as a rule",
                pod.name
            ),
        )
    };
    let told = if warnings.is_empty() { "nothing was said of it".to_owned() } else { warnings };
    Failure::new(cause, format!("not ready after {} s: {told}", pod.age_seconds), remedy)
}

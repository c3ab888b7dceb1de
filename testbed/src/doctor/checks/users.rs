//! Whether programs run as somebody who is not root, and can be read by him.

use super::findings::{Findings, said};
use super::images::take_over;
use crate::doctor::facts::{Facts, Workload};
use crate::images::check::{Check, Failure};

/// The label of a namespace that has pod security refuse pods.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Images name a number, manifests forbid root.
pub(super) fn non_root(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::User, Check::Access]);
    findings.symptoms(facts, |_, container| {
        let text = said(container);
        let remedy = "set USER 65532:65532, and install the program outside /root with mode 0755";
        if text.contains("runAsNonRoot") {
            return Some(Failure::new(
                "the image's user is root or a name, which the kubelet refuses",
                text,
                remedy,
            ));
        }
        let is_denied = text.contains("permission denied") && !text.contains("pull");
        is_denied.then(|| Failure::new("the user of the container cannot execute the program", text, remedy))
    });
    pod_security(facts, findings);
    let Some(manifests) = findings.known("manifests", &facts.manifests) else { return };
    for workload in &manifests.workloads {
        match root(workload) {
            Some(evidence) => {
                let cause =
                    "the manifest lets its containers run as root, which restricted pod security refuses";
                let remedy = "set runAsNonRoot: true and a numeric runAsUser in the pod's securityContext";
                findings.error(workload.subject(), Failure::new(cause, evidence, remedy));
            }
            None => findings.pass(workload.subject(), "runAsNonRoot"),
        }
    }
}

/// The namespace lets its pods do no more than the testbed's need. One that is not there yet, `testbed deploy` creates.
fn pod_security(facts: &Facts, findings: &mut Findings) {
    let Ok(cluster) = facts.cluster.known() else { return };
    if cluster.missing.iter().any(|missing| missing.starts_with("get namespace")) {
        return findings.leave(format!("namespace {}", cluster.namespace), "its labels could not be read");
    }
    let Some(labels) = &cluster.namespace_labels else { return };
    let subject = format!("namespace {}", cluster.namespace);
    let level = labels.get(ENFORCE).map_or("not set", String::as_str);
    let evidence = format!("{ENFORCE} is {level}");
    if level == "restricted" {
        return findings.pass(subject, evidence);
    }
    let cause =
        "the namespace does not enforce restricted pod security, so nothing keeps a pod from running as root";
    let remedy = format!("`kubectl label --overwrite namespace {} {ENFORCE}=restricted`", cluster.namespace);
    findings.warn(subject, Failure::new(cause, evidence, remedy));
}

fn root(workload: &Workload) -> Option<String> {
    let users =
        workload.containers.iter().map(|container| container.run_as_user).chain([workload.run_as_user]);
    if users.flatten().any(|user| user == 0) {
        return Some("runAsUser is 0".to_owned());
    }
    (!workload.run_as_non_root).then(|| "runAsNonRoot is not set".to_owned())
}

//! Whether images suit the architectures of the nodes.

use super::findings::{Findings, said};
use super::images::{repository, subject, take_over, take_over_with};
use super::placement::{eligible, names, nodes_of, services};
use crate::doctor::check::Severity;
use crate::doctor::facts::{Facts, NodeFacts};
use crate::images::check::{Check, CheckResult, Failure};
use crate::images::name::short;
use crate::images::platform::ARCHITECTURES;

const PLACE: &str = "choose another placement, label a node, or take a taint or a cordon away";

/// Every service has a node that may run it, and its image a child for each of these.
pub(super) fn index_covers_nodes(facts: &Facts, findings: &mut Findings) {
    take_over_with(facts, findings, &[Check::Index, Check::Platform], |findings, result, failure| {
        match result.check {
            // Told by check pinned.
            Check::Index if result.image.contains('@') => {}
            Check::Index => findings.error(subject(result), failure.clone()),
            _ => uncovered(facts, findings, result, failure),
        }
    });
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in facts.nodes.iter().filter(|node| !is_known(node)) {
        findings.find(severity_of(facts, node), node.subject(), foreign(node));
    }
    for workload in services(facts) {
        let nodes = eligible(facts, workload);
        if nodes.is_empty() {
            let cause = "no node satisfies the placement, so its pods are never started";
            let evidence = format!(
                "none of {} has the labels it asks for and no taint that it does not tolerate",
                names(&facts.nodes.iter().collect::<Vec<_>>())
            );
            findings.error(workload.subject(), Failure::new(cause, evidence, PLACE));
        } else {
            findings.pass(workload.subject(), format!("{} may run it", names(&nodes)));
        }
    }
    findings.unplaced(facts, "the scheduler finds no node for the pod", PLACE);
}

/// An image without a child for a platform: bad where a node of it may get it, or where nodes are not known.
fn uncovered(facts: &Facts, findings: &mut Findings, result: &CheckResult, failure: &Failure) {
    let Some(platform) = &result.platform else { return };
    let hit = nodes_of(facts, short(repository(&result.image)));
    let hit: Vec<&NodeFacts> = hit.into_iter().filter(|node| node.platform.is_same_as(platform)).collect();
    let mut failure = failure.clone();
    let severity = if !hit.is_empty() {
        failure.evidence = format!("{}; {} may get it", failure.evidence, names(&hit));
        Severity::Error
    } else if facts.cluster.known().is_err() {
        Severity::Error
    } else {
        Severity::Info
    };
    findings.find(severity, subject(result), failure);
}

fn is_known(node: &NodeFacts) -> bool {
    node.platform.os == "linux" && ARCHITECTURES.contains(&node.platform.architecture.as_str())
}

/// A node that gets no pod harms nobody.
fn severity_of(facts: &Facts, node: &NodeFacts) -> Severity {
    let gets_pods =
        services(facts).any(|workload| eligible(facts, workload).iter().any(|other| other.name == node.name));
    if gets_pods || facts.manifests.known().is_err() { Severity::Error } else { Severity::Info }
}

fn foreign(node: &NodeFacts) -> Failure {
    let evidence = format!("it reports {} ({})", node.platform, node.os_image);
    if node.platform.architecture == "arm" {
        let remedy =
            "install a 64-bit system on it, or keep the testbed away with placement arm64, amd64 or a cordon";
        return Failure::new(
            "the node runs a 32-bit userland, for which there are no images",
            evidence,
            remedy,
        );
    }
    let remedy = "keep the testbed away from it with placement arm64 or amd64";
    Failure::new("there are no images for the node's platform", evidence, remedy)
}

/// Each child holds a program of its own architecture.
pub(super) fn program_architecture(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::Entrypoint, Check::Machine]);
    findings.symptoms(facts, |_, container| {
        let cause = "the node got a program of another architecture, or one that was only half written when it lost power";
        let remedy = "pin the digest of the index and look at the other checks of the image; else remove it on the node with `k3s crictl rmi`";
        said(container).contains("exec format error").then(|| Failure::new(cause, said(container), remedy))
    });
}

/// The configuration of each child names the architecture that the index names.
pub(super) fn configuration_architecture(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::Configuration]);
}

/// Images hold the loader and the libraries of their programs.
pub(super) fn libc(facts: &Facts, findings: &mut Findings) {
    take_over(facts, findings, &[Check::Interpreter, Check::Libraries]);
    findings.symptoms(facts, |_, container| {
        let text = said(container);
        let is_start = container.ended.as_deref() == Some("StartError")
            || text.contains("failed to create containerd task");
        let cause = "the program, or the loader that it asks for, is not in the image";
        let remedy =
            "build on a base with the C library that the program was linked with, as the Dockerfile does";
        (is_start && text.contains("no such file or directory")).then(|| Failure::new(cause, text, remedy))
    });
}

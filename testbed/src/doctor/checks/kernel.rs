//! Whether nodes are healthy and their kernels have what is needed.

use super::findings::Findings;
use crate::doctor::facts::{Condition, Facts, NodeFacts};
use crate::images::check::Failure;
use node_facts::ProbeFacts;

/// Latencies across nodes are differences of clocks. Not less, as the message that tells an offset may take so long itself, on
/// a server that writes to an SD card.
const CLOCK_OFFSET_WARNING_MS: u64 = 500;

/// Certificates, leases and the order of logs suffer.
const CLOCK_OFFSET_ERROR_MS: u64 = 30_000;

/// Every node is ready, with a memory cgroup, the network's modules, and a clock that agrees.
pub(super) fn kernel(facts: &Facts, findings: &mut Findings) {
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in &facts.nodes {
        for condition in &node.conditions {
            conditions(node, condition, findings);
        }
        if let Some(offset_ms) = findings.known(&node.subject(), &node.clock_offset_ms) {
            clock(node, *offset_ms, findings);
        }
        if let Some(probe) = findings.known(&node.subject(), &node.probe) {
            look(node, probe, findings);
        }
    }
}

fn conditions(node: &NodeFacts, condition: &Condition, findings: &mut Findings) {
    let evidence = format!("{} is {}: {}", condition.kind, condition.status, condition.message);
    if condition.kind == "Ready" {
        if condition.status != "True" {
            let remedy = "look at `journalctl -u k3s -u k3s-agent` on the node";
            findings.error(
                node.subject(),
                Failure::new("the node is not ready, so its pods are moved or wait", evidence, remedy),
            );
        }
    } else if condition.status == "True" {
        let remedy = "free what it is short of; pods are evicted meanwhile";
        findings.warn(node.subject(), Failure::new("the node is short of something", evidence, remedy));
    }
}

fn look(node: &NodeFacts, probe: &ProbeFacts, findings: &mut Findings) {
    let kernel = format!("kernel {}, cgroup version {}", node.kernel, probe.cgroup_version);
    if probe.has_memory_cgroup {
        findings.pass(node.subject(), format!("memory cgroup; {kernel}"));
    } else {
        let cause = "the kernel does not account memory, so limits do not hold and k3s does not start";
        let remedy = "add `cgroup_memory=1 cgroup_enable=memory` to the line in /boot/firmware/cmdline.txt, and reboot";
        findings.error(node.subject(), Failure::new(cause, format!("no memory cgroup; {kernel}"), remedy));
    }
    if probe.cgroup_version == 1 {
        let cause = "the node runs cgroup version 1, on which kubelets from 1.35 on do not start by default";
        let remedy = "add `systemd.unified_cgroup_hierarchy=1` to the kernel's command line, and reboot";
        findings.warn(node.subject(), Failure::new(cause, kernel, remedy));
    }
    for (module, cause) in [
        ("br_netfilter", "packets between pods on one node may pass by services and network policies"),
        ("ip_set", "k3s skips network policies silently without it"),
    ] {
        if probe.modules.iter().any(|seen| seen == module) {
            findings.pass(node.subject(), module);
        } else {
            let remedy = format!(
                "run `modprobe {module}` on the node and name it in /etc/modules-load.d; it may also be built in"
            );
            findings.warn(node.subject(), Failure::new(cause, format!("{module} is not loaded"), remedy));
        }
    }
}

fn clock(node: &NodeFacts, offset_ms: i64, findings: &mut Findings) {
    let evidence = format!("its clock is {offset_ms} ms ahead of the one here");
    let cause = "the clocks of the node and of this machine disagree";
    let failure = Failure::new(cause, &evidence, "let chrony or systemd-timesyncd run on the node, and here");
    match offset_ms.unsigned_abs() {
        CLOCK_OFFSET_ERROR_MS.. => findings.error(node.subject(), failure),
        CLOCK_OFFSET_WARNING_MS.. => findings.warn(node.subject(), failure),
        _ => findings.pass(node.subject(), evidence),
    }
}

//! Whether nodes run at full and steady speed, and measured programs undisturbed.

use super::findings::Findings;
use super::placement::{scalers, services};
use crate::doctor::check::Severity;
use crate::doctor::facts::{Container, Facts, NodeFacts, PodFacts};
use crate::images::check::Failure;
use node_facts::ProbeFacts;
use std::collections::BTreeSet;

/// Boards slow down from 80 °C on; measured runs should stay clear of it.
const TEMPERATURE_CELSIUS_MAX: f64 = 75.0;

const SIMULATOR: &str = "simulator";

/// Bits of a Raspberry Pi's firmware that hold now; the same 16 bits higher have held since it was started.
const REASONS: [&str; 4] = ["under-voltage", "frequency capped", "throttled", "soft temperature limit"];

/// Governors, temperatures and throttling of each node; in a measured run, quality of service and autoscaling.
pub(super) fn performance_state(facts: &Facts, findings: &mut Findings) {
    if is_measured(facts) {
        measured_run(facts, findings);
    }
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in &facts.nodes {
        if let Some(probe) = findings.known(&node.subject(), &node.probe) {
            governor(node, probe, findings);
            temperature(node, probe, findings);
            firmware(node, probe, findings);
        }
    }
}

fn governor(node: &NodeFacts, probe: &ProbeFacts, findings: &mut Findings) {
    let governors: BTreeSet<&str> =
        probe.frequencies.iter().map(|frequency| frequency.governor.as_str()).collect();
    let Some(slowest) = probe.frequencies.iter().min_by_key(|frequency| frequency.current_khz) else {
        return findings.leave(node.subject(), "its processors show no frequencies, as in virtual machines");
    };
    let governors = governors.into_iter().collect::<Vec<_>>().join(", ");
    let evidence = format!(
        "governor {governors}, slowest processor at {} of {} MHz",
        slowest.current_khz / 1000,
        slowest.max_khz / 1000
    );
    if governors == "performance" {
        return findings.pass(node.subject(), evidence);
    }
    let remedy = "run `echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor` on the node before a measured run";
    let cause = "the governor changes the frequency with the load, so latencies at low load are those of a slower processor";
    findings.warn(node.subject(), Failure::new(cause, evidence, remedy));
}

fn temperature(node: &NodeFacts, probe: &ProbeFacts, findings: &mut Findings) {
    let Some(celsius) = probe.temperature_celsius else { return };
    let evidence = format!("{celsius:.0} °C");
    if celsius < TEMPERATURE_CELSIUS_MAX {
        return findings.pass(node.subject(), evidence);
    }
    let remedy = "cool it, or let it rest before a measured run";
    findings
        .warn(node.subject(), Failure::new("the node is so hot that it will slow down", evidence, remedy));
}

fn firmware(node: &NodeFacts, probe: &ProbeFacts, findings: &mut Findings) {
    let Some(bits) = probe.firmware_throttled else { return };
    let set = |shift: usize| -> Vec<&str> {
        let reasons = REASONS.into_iter().enumerate();
        reasons.filter(|(bit, _)| bits >> (bit + shift) & 1 == 1).map(|(_, reason)| reason).collect()
    };
    let remedy = "use a stronger power supply and better cooling, and reboot to clear the record";
    let (now, since) = (set(0), set(16));
    if !now.is_empty() {
        let evidence = format!("{} (get_throttled {bits:#x})", now.join(", "));
        findings
            .warn(node.subject(), Failure::new("the firmware holds the processor back", evidence, remedy));
    } else if !since.is_empty() {
        let evidence = format!("{} (get_throttled {bits:#x})", since.join(", "));
        let failure = Failure::new(
            "the firmware has held the processor back since the node was started",
            evidence,
            remedy,
        );
        findings.find(Severity::Info, node.subject(), failure);
    } else {
        findings.pass(node.subject(), "never throttled since it was started");
    }
}

/// With a simulator, in the manifests or in the cluster.
fn is_measured(facts: &Facts) -> bool {
    let is_running =
        |pod: &PodFacts| pod.service == SIMULATOR && matches!(pod.phase.as_str(), "Pending" | "Running");
    services(facts).any(|workload| workload.service == SIMULATOR)
        || facts.cluster.known().is_ok_and(|cluster| cluster.pods.iter().any(is_running))
}

/// Nothing scales, and what is measured has its processors for itself.
fn measured_run(facts: &Facts, findings: &mut Findings) {
    for scaler in scalers(facts) {
        let evidence = format!("{} scales {} up to {}", scaler.name, scaler.target, scaler.replicas_max);
        let remedy = format!(
            "leave the component autoscaling out of the overlay, and `kubectl delete hpa {}` (or the ScaledObject that made it)",
            scaler.name
        );
        let cause = "the number of replicas changes during a measured run";
        findings.warn(format!("autoscaler {}", scaler.name), Failure::new(cause, evidence, remedy));
    }
    findings.unlisted(facts, "horizontalpodautoscalers");
    for workload in services(facts).filter(|workload| workload.service != SIMULATOR) {
        if workload.containers.iter().all(has_whole_processors) {
            findings.pass(workload.subject(), "Guaranteed, whole processors");
        } else {
            let remedy = "add the component guaranteed-qos to the overlay, and `cpu-manager-policy=static` to the kubelet's arguments";
            let cause = "the service shares its processors with others during a measured run";
            let evidence = "requests and limits are not the same whole processors";
            findings.find(Severity::Info, workload.subject(), Failure::new(cause, evidence, remedy));
        }
    }
    facts.nodes.iter().for_each(|node| exclusive(facts, node, findings));
}

fn has_whole_processors(container: &Container) -> bool {
    let is_whole = container.limits.cpu_millicores.is_some_and(|cpu| cpu > 0 && cpu % 1000 == 0);
    is_whole && container.requests == container.limits && container.limits.memory_bytes.is_some()
}

/// The probe shares what the kubelet has not given away: if that is the whole node beside a pod that should have processors
/// for itself, the kubelet gives none away.
fn exclusive(facts: &Facts, node: &NodeFacts, findings: &mut Findings) {
    let (Ok(cluster), Ok(probe)) = (facts.cluster.known(), node.probe.known()) else { return };
    let is_owed = |pod: &&PodFacts| {
        let workload = services(facts).find(|workload| workload.service == pod.service);
        pod.node.as_ref() == Some(&node.name)
            && pod.phase == "Running"
            && pod.quality_of_service == "Guaranteed"
            && workload.is_some_and(|workload| workload.containers.iter().all(has_whole_processors))
    };
    let Some(pod) = cluster.pods.iter().find(is_owed) else { return };
    let Some(allowed) = probe.cpus_allowed.as_deref() else { return };
    let evidence = format!("a pod of another class may run on processors {allowed} of {}", node.processors);
    if count(allowed).is_none_or(|count| count < node.processors) {
        return findings.pass(node.subject(), evidence);
    }
    let cause = "the kubelet gives no whole processors away, so what is measured shares them";
    let remedy = "start k3s on the node with --kubelet-arg=cpu-manager-policy=static and --kubelet-arg=kube-reserved=cpu=500m, after removing /var/lib/kubelet/cpu_manager_state";
    findings.warn(node.subject(), Failure::new(cause, format!("{evidence}, beside {}", pod.name), remedy));
}

/// How many a list of Linux names: `0-3,8` names five.
fn count(list: &str) -> Option<u64> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        (last.parse::<u64>().ok()? + 1).checked_sub(first.parse().ok()?)
    };
    list.split(',').map(range).sum()
}

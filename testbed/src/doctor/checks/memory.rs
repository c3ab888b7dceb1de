//! Whether there is memory enough: in limits, on nodes, in quotas.

use super::findings::Findings;
use super::placement::{eligible, names};
use crate::console::mebibytes;
use crate::doctor::facts::{Container, Facts, ManifestFacts, NodeFacts, VolumeSource, Workload};
use crate::images::check::Failure;
use crate::images::name::SERVICES;

/// What a service may have resident after full load, docs/performance.md.
const BUDGET_BYTES: u64 = 64 * 1024 * 1024;

/// Of the limit: stacks, mapped files and the program itself need the rest.
const HEAP_PERCENT_MAX: u64 = 90;

/// Limits leave room for the budget and for volumes in memory, nodes for what is requested, quotas for all limits.
pub(super) fn memory(facts: &Facts, findings: &mut Findings) {
    if let Some(manifests) = findings.known("manifests", &facts.manifests) {
        for workload in &manifests.workloads {
            limits(workload, findings);
            workload.containers.iter().for_each(|container| heap(workload, container, findings));
            fits(facts, workload, findings);
        }
        quotas(facts, manifests, findings);
    }
    findings.unlisted(facts, "resourcequotas");
    findings.symptoms(facts, |_, container| {
        let is_killed = container.ended.as_deref() == Some("OOMKilled");
        let cause = "the kernel killed the program because it needed more memory than its limit";
        let remedy = "raise limits.memory, or lower what the service keeps (CACHE_PAGE_BYTES, batches, RETENTION_BYTES_MAX)";
        let evidence = || format!("{} was OOMKilled, {} restarts", container.name, container.restarts);
        is_killed.then(|| Failure::new(cause, evidence(), remedy))
    });
    let remedy = "lower requests, stop something else, or add a node";
    findings.unplaced(facts, "no node has enough left for the pod's requests", remedy);
}

fn limits(workload: &Workload, findings: &mut Findings) {
    let in_memory = workload.volumes.iter().filter_map(|volume| match &volume.source {
        VolumeSource::EmptyDir { is_memory: true, size_limit_bytes } => {
            Some((&volume.name, *size_limit_bytes))
        }
        _ => None,
    });
    let mut volumes_bytes = 0;
    for (name, size_limit_bytes) in in_memory {
        match size_limit_bytes {
            Some(bytes) => volumes_bytes += bytes,
            None => {
                let evidence = format!("volume {name} has medium Memory and no sizeLimit");
                let cause = "a volume in memory may grow until its container is killed";
                let remedy = "give it a sizeLimit, and the container a limit with room for it";
                findings.warn(workload.subject(), Failure::new(cause, evidence, remedy));
            }
        }
    }
    let is_service = SERVICES.contains(&workload.service.as_str());
    let needed = volumes_bytes + if is_service { BUDGET_BYTES } else { 0 };
    match workload.memory_bytes(|container| &container.limits) {
        None => {
            let cause = "a container has no memory limit, so it may take the node down with it";
            let remedy = "set resources.limits.memory";
            findings.warn(workload.subject(), Failure::new(cause, "limits.memory is not set", remedy));
        }
        Some(limit) if limit < needed => {
            let evidence = format!("limit {}, needed {}", mebibytes(limit), mebibytes(needed));
            let failure = if volumes_bytes == 0 {
                Failure::new(
                    "the memory limit is less than what the program needs",
                    evidence,
                    "raise limits.memory",
                )
            } else {
                let evidence = format!("{evidence}, of which {} in memory volumes", mebibytes(volumes_bytes));
                let cause = "the memory limit is less than what the program and its volumes in memory need";
                Failure::new(cause, evidence, "raise limits.memory, or put the volume on disk (no medium)")
            };
            findings.error(workload.subject(), failure);
        }
        Some(limit) => findings
            .pass(workload.subject(), format!("limit {}, needed {}", mebibytes(limit), mebibytes(needed))),
    }
}

/// A program in Go collects its garbage in time only where GOMEMLIMIT tells it of the limit.
fn heap(workload: &Workload, container: &Container, findings: &mut Findings) {
    let Some(limit) = container.limits.memory_bytes else { return };
    let Some(text) = container.environment.get("GOMEMLIMIT") else {
        if workload.service == "otel-collector" {
            let cause = "the collector does not know its memory limit, so it is killed before it collects its garbage";
            let evidence = format!("GOMEMLIMIT is not set, limit {}", mebibytes(limit));
            let remedy = "set GOMEMLIMIT to 80 % of limits.memory";
            findings.warn(workload.subject(), Failure::new(cause, evidence, remedy));
        }
        return;
    };
    let evidence = format!("GOMEMLIMIT {text}, limit {}", mebibytes(limit));
    match go_bytes(text) {
        Some(bytes) if bytes <= limit / 100 * HEAP_PERCENT_MAX => findings.pass(workload.subject(), evidence),
        Some(_) => {
            let cause = "GOMEMLIMIT leaves no room below the memory limit for what is not heap";
            let remedy = "set GOMEMLIMIT to 80 % of limits.memory";
            findings.warn(workload.subject(), Failure::new(cause, evidence, remedy));
        }
        None => {
            let cause = "GOMEMLIMIT is no size that Go reads, so the program does not start";
            let remedy = "write it as 204MiB: B, KiB, MiB, GiB or TiB";
            findings.error(workload.subject(), Failure::new(cause, evidence, remedy));
        }
    }
}

/// A size as Go's runtime reads it: bytes, or with one of its suffixes. Source: <https://pkg.go.dev/runtime>.
fn go_bytes(text: &str) -> Option<u64> {
    let suffixes = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
    let suffixed = suffixes.into_iter().find_map(|(suffix, bits)| Some((text.strip_suffix(suffix)?, bits)));
    let (digits, bits) = suffixed.unwrap_or((text, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << bits)
}

/// Some node that may run it has room for one pod, were it empty.
fn fits(facts: &Facts, workload: &Workload, findings: &mut Findings) {
    let nodes = eligible(facts, workload);
    let Some(request) = workload.memory_bytes(|container| &container.requests) else { return };
    let largest = nodes.iter().map(|node| node.allocatable_memory_bytes).max();
    if let Some(largest) = largest.filter(|largest| *largest < request) {
        let evidence = format!(
            "it requests {}, the largest of {} has {}",
            mebibytes(request),
            names(&nodes),
            mebibytes(largest)
        );
        let remedy = "lower requests.memory, or choose a placement with larger nodes";
        let cause = "a pod requests more memory than any node that may run it has";
        findings.error(workload.subject(), Failure::new(cause, evidence, remedy));
    }
    small_nodes(&nodes, request, workload, findings);
}

/// Nodes that are too small are silently left out, so pods crowd on the others.
fn small_nodes(nodes: &[&NodeFacts], request: u64, workload: &Workload, findings: &mut Findings) {
    let (small, large): (Vec<&NodeFacts>, Vec<&NodeFacts>) =
        nodes.iter().partition(|node| node.allocatable_memory_bytes < request);
    if !small.is_empty() && !large.is_empty() {
        let evidence = format!("{} requested, too much for {}", mebibytes(request), names(&small));
        let cause = "some nodes that the placement allows are too small for a pod";
        let remedy = "lower requests.memory, or leave these nodes out of the placement";
        findings.warn(workload.subject(), Failure::new(cause, evidence, remedy));
    }
}

fn quotas(facts: &Facts, manifests: &ManifestFacts, findings: &mut Findings) {
    let Ok(cluster) = facts.cluster.known() else { return };
    let sum = |of: fn(&Workload) -> Option<u64>| -> u64 {
        manifests
            .workloads
            .iter()
            .map(|workload| of(workload).unwrap_or(0) * u64::from(workload.replicas))
            .sum()
    };
    let wanted = [
        ("limits.memory", sum(|workload| workload.memory_bytes(|container| &container.limits))),
        ("requests.memory", sum(|workload| workload.memory_bytes(|container| &container.requests))),
    ];
    for quota in &cluster.quotas {
        for (resource, wanted) in wanted {
            let Some(hard) = quota.hard.get(resource) else { continue };
            let subject = format!("quota {}", quota.name);
            if wanted > *hard {
                let evidence =
                    format!("{resource}: {} wanted, {} allowed", mebibytes(wanted), mebibytes(*hard));
                let remedy = "raise the quota, or lower limits and replicas";
                findings.error(
                    subject,
                    Failure::new("a quota allows less than the manifests ask for", evidence, remedy),
                );
            } else {
                findings.pass(subject, format!("{resource}: {} of {}", mebibytes(wanted), mebibytes(*hard)));
            }
        }
    }
}

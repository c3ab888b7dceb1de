//! Whether what may run once only does.

use super::findings::Findings;
use super::placement::scalers;
use crate::doctor::facts::{Facts, Workload};
use crate::images::check::Failure;
use std::collections::BTreeMap;

/// How many pods of a workload may run at the same time.
enum Copies {
    /// Any number; the reason.
    Many(&'static str),
    /// One; what happens with two.
    One(&'static str),
    Unknown,
}

/// Workloads with several replicas can bear it, in the manifests and as they run now.
pub(super) fn singletons(facts: &Facts, findings: &mut Findings) {
    if let Some(manifests) = findings.known("manifests", &facts.manifests) {
        manifests.workloads.iter().for_each(|workload| planned(facts, workload, findings));
    }
    running(facts, findings);
}

fn planned(facts: &Facts, workload: &Workload, findings: &mut Findings) {
    if workload.may_overlap {
        let cause = "a run of the CronJob that takes long goes on beside the next one, and both do the same";
        let failure = Failure::new(cause, "concurrencyPolicy is Allow", "set concurrencyPolicy: Forbid");
        findings.warn(workload.subject(), failure);
    }
    let (replicas, evidence) = replicas(facts, workload);
    if replicas <= 1 {
        return findings.pass(workload.subject(), evidence);
    }
    judge(workload.subject(), copies(&workload.service, &workload.kind), evidence, findings);
}

/// As many as it may get, and how that is known.
fn replicas(facts: &Facts, workload: &Workload) -> (u32, String) {
    match scalers(facts).into_iter().find(|scaler| scaler.target == workload.name) {
        Some(scaler) => {
            let replicas = scaler.replicas_max;
            (replicas, format!("autoscaler {} goes up to {replicas} replicas", scaler.name))
        }
        None => (workload.replicas, format!("{} replicas", workload.replicas)),
    }
}

/// Somebody may have scaled what the manifests have once.
fn running(facts: &Facts, findings: &mut Findings) {
    let Ok(cluster) = facts.cluster.known() else { return };
    let mut pods: BTreeMap<&str, u32> = BTreeMap::new();
    for pod in cluster.pods.iter().filter(|pod| pod.phase == "Running") {
        if matches!(pod.controller.as_deref(), Some("ReplicaSet" | "StatefulSet")) {
            *pods.entry(&pod.service).or_default() += 1;
        }
    }
    let workloads = facts.manifests.known().map_or(&[][..], |manifests| &manifests.workloads);
    for (service, count) in pods.into_iter().filter(|(_, count)| *count > 1) {
        let planned = workloads.iter().filter(|workload| workload.service == service);
        if planned.map(|workload| replicas(facts, workload).0).sum::<u32>() < count {
            judge(format!("service {service}"), copies(service, ""), format!("{count} pods run"), findings);
        }
    }
}

fn judge(subject: String, copies: Copies, evidence: String, findings: &mut Findings) {
    match copies {
        Copies::Many(reason) => findings.pass(subject, format!("{evidence}: {reason}")),
        Copies::One(cause) => {
            let remedy = "set replicas to 1, and take its autoscaler away";
            findings.error(subject, Failure::new(cause, evidence, remedy));
        }
        Copies::Unknown => {
            let cause = "nothing says whether several of them may run, and each would do every periodic job";
            let remedy = "set replicas to 1, or let its jobs hold a lease as those of process-worker do";
            findings.warn(subject, Failure::new(cause, evidence, remedy));
        }
    }
}

fn copies(service: &str, kind: &str) -> Copies {
    match service {
        "ingest-api" => Copies::Many("it has no periodic job"),
        "process-worker" => Copies::Many("trimming, its only periodic job, holds a lease in Redis"),
        "query-api" => Copies::Many("each follows the results stream into a cache of its own"),
        "simulator" if kind == "Job" => Copies::Many("each shard makes its own share"),
        "simulator" => Copies::One("each simulator makes the whole load"),
        "redis" | "valkey" => {
            Copies::One("each Redis has its own data, so services see different queues and an empty cache")
        }
        "otel-collector" => Copies::One(
            "each collector counts spans by itself, and series of the same name overwrite each other",
        ),
        "prometheus" | "tempo" | "loki" | "grafana" => {
            Copies::One("each has its own data, so answers depend on which of them is asked")
        }
        _ => Copies::Unknown,
    }
}

//! Which nodes may run what.

use crate::doctor::facts::{AutoscalerFacts, Facts, NodeFacts, Taint, Toleration, Workload, term_allows};
use crate::images::name::SERVICES;

/// The nodes on which the scheduler may place pods of `workload`: node selector, required affinity, taints, cordons. What
/// they have free is not looked at.
pub(super) fn eligible<'a>(facts: &'a Facts, workload: &Workload) -> Vec<&'a NodeFacts> {
    facts.nodes.iter().filter(|node| may_run(node, workload)).collect()
}

fn may_run(node: &NodeFacts, workload: &Workload) -> bool {
    let is_selected = workload.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let is_allowed = workload.node_terms.is_empty()
        || workload.node_terms.iter().any(|term| term_allows(term, &node.labels));
    let keeps_away = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    let is_tolerated =
        |taint: &Taint| workload.tolerations.iter().any(|toleration| tolerates(toleration, taint));
    let is_open = node.taints.iter().filter(keeps_away).all(is_tolerated);
    !node.is_cordoned && is_selected && is_allowed && is_open
}

/// By the rules of Kubernetes: a toleration without a key tolerates all, one without a value any value of its key.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    toleration.key.as_ref().is_none_or(|key| *key == taint.key)
        && toleration.value.as_ref().is_none_or(|value| taint.value.as_ref() == Some(value))
        && toleration.effect.as_ref().is_none_or(|effect| *effect == taint.effect)
}

/// The workloads of the manifests that run the testbed's own programs.
pub(super) fn services(facts: &Facts) -> impl Iterator<Item = &Workload> {
    let workloads = facts.manifests.known().map_or(&[][..], |manifests| &manifests.workloads);
    workloads.iter().filter(|workload| SERVICES.contains(&workload.service.as_str()))
}

/// What changes the number of replicas, in the manifests or in the cluster, once for each target. A ScaledObject of KEDA is a
/// HorizontalPodAutoscaler of another name in the cluster.
pub(super) fn scalers(facts: &Facts) -> Vec<&AutoscalerFacts> {
    let manifests = facts.manifests.known().map_or(&[][..], |manifests| &manifests.autoscalers);
    let cluster = facts.cluster.known().map_or(&[][..], |cluster| &cluster.autoscalers);
    let mut scalers: Vec<&AutoscalerFacts> = Vec::new();
    for scaler in cluster.iter().chain(manifests) {
        if scalers.iter().all(|other| other.target != scaler.target) {
            scalers.push(scaler);
        }
    }
    scalers
}

/// The nodes that may run the image whose repository ends in `service`; all, where no manifest tells.
pub(super) fn nodes_of<'a>(facts: &'a Facts, service: &str) -> Vec<&'a NodeFacts> {
    match services(facts).find(|workload| workload.service == service) {
        Some(workload) => eligible(facts, workload),
        None => facts.nodes.iter().filter(|node| node.is_open()).collect(),
    }
}

/// `r1-node and r3-node`
pub(super) fn names(nodes: &[&NodeFacts]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

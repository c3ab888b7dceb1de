//! A node, as the API server has it.

use crate::cluster::quantity::{thousandths, whole};
use crate::doctor::facts::{Collected, Condition, NodeFacts, Taint};
use crate::images::platform::Platform;
use k8s_openapi::api::core::v1::Node;
use std::collections::BTreeSet;

/// Labels that say something of where pods may run, by their prefixes. Others may hold anything, and are kept only where a
/// placement or a volume asks for them.
const LABELS: [&str; 7] = [
    "kubernetes.io/",
    "beta.kubernetes.io/",
    "node.kubernetes.io/",
    "node-role.kubernetes.io/",
    "topology.kubernetes.io/",
    "nodetype",
    "testbed",
];

const NOT_PROBED: &str = "no probe ran on it";

/// With the labels of `labels` and those that say where pods may run on any cluster.
pub(super) fn facts(node: &Node, labels: &BTreeSet<String>) -> NodeFacts {
    let status = node.status.clone().unwrap_or_default();
    let spec = node.spec.clone().unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let allocatable = status.allocatable.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default().into_iter().map(|condition| Condition {
        kind: condition.type_,
        status: condition.status,
        message: condition.message.unwrap_or_default(),
    });
    let taints = spec.taints.unwrap_or_default().into_iter();
    let is_kept = |(label, _): &(String, String)| {
        labels.contains(label) || LABELS.iter().any(|prefix| label.starts_with(prefix))
    };
    let processors = status.capacity.as_ref().and_then(|capacity| whole(&capacity.get("cpu")?.0));
    NodeFacts {
        name: node.metadata.name.clone().unwrap_or_default(),
        platform: Platform { os: info.operating_system, architecture: info.architecture, variant: None },
        kernel: info.kernel_version,
        os_image: info.os_image,
        kubelet: info.kubelet_version,
        container_runtime: info.container_runtime_version,
        processors: processors.unwrap_or(0),
        allocatable_cpu_millicores: allocatable
            .get("cpu")
            .and_then(|amount| thousandths(&amount.0))
            .unwrap_or(0),
        allocatable_memory_bytes: allocatable.get("memory").and_then(|amount| whole(&amount.0)).unwrap_or(0),
        is_cordoned: spec.unschedulable.unwrap_or(false),
        conditions: conditions.collect(),
        taints: taints
            .map(|taint| Taint { key: taint.key, value: taint.value, effect: taint.effect })
            .collect(),
        labels: node.metadata.labels.clone().unwrap_or_default().into_iter().filter(is_kept).collect(),
        clock_offset_ms: Collected::Missing("its kubelet renewed no lease while it was watched".to_owned()),
        pull: Collected::Missing(NOT_PROBED.to_owned()),
        probe: Collected::Missing(NOT_PROBED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_are_kept_where_they_say_where_pods_run_or_where_they_are_asked_for() {
        let node = json!({
            "metadata": {"name": "r1-node", "labels": {
                "kubernetes.io/arch": "arm64", "example.org/role": "worker", "example.org/owner": "somebody",
            }},
            "status": {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "3500m"}},
        });
        let asked = BTreeSet::from(["example.org/role".to_owned()]);
        let facts = facts(&serde_json::from_value(node).unwrap(), &asked);
        let kept: Vec<&str> = facts.labels.keys().map(String::as_str).collect();
        assert_eq!(kept, ["example.org/role", "kubernetes.io/arch"]);
        assert_eq!((facts.processors, facts.allocatable_cpu_millicores), (4, 3500));
    }
}

//! Whether the nodes of a cluster can take the pods that are to be deployed, as the scheduler would decide.

use super::objects::{Object, is_built_here};
use super::quantity::number;
use crate::images::platform::ARCHITECTURES;
use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, PodTemplateSpec, Taint,
};
use std::collections::BTreeMap;

/// What controllers put onto a node while it is not ready (kubernetes.io: well-known taints).
const UNREADY_TAINTS: [&str; 3] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
];

/// Why workloads cannot run on these nodes; empty where all can. One line each.
#[must_use]
pub fn misfits(objects: &[Object], nodes: &[Node]) -> Vec<String> {
    objects.iter().filter_map(|object| misfit(object, nodes)).collect()
}

/// The nodes with a 32-bit system, which cannot run the images: name and architecture.
pub fn narrow_nodes(nodes: &[Node]) -> impl Iterator<Item = (&str, &str)> {
    let described = nodes.iter().map(|node| (name(node), architecture(node)));
    described.filter(|(_, architecture)| !ARCHITECTURES.contains(architecture))
}

/// The nodes whose kubelet is not ready or not heard of, by name.
pub fn unready_nodes(nodes: &[Node]) -> impl Iterator<Item = &str> {
    nodes.iter().filter(|node| is_unready(node)).map(name)
}

/// Whether a node's kubelet is not ready, or not heard of.
#[must_use]
pub fn is_unready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status != "True")
}

/// The nodes as they are when all of them are ready.
#[must_use]
pub fn as_if_ready(nodes: &[Node]) -> Vec<Node> {
    let mut ready = nodes.to_vec();
    for node in &mut ready {
        for condition in node.status.iter_mut().flat_map(|status| status.conditions.iter_mut().flatten()) {
            if condition.type_ == "Ready" {
                "True".clone_into(&mut condition.status);
            }
        }
        if let Some(taints) = node.spec.as_mut().and_then(|spec| spec.taints.as_mut()) {
            taints.retain(|taint| !UNREADY_TAINTS.contains(&taint.key.as_str()));
        }
    }
    ready
}

/// What a node is called.
#[must_use]
pub fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

/// What a node's kubelet says that its architecture is: `arm64`.
#[must_use]
pub fn architecture(node: &Node) -> &str {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    info.map_or("unknown", |info| info.architecture.as_str())
}

fn misfit(object: &Object, nodes: &[Node]) -> Option<String> {
    let template: PodTemplateSpec = serde_json::from_value(object.pod_template()?.clone()).ok()?;
    let spec = template.spec?;
    let is_daemon = object.key.kind == "DaemonSet";
    let reasons: Vec<(&Node, Option<String>)> =
        nodes.iter().map(|node| (node, refusal(&spec, node))).collect();
    let fitting = reasons.iter().filter(|(_, reason)| reason.is_none()).map(|(node, _)| *node);
    let fitting: Vec<&Node> = fitting.collect();
    if fitting.is_empty() && !is_daemon {
        let lines: String = reasons
            .iter()
            .filter_map(|(node, reason)| Some(format!("\n    {}: {}", name(node), reason.as_ref()?)))
            .collect();
        let lines = if lines.is_empty() { "\n    the cluster has no nodes".to_owned() } else { lines };
        return Some(format!("{} fits on no node:{lines}", object.key));
    }
    let is_built_here = object.images().any(is_built_here);
    let narrow = fitting.iter().find(|node| is_built_here && !ARCHITECTURES.contains(&architecture(node)))?;
    Some(format!(
        "{} could be placed on {}, whose system is {}: images are built for 64-bit systems ({}); choose a placement \
         that leaves it out, or cordon it",
        object.key,
        name(narrow),
        architecture(narrow),
        ARCHITECTURES.join(", ")
    ))
}

/// Why a node does not take these pods, if it does not.
fn refusal(spec: &PodSpec, node: &Node) -> Option<String> {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let mut selected = spec.node_selector.iter().flatten();
    if let Some((key, value)) = selected.find(|(key, value)| labels.get(*key) != Some(value)) {
        return Some(format!("is not {key}={value}"));
    }
    let required = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    if let Some(selector) = required {
        let unmet_terms = selector.node_selector_terms.iter().map(|term| unmet(term, node, &labels));
        // One term that holds is enough.
        if let Some(unmet_terms) = unmet_terms.collect::<Option<Vec<String>>>() {
            return Some(format!("is not {}", unmet_terms.join(" nor ")));
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        return Some("is cordoned".to_owned());
    }
    if is_unready(node) {
        return Some("is not ready".to_owned());
    }
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let mut blocking =
        taints.filter(|taint| taint.effect != "PreferNoSchedule" && !is_tolerated(taint, spec));
    if let Some(taint) = blocking.next() {
        return Some(format!("has the taint {}", taint.key));
    }
    lacking(spec, node)
}

fn is_tolerated(taint: &Taint, spec: &PodSpec) -> bool {
    spec.tolerations.iter().flatten().any(|toleration| {
        let has_effect =
            toleration.effect.as_deref().is_none_or(|effect| effect.is_empty() || effect == taint.effect);
        let key = toleration.key.as_deref().unwrap_or_default();
        let is_exists = toleration.operator.as_deref() == Some("Exists");
        let has_value = is_exists
            || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
        has_effect && has_value && (key == taint.key || (key.is_empty() && is_exists))
    })
}

/// What a node does not satisfy of a term, if there is anything: each of its requirements must hold.
fn unmet(term: &NodeSelectorTerm, node: &Node, labels: &BTreeMap<String, String>) -> Option<String> {
    let fields: BTreeMap<String, String> = [("metadata.name".to_owned(), name(node).to_owned())].into();
    let of_labels = term.match_expressions.iter().flatten().map(|requirement| (requirement, labels));
    let of_fields = term.match_fields.iter().flatten().map(|requirement| (requirement, &fields));
    let mut all = of_labels.chain(of_fields).peekable();
    // A term without requirements matches nothing.
    if all.peek().is_none() {
        return Some("matched by an empty term".to_owned());
    }
    all.find(|(requirement, values)| !holds(requirement, values)).map(|(requirement, _)| written(requirement))
}

fn holds(requirement: &NodeSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let number = |text: &String| text.parse::<i64>().ok();
    let bound = values.first().and_then(number);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => value.and_then(number).zip(bound).is_some_and(|(value, bound)| value > bound),
        "Lt" => value.and_then(number).zip(bound).is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

fn written(requirement: &NodeSelectorRequirement) -> String {
    let values = requirement.values.as_deref().unwrap_or_default().join(" or ");
    match requirement.operator.as_str() {
        "In" => format!("{}={values}", requirement.key),
        "Exists" => format!("labelled {}", requirement.key),
        operator => format!("{} {operator} {values}", requirement.key),
    }
}

/// What a node has too little of, even if nothing else ran there.
fn lacking(spec: &PodSpec, node: &Node) -> Option<String> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let mut wanted: BTreeMap<&str, f64> = BTreeMap::new();
    for container in &spec.containers {
        let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        for (resource, quantity) in requests.into_iter().flatten() {
            *wanted.entry(resource).or_default() += number(&quantity.0)?;
        }
    }
    wanted.into_iter().find_map(|(resource, wanted)| {
        let available = allocatable.get(resource)?;
        let is_enough = number(&available.0)? >= wanted;
        (!is_enough).then(|| format!("has {} of {resource} in all, too little for one pod", available.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::objects::parse;
    use serde_json::json;

    fn node(name: &str, architecture: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/arch": architecture, "kubernetes.io/hostname": name}},
            "spec": {},
            "status": {"nodeInfo": {"architecture": architecture, "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "linux", "osImage": "", "systemUUID": ""},
                "allocatable": {"cpu": "4", "memory": "3884320Ki"}, "conditions": [{"type": "Ready", "status": "True"}]}
        }))
        .unwrap()
    }

    fn workload(pod: &serde_json::Value) -> Vec<Object> {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ingest-api"},
            "spec": {"template": {"spec": pod}}});
        parse(&deployment.to_string()).unwrap()
    }

    fn for_architectures(architectures: &[&str]) -> serde_json::Value {
        json!({"containers": [{"name": "a", "image": "r:5000/testbed/ingest-api@sha256:aa"}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": architectures}]}]}}}})
    }

    #[test]
    fn placement_that_no_node_satisfies_says_what_each_node_lacks() {
        let misfits = misfits(&workload(&for_architectures(&["arm64"])), &[node("clus1", "amd64")]);
        assert_eq!(
            misfits,
            ["Deployment/ingest-api fits on no node:\n    clus1: is not kubernetes.io/arch=arm64"]
        );
        assert!(
            super::misfits(&workload(&for_architectures(&["arm64"])), &[node("r3-node", "arm64")]).is_empty()
        );
    }

    #[test]
    fn node_of_32_bits_is_named_where_pods_could_land_on_it() {
        let nodes = [node("clus1", "amd64"), node("pi-1", "arm")];
        let pod = json!({"containers": [{"name": "a", "image": "r:5000/testbed/ingest-api@sha256:aa"}]});
        let text = misfits(&workload(&pod), &nodes).concat();
        assert!(text.contains("could be placed on pi-1, whose system is arm"), "{text}");
        assert!(misfits(&workload(&for_architectures(&["amd64", "arm64"])), &nodes).is_empty());
        assert_eq!(narrow_nodes(&nodes).collect::<Vec<_>>(), [("pi-1", "arm")]);
    }

    #[test]
    fn cordoned_tainted_and_small_nodes_take_nothing() {
        let mut cordoned = node("a", "amd64");
        cordoned.spec.as_mut().unwrap().unschedulable = Some(true);
        let mut tainted = node("b", "amd64");
        let taint: Taint =
            serde_json::from_value(json!({"key": "dedicated", "value": "db", "effect": "NoSchedule"}))
                .unwrap();
        tainted.spec.as_mut().unwrap().taints = Some(vec![taint]);
        let pod = |tolerations: serde_json::Value, memory: &str| {
            workload(&json!({"tolerations": tolerations,
                "containers": [{"name": "a", "image": "x/y", "resources": {"requests": {"memory": memory}}}]}))
        };
        let none = json!([]);
        let text = misfits(&pod(none.clone(), "1Gi"), &[cordoned, tainted.clone()]).concat();
        assert!(text.contains("a: is cordoned") && text.contains("b: has the taint dedicated"), "{text}");
        let tolerating = json!([{"key": "dedicated", "operator": "Equal", "value": "db"}]);
        assert!(misfits(&pod(tolerating, "1Gi"), &[tainted]).is_empty());
        let text = misfits(&pod(none, "4Gi"), &[node("c", "amd64")]).concat();
        assert!(text.contains("c: has 3884320Ki of memory in all"), "{text}");
    }

    #[test]
    fn node_that_is_not_ready_takes_nothing_until_it_is() {
        let mut node = node("r3-node", "arm64");
        node.status.as_mut().unwrap().conditions.as_mut().unwrap()[0].status = "Unknown".into();
        let taint = |key: &str| serde_json::from_value(json!({"key": key, "effect": "NoSchedule"})).unwrap();
        node.spec.as_mut().unwrap().taints = Some(vec![taint("node.kubernetes.io/unreachable")]);
        let arm64 = workload(&for_architectures(&["arm64"]));
        let text = misfits(&arm64, std::slice::from_ref(&node)).concat();
        assert!(text.contains("r3-node: is not ready"), "{text}");
        assert_eq!(unready_nodes(std::slice::from_ref(&node)).collect::<Vec<_>>(), ["r3-node"]);
        assert!(misfits(&arm64, &as_if_ready(std::slice::from_ref(&node))).is_empty());
        node.spec.as_mut().unwrap().taints.as_mut().unwrap().push(taint("dedicated"));
        assert!(!misfits(&arm64, &as_if_ready(&[node])).is_empty());
    }

    #[test]
    fn operators_hold_as_the_scheduler_has_them() {
        let labels: BTreeMap<String, String> = [("cores".to_owned(), "8".to_owned())].into();
        let holds = |key: &str, operator: &str, values: &[&str]| {
            let requirement = NodeSelectorRequirement {
                key: key.into(),
                operator: operator.into(),
                values: Some(values.iter().map(|&value| value.into()).collect()),
            };
            super::holds(&requirement, &labels)
        };
        assert!(
            holds("cores", "In", &["4", "8"])
                && !holds("cores", "In", &["4"])
                && !holds("none", "In", &["8"])
        );
        assert!(holds("none", "NotIn", &["8"]) && !holds("cores", "NotIn", &["8"]));
        assert!(holds("cores", "Exists", &[]) && holds("none", "DoesNotExist", &[]));
        assert!(
            holds("cores", "Gt", &["7"]) && !holds("cores", "Gt", &["8"]) && holds("cores", "Lt", &["9"])
        );
    }
}

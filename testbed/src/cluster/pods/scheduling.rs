//! Pods that get no node, lose it, or are not created at all. The texts are the scheduler's, kubelet's and admission's.

use super::{Diagnosis, message_of};
use k8s_openapi::api::core::v1::{Event, Node, PodStatus};

/// What a volume that is bound to another node means, and what helps.
const VOLUME_ELSEWHERE: (&str, &str) = (
    "its volume lives on a node that the pod may not run on",
    "the testbed claims no volume: use an emptyDir, or place the pod where its volume is",
);

/// Nodes that the placement leaves out.
const NOT_SELECTED: &str = "didn't match Pod's node affinity/selector";

/// Taints are looked at before the placement, everything else after it.
const TAINTED: &str = "untolerated taint";

/// What the scheduler writes about nodes, what it means, and what helps; whether waiting cannot help.
const PREDICATES: [(&str, &str, &str, bool); 10] = [
    ("didn't match PersistentVolume's node affinity", VOLUME_ELSEWHERE.0, VOLUME_ELSEWHERE.1, true),
    // Before 1.33.
    ("volume node affinity conflict", VOLUME_ELSEWHERE.0, VOLUME_ELSEWHERE.1, true),
    (
        "unbound immediate PersistentVolumeClaims",
        "it claims a volume that nothing provides",
        "the testbed claims no volume: use an emptyDir",
        // A provisioner takes its time.
        false,
    ),
    (
        NOT_SELECTED,
        "no node has the architecture, name or label that its placement asks for",
        "choose another --placement, or label a node: `kubectl get nodes --show-labels`",
        true,
    ),
    (
        "Insufficient memory",
        "no node has enough unreserved memory",
        "lower its request, or free a node",
        false,
    ),
    ("Insufficient cpu", "no node has enough unreserved CPUs", "lower its request, or free a node", false),
    (
        "Insufficient ephemeral-storage",
        "no node has enough unreserved disk",
        "lower its request, or free a node's disk",
        false,
    ),
    ("Too many pods", "the nodes run as many pods as they may", "raise max-pods, or free a node", false),
    (
        "didn't match pod topology spread constraints",
        "its pods must be spread over more nodes than there are",
        "run fewer replicas, or add nodes",
        false,
    ),
    (
        TAINTED,
        "the nodes that fit are tainted, such as those that are cordoned, not ready or out of disk",
        "see `kubectl describe nodes`, and remove the taint",
        false,
    ),
];

/// Why the scheduler finds no node.
pub(super) fn of_conditions(status: &PodStatus) -> Option<Diagnosis> {
    let conditions = status.conditions.iter().flatten();
    let scheduled = conditions.into_iter().find(|condition| condition.type_ == "PodScheduled")?;
    if scheduled.status == "True" {
        return None;
    }
    let message = scheduled.message.as_deref().unwrap_or_default();
    // What preemption could do repeats the same words.
    let nodes = message.split(" preemption:").next().unwrap_or(message);
    let mut fitting: Vec<_> = PREDICATES.iter().filter(|(text, ..)| nodes.contains(text)).collect();
    // The nodes that it asks for have another reason, which is the one to tell.
    if fitting.iter().any(|(text, ..)| ![NOT_SELECTED, TAINTED].contains(text)) {
        fitting.retain(|(text, ..)| *text != NOT_SELECTED);
    }
    let is_unschedulable = scheduled.reason.as_deref() == Some("Unschedulable");
    match fitting[..] {
        [] if !is_unschedulable => None,
        [] => {
            Some(Diagnosis::new("no node takes it", nodes, "see what the scheduler says of each node", false))
        }
        [(_, cause, remedy, is_final)] => Some(Diagnosis::new(*cause, nodes, *remedy, *is_final)),
        ref several => {
            // Each node has one reason; waiting helps where one of them can pass.
            let causes: Vec<&str> = several.iter().map(|(_, cause, ..)| *cause).collect();
            let remedies: Vec<&str> = several.iter().map(|(_, _, remedy, _)| *remedy).collect();
            let is_final = several.iter().all(|(.., is_final)| *is_final);
            Some(Diagnosis::new(causes.join("; "), nodes, remedies.join("; "), is_final))
        }
    }
}

/// Why a node has thrown it out.
pub(super) fn of_eviction(message: &str) -> Diagnosis {
    let (cause, remedy) = if message.contains("EmptyDir") || message.contains("ephemeral local storage") {
        (
            "it wrote more to its disk than its limit",
            "raise the sizeLimit of its emptyDir or its limit of ephemeral-storage, or shorten the run",
        )
    } else if message.contains("memory") {
        ("its node ran out of memory", "raise its memory request, or run less on that node")
    } else {
        ("its node threw it out", "free the node of what it lacks")
    };
    Diagnosis::new(cause, message, remedy, false)
}

/// A node that does not answer.
pub(super) fn of_node(node: &Node) -> Option<Diagnosis> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    if ready.status == "True" {
        return None;
    }
    let name = node.metadata.name.as_deref().unwrap_or_default();
    Some(Diagnosis::new(
        format!("its node {name} is not ready"),
        ready.message.as_deref().unwrap_or_default(),
        "see whether it is switched on, and k3s runs there: `systemctl status k3s-agent`",
        false,
    ))
}

/// Volumes that cannot be mounted, and networks that cannot be set up, while a pod is being created.
pub(super) fn of_mounts(events: &[&Event]) -> Option<Diagnosis> {
    if let Some(message) = message_of(events, "FailedMount") {
        let is_missing = message.contains("not found");
        let cause = if is_missing { "it mounts what does not exist" } else { "a volume cannot be mounted" };
        return Some(Diagnosis::new(cause, message, "create it, or correct its name", false));
    }
    let message = message_of(events, "FailedCreatePodSandBox")?;
    Some(Diagnosis::new(
        "the node cannot set up its network",
        message,
        "restart k3s on the node; the log of k3s there says more",
        false,
    ))
}

/// Why a workload's pods are not even created, by the message of a `FailedCreate` event; none for reasons that pass.
#[must_use]
pub fn of_refused_creation(message: &str) -> Option<Diagnosis> {
    let (cause, remedy) = if message.contains("exceeded quota") {
        (
            "the namespace's quota has no room for it",
            "raise the ResourceQuota, or lower requests and replicas; the cluster tries again after minutes, or at once by \
             `kubectl --namespace testbed rollout restart deployment`",
        )
    } else if message.contains("failed quota") {
        (
            "the namespace's quota wants it to say what it needs",
            "give its containers what the message names, or the namespace a LimitRange with defaults",
        )
    } else if is_beyond_limit_range(message) {
        (
            "the namespace's LimitRange does not allow its requests or limits",
            "correct the LimitRange, or requests and limits: `kubectl --namespace testbed describe limitranges`",
        )
    } else if message.contains("violates PodSecurity") {
        (
            "the namespace's pod security refuses it",
            "correct the fields that it names; the testbed's own manifests satisfy `restricted`",
        )
    } else if message.contains("serviceaccount") && message.contains("not found") {
        ("its service account does not exist", "apply it again")
    } else if message.contains("forbidden") {
        ("the cluster refuses its pods", "see the message")
    } else {
        return None;
    };
    Some(Diagnosis::new(cause, message, remedy, !message.contains("serviceaccount")))
}

/// The texts are of admission's LimitRanger, such as `maximum memory usage per Container is 64Mi, but limit is 128Mi`.
fn is_beyond_limit_range(message: &str) -> bool {
    let of_kind = |kind: &str| {
        ["usage per", "limit to request ratio per"]
            .iter()
            .any(|what| message.contains(&format!("{what} {kind}")))
    };
    of_kind("Container") || of_kind("Pod")
}

/// A job that is given up, in its controller's words.
#[must_use]
pub fn of_failed_job(message: &str) -> Diagnosis {
    Diagnosis::new("its run has failed", message, "see what its pods wrote: `testbed logs`", true)
}

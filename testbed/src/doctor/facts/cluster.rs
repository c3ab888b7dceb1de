//! What the API server says, but for its nodes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cluster, and the testbed's namespace in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// Of the kubeconfig.
    pub context: String,
    /// As the API server tells it: `v1.34.4+k3s1`.
    pub version: String,
    pub namespace: String,
    /// Of the namespace; none where it is not there yet.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    pub pods: Vec<PodFacts>,
    pub claims: Vec<ClaimFacts>,
    pub volumes: Vec<VolumeFacts>,
    pub quotas: Vec<QuotaFacts>,
    pub autoscalers: Vec<AutoscalerFacts>,
    pub refusals: Vec<RefusalFacts>,
    /// What could not be read: `list persistentvolumes: forbidden`.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodFacts {
    pub name: String,
    /// The label `app.kubernetes.io/name`.
    pub service: String,
    /// None while it is not placed.
    pub node: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `Guaranteed`, `Burstable`, `BestEffort`.
    pub quality_of_service: String,
    /// The kind of what made it: `ReplicaSet`, `DaemonSet`, `Job`.
    pub controller: Option<String>,
    /// By the clock of the machine that collected.
    pub age_seconds: u64,
    /// Its condition of that name.
    pub is_ready: bool,
    /// Why it is in its phase: `Evicted`, with what the kubelet says.
    pub reason: Option<String>,
    pub message: Option<String>,
    /// What Kubernetes warned of lately, newest first: `Unhealthy: Readiness probe failed: …`.
    pub warnings: Vec<String>,
    /// Why it is not placed, as the scheduler says it.
    pub unschedulable: Option<String>,
    pub containers: Vec<ContainerFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerFacts {
    pub name: String,
    /// As the pod names it.
    pub image: String,
    /// What the node runs: `192.168.0.35:5000/testbed/ingest-api@sha256:…`; empty before it is pulled.
    pub image_id: String,
    pub restarts: u32,
    /// Why it waits: `ImagePullBackOff`, `CrashLoopBackOff`.
    pub waiting: Option<String>,
    /// What the kubelet says with it.
    pub message: Option<String>,
    /// How it ended the last time: `OOMKilled`, `Error`, `StartError`.
    pub ended: Option<String>,
    pub exit_code: Option<i32>,
    /// What it wrote last, of one that ended otherwise than by success.
    #[serde(default)]
    pub last_lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimFacts {
    pub name: String,
    /// `Bound`, `Pending`, `Lost`.
    pub phase: String,
    pub volume: Option<String>,
    /// The services whose pods mount it.
    pub services: Vec<String>,
}

/// Pods that the API server did not let anything create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalFacts {
    /// What was to have them: `Deployment ingest-api`.
    pub object: String,
    /// Why: a quota, pod security, an admission webhook.
    pub message: String,
}

/// A PersistentVolume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFacts {
    pub name: String,
    /// Of its node affinity: any of them; empty where every node can mount it.
    pub nodes: Vec<NodeTerm>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaFacts {
    pub name: String,
    /// Resources as Kubernetes writes them, `limits.memory`, with bytes, thousandths of processors, or counts.
    pub hard: BTreeMap<String, u64>,
    pub used: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoscalerFacts {
    pub name: String,
    /// The Deployment that it scales.
    pub target: String,
    pub replicas_max: u32,
}

/// Requirements of which all must hold (`NodeSelectorTerm`).
pub type NodeTerm = Vec<Requirement>;

/// A requirement on a label of a node (`NodeSelectorRequirement`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
}

/// Whether a node with `labels` satisfies `term`, by the rules of Kubernetes: an empty term satisfies nothing.
#[must_use]
pub fn term_allows(term: &NodeTerm, labels: &BTreeMap<String, String>) -> bool {
    !term.is_empty() && term.iter().all(|requirement| requirement.holds(labels))
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let is_in = || value.is_some_and(|value| self.values.contains(value));
        let compared = || {
            let value: i64 = value?.parse().ok()?;
            let bound: i64 = self.values.first()?.parse().ok()?;
            Some(value.cmp(&bound))
        };
        match self.operator.as_str() {
            "In" => is_in(),
            "NotIn" => !is_in(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
            "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], label: Option<&str>) -> bool {
        let requirement = Requirement {
            key: "kubernetes.io/arch".to_owned(),
            operator: operator.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let labels = label.map(|value| (requirement.key.clone(), value.to_owned())).into_iter().collect();
        term_allows(&vec![requirement], &labels)
    }

    #[test]
    fn requirements_hold_as_kubernetes_says() {
        assert!(holds("In", &["amd64", "arm64"], Some("arm64")) && !holds("In", &["amd64"], Some("arm64")));
        assert!(holds("NotIn", &["amd64"], None) && !holds("NotIn", &["amd64"], Some("amd64")));
        assert!(holds("Exists", &[], Some("")) && !holds("Exists", &[], None));
        assert!(holds("DoesNotExist", &[], None) && !holds("DoesNotExist", &[], Some("")));
        assert!(holds("Gt", &["4"], Some("8")) && !holds("Gt", &["8"], Some("8")));
        assert!(holds("Lt", &["8"], Some("4")) && !holds("Lt", &["8"], Some("many")));
    }

    #[test]
    fn an_empty_term_allows_no_node() {
        assert!(!term_allows(&Vec::new(), &BTreeMap::new()));
    }
}

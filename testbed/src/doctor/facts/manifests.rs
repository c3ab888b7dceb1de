//! What an overlay is rendered to, as far as checks look at it.

use super::{AutoscalerFacts, NodeTerm};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rendered manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFacts {
    /// The folder: `kubernetes/overlays/k3s`.
    pub overlay: String,
    pub namespace: String,
    /// Texts that look as if somebody should have replaced them.
    pub unresolved: Vec<Unresolved>,
    pub workloads: Vec<Workload>,
    pub autoscalers: Vec<AutoscalerFacts>,
}

/// A placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// `Deployment ingest-api`
    pub object: String,
    /// `spec.template.spec.containers[0].image`
    pub field: String,
    pub text: String,
}

/// What makes pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob`.
    pub kind: String,
    pub name: String,
    /// The label `app.kubernetes.io/name`, else its own name.
    pub service: String,
    pub replicas: u32,
    /// Whether a run of a CronJob may start while the one before goes on.
    pub may_overlap: bool,
    /// Of the pod.
    pub run_as_user: Option<u64>,
    pub run_as_non_root: bool,
    pub node_selector: BTreeMap<String, String>,
    /// Of the required node affinity: any of them; empty where there is none.
    pub node_terms: Vec<NodeTerm>,
    pub tolerations: Vec<Toleration>,
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toleration {
    pub key: Option<String>,
    pub value: Option<String>,
    pub effect: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub image: String,
    pub run_as_user: Option<u64>,
    pub requests: Resources,
    pub limits: Resources,
    /// Those variables that checks read, those of ConfigMaps too.
    pub environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub cpu_millicores: Option<u64>,
    pub memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub name: String,
    pub source: VolumeSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSource {
    EmptyDir {
        is_memory: bool,
        size_limit_bytes: Option<u64>,
    },
    /// Of a PersistentVolumeClaim.
    Claim(String),
    /// A folder of the node.
    HostPath(String),
    Other,
}

impl ManifestFacts {
    /// The labels of nodes on which placements depend.
    #[must_use]
    pub fn node_labels(&self) -> BTreeSet<String> {
        let of_terms = self.workloads.iter().flat_map(|workload| workload.node_terms.iter().flatten());
        let of_selectors = self.workloads.iter().flat_map(|workload| workload.node_selector.keys());
        of_terms.map(|requirement| &requirement.key).chain(of_selectors).cloned().collect()
    }
}

impl Workload {
    /// As reports name it: `Deployment ingest-api`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// What all of its containers request or are limited to, where all of them say.
    #[must_use]
    pub fn memory_bytes(&self, of: impl Fn(&Container) -> &Resources) -> Option<u64> {
        self.containers.iter().map(|container| of(container).memory_bytes).sum()
    }
}

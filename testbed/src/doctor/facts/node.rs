//! A node: what the API server says of it, and what a probe saw from inside.

use super::Collected;
use crate::images::platform::Platform;
use node_facts::ProbeFacts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeFacts {
    pub name: String,
    /// As the kubelet reports it; `linux/arm` is a 32-bit userland.
    pub platform: Platform,
    pub kernel: String,
    pub os_image: String,
    pub kubelet: String,
    /// `containerd://2.1.5-k3s1`
    pub container_runtime: String,
    /// All that it has, with those that are kept for the system.
    pub processors: u64,
    pub allocatable_cpu_millicores: u64,
    pub allocatable_memory_bytes: u64,
    pub is_cordoned: bool,
    pub conditions: Vec<Condition>,
    pub taints: Vec<Taint>,
    pub labels: BTreeMap<String, String>,
    /// How far its clock is ahead of the one here, in milliseconds, less what a message takes.
    pub clock_offset_ms: Collected<i64>,
    /// What came of pulling an image of the registry.
    pub pull: Collected<PullFacts>,
    /// What a pod on it saw.
    pub probe: Collected<ProbeFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `MemoryPressure`, …
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    pub key: String,
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

/// An attempt to pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullFacts {
    pub image: String,
    /// What the kubelet said; none where it was pulled.
    pub error: Option<String>,
}

impl NodeFacts {
    /// As reports name it: `node r3-node`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("node {}", self.name)
    }

    /// Whether pods without tolerations can be placed on it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let keeps_away = |taint: &Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
        !self.is_cordoned && !self.taints.iter().any(keeps_away)
    }
}

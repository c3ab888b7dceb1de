//! Nodes that are made up, as k3s registers real ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The type of the address at which the API server reaches the stand-in for a kubelet. k3s sets it seldom, so that the addresses
/// that a test gives a node stay as they are.
pub(crate) const KUBELET_ADDRESS: &str = "ExternalIP";

/// A node with 4 CPUs and 8 GiB, ready and without taints, until told otherwise.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) name: String,
    architecture: String,
    cpu: String,
    memory: String,
    kubelet_version: String,
    internal_address: String,
    labels: BTreeMap<String, String>,
    taints: Vec<Value>,
    /// Status, reason and message by type.
    conditions: BTreeMap<String, (String, String, String)>,
}

impl Node {
    /// `architecture` as Kubernetes writes it: `amd64`, `arm64`, `arm`.
    pub fn new(name: &str, architecture: &str) -> Self {
        let mut conditions = BTreeMap::new();
        for (condition, status, reason, message) in [
            (
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ] {
            conditions
                .insert(condition.to_owned(), (status.to_owned(), reason.to_owned(), message.to_owned()));
        }
        let labels = [
            ("kubernetes.io/arch", architecture),
            ("kubernetes.io/hostname", name),
            ("kubernetes.io/os", "linux"),
            ("node.kubernetes.io/instance-type", "k3s"),
        ];
        Self {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            cpu: "4".to_owned(),
            memory: "8Gi".to_owned(),
            kubelet_version: "v1.34.4+k3s1".to_owned(),
            internal_address: "192.168.0.35".to_owned(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            taints: Vec::new(),
            conditions,
        }
    }

    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Capacity, all of which pods may have: quantities such as `500m` and `1Gi`.
    #[must_use]
    pub fn resources(mut self, cpu: &str, memory: &str) -> Self {
        (self.cpu, self.memory) = (cpu.to_owned(), memory.to_owned());
        self
    }

    /// `effect` is `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[must_use]
    pub fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        self.taints.push(json!({"key": key, "value": value, "effect": effect}));
        self
    }

    /// In place of the condition of that type which a healthy node has: `("Ready", "False", "KubeletNotReady", "…")`.
    #[must_use]
    pub fn condition(mut self, condition: &str, status: &str, reason: &str, message: &str) -> Self {
        self.conditions
            .insert(condition.to_owned(), (status.to_owned(), reason.to_owned(), message.to_owned()));
        self
    }

    /// As `v1.34.4+k3s1`.
    #[must_use]
    pub fn kubelet_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.kubelet_version);
        self
    }

    /// The `InternalIP`.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.internal_address);
        self
    }

    pub(crate) fn internal_address(&self) -> &str {
        &self.internal_address
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.conditions["Ready"].0 == "True"
    }

    pub(crate) fn object(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": self.labels},
            "spec": {"taints": self.taints},
        })
    }

    /// `port` is where the kubelet listens.
    pub(crate) fn status(&self, port: u16, now: &str) -> Value {
        let condition = |(kind, (status, reason, message)): (&String, &(String, String, String))| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            })
        };
        let resources =
            json!({"cpu": self.cpu, "memory": self.memory, "pods": "110", "ephemeral-storage": "50Gi"});
        json!({"status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": self.conditions.iter().map(condition).collect::<Vec<_>>(),
            "addresses": [
                {"type": "InternalIP", "address": self.internal_address},
                {"type": "Hostname", "address": self.name},
                {"type": KUBELET_ADDRESS, "address": "127.0.0.1"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": {
                "architecture": self.architecture,
                "bootID": "6b0a4d8e-0000-4000-8000-000000000000",
                "containerRuntimeVersion": "containerd://2.1.5-k3s1",
                "kernelVersion": "6.12.34+rpt-rpi-2712",
                "kubeProxyVersion": self.kubelet_version,
                "kubeletVersion": self.kubelet_version,
                "machineID": format!("machine-{}", self.name),
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "systemUUID": format!("system-{}", self.name),
            },
        }})
    }
}

//! What a node is like at a moment, `environment.json`: facts that stay, and counters of noise, of which two make a gate.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every node at three moments of a run, `environment.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Environments {
    /// When all parts were ready, and a second or more before the next.
    pub idle: Vec<NodeEnvironment>,
    /// Right before the load.
    pub before: Vec<NodeEnvironment>,
    /// Right after it.
    pub after: Vec<NodeEnvironment>,
    /// Seconds from `idle` to `before`.
    pub idle_s: f64,
    /// Seconds from `before` to `after`.
    pub load_s: f64,
    /// Seconds that the load waited for nodes to be quiet.
    pub waited_s: f64,
}

/// A node at a moment. What it does not tell is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeEnvironment {
    pub node: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    pub kernel: String,
    pub processor: Option<String>,
    /// All of a cluster's node; of a machine with local runs those that runs may use.
    pub processors: u32,
    pub memory_bytes: u64,
    pub page_bytes: u64,
    /// Of each processor, the same word once.
    pub governors: Vec<String>,
    pub temperature_celsius: Option<f64>,
    /// Bits of the firmware of a Raspberry Pi.
    pub firmware_throttled: Option<u32>,
    /// Seconds of processor time since the node started, by state: `user`, `idle`, `steal`, …
    pub processor_time_s: BTreeMap<String, f64>,
    /// Microseconds in which something waited since the node started, by resource: `cpu`, `memory`, `io` (PSI, "some").
    pub pressure_us: BTreeMap<String, u64>,
    /// How late a thread woke that asked for a moment, microseconds, 99th percentile of a second's trial.
    pub spin_jitter_us: Option<f64>,
    /// How long 4 KiB took to be on storage, microseconds, median of a trial.
    pub fsync_us: Option<f64>,
    /// Joules since the meter started, by meter: `rapl:package-0`, `ina3221:VDD_IN`.
    pub energy_j: BTreeMap<String, f64>,
    /// Joules at which a meter begins again at 0; absent of one that does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub energy_range_j: BTreeMap<String, f64>,
}

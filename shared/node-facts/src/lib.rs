//! What a node is like, seen from inside: by a program in a pod without any right, so only what `/proc` and `/sys` show to
//! everybody, and what can be connected to. What the node's own files say (registries.yaml, the kubelet's configuration)
//! cannot be read without a hostPath, which the namespace's pod security forbids. `simulator probe` prints it, because the
//! simulator's image is where measurements are made from.

mod kernel;
pub mod noise;

use measurement::clock::ClockOffset;
use noise::Noise;
use serde::{Deserialize, Serialize};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Version of the JSON of [`ProbeFacts`].
pub const PROBE_VERSION: u32 = 1;

/// Beyond it an address counts as unreachable: a policy drops packets silently.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a probe prints, one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeFacts {
    /// [`PROBE_VERSION`].
    pub version: u32,
    /// Of the kernel: `x86_64`, `aarch64`.
    pub machine: String,
    pub page_bytes: u64,
    /// As `/proc/cpuinfo` names it; `Raspberry Pi 4 Model B` where the device tree tells.
    pub model: Option<String>,
    /// The features that all processors have, sorted: `atomics` is ARMv8.1's LSE.
    pub cpu_features: Vec<String>,
    /// One for each logical processor that has a driver for it.
    pub frequencies: Vec<Frequency>,
    /// Of the hottest zone.
    pub temperature_celsius: Option<f64>,
    /// Of the firmware of a Raspberry Pi: bits 0 to 3 hold now, bits 16 to 19 have held since it was started.
    pub firmware_throttled: Option<u32>,
    /// 1 or 2.
    pub cgroup_version: u8,
    pub has_memory_cgroup: bool,
    /// Those of `br_netfilter` and `ip_set` that were seen; one that is built in may stay unseen.
    pub modules: Vec<String>,
    /// Processors that the probe may run on: fewer than the node has where the kubelet gives whole ones away.
    pub cpus_allowed: Option<String>,
    pub reached: Vec<Reached>,
    /// None where no trials were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// How far the clock of Redis is ahead of the node's; none where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis_clock: Option<ClockOffset>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequency {
    pub governor: String,
    pub current_khz: u64,
    pub max_khz: u64,
}

/// An attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// `redis`, `otlp`, `registry`.
    pub name: String,
    /// `redis:6379`
    pub address: String,
    /// None where it was reached.
    pub error: Option<String>,
}

/// What a probe is to connect to, written `NAME=HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    pub address: String,
}

/// Text that is no target.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no target: write it as redis=HOST:PORT")]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, address) = text.split_once('=').ok_or_else(|| TargetError(text.to_owned()))?;
        let port = address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
        if name.is_empty() || port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(TargetError(text.to_owned()));
        }
        Ok(Self { name: name.to_owned(), address: address.to_owned() })
    }
}

/// Looks at the machine whose `/proc` and `/sys` are below `root`, and connects to `targets`.
#[must_use]
pub fn probe(root: &Path, targets: &[Target]) -> ProbeFacts {
    let mut facts = kernel::read(root);
    facts.reached = targets.iter().map(reach).collect();
    facts
}

fn reach(target: &Target) -> Reached {
    let error = connect(&target.address).err();
    Reached { name: target.name.clone(), address: target.address.clone(), error }
}

/// Tries each address of the name, within one deadline for all.
fn connect(address: &str) -> Result<(), String> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    let addresses = address.to_socket_addrs().map_err(|error| format!("cannot resolve it: {error}"))?;
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(()),
            Err(error) => reason = format!("{address}: {error}"),
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests;

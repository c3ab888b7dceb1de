//! What a node is like, of what its probe saw.

use experiment::environment::NodeEnvironment;
use node_facts::ProbeFacts;
use node_facts::noise::Noise;

/// What a probe does not see, or sees of its container only.
pub(super) struct Machine {
    pub(super) node: String,
    /// `amd64`, `arm64`.
    pub(super) architecture: String,
    pub(super) kernel: String,
    pub(super) processors: u32,
    pub(super) memory_bytes: u64,
}

pub(super) fn environment(machine: Machine, facts: ProbeFacts, noise: Noise) -> NodeEnvironment {
    let mut governors: Vec<String> =
        facts.frequencies.into_iter().map(|frequency| frequency.governor).collect();
    governors.sort_unstable();
    governors.dedup();
    NodeEnvironment {
        node: machine.node,
        architecture: machine.architecture,
        kernel: machine.kernel,
        processor: facts.model,
        processors: machine.processors,
        memory_bytes: machine.memory_bytes,
        page_bytes: facts.page_bytes,
        governors,
        temperature_celsius: facts.temperature_celsius,
        firmware_throttled: facts.firmware_throttled,
        processor_time_s: noise.processor_time_s,
        pressure_us: noise.pressure_us,
        spin_jitter_us: Some(noise.spin_jitter_us),
        fsync_us: Some(noise.fsync_us),
        energy_j: noise.energy_j,
        energy_range_j: noise.energy_range_j,
    }
}

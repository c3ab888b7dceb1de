//! What of the simulator's `result.json` a record is made of.

use super::workload::MEASURE;
use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use std::path::Path;

const FILE: &str = "result.json";

/// `result.json`, in part.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SimulatorResult {
    pub(super) verdict: SimulatorVerdict,
    pub(super) started_at: Timestamp,
    /// Until the last outcome was known.
    pub(super) elapsed_s: f64,
    /// Of all simulators together.
    pub(super) generator: Generator,
    /// None where one simulator sent all of the load.
    pub(super) shards: Option<Shards>,
    pub(super) phases: Vec<Phase>,
}

/// The simulator's judgement of its own run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SimulatorVerdict {
    pub(super) reasons: Vec<SimulatorReason>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SimulatorReason {
    /// `note`, `suspect`, `invalid`.
    pub(super) severity: String,
    pub(super) check: String,
    pub(super) message: String,
}

/// The simulators that sent a load together.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Shards {
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Part {
    pub(super) shard: u32,
    pub(super) generator: Generator,
}

/// What a simulator says of itself.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Generator {
    /// Of its threads that send.
    pub(super) involuntary_switches: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) start_s: f64,
    pub(super) duration_s: f64,
    pub(super) events: Counts,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) refused: u64,
}

impl SimulatorResult {
    /// When the measured phase began and ended, in seconds since the load began.
    pub(super) fn measured_s(&self) -> (f64, f64) {
        let phase = self.phases.iter().find(|phase| phase.name == MEASURE);
        phase.map_or((0.0, 0.0), |phase| (phase.start_s, phase.start_s + phase.duration_s))
    }
}

/// Reads it in the directory of a run.
///
/// # Errors
/// Where it is not there, or of another version.
pub(super) fn read(directory: &Path) -> anyhow::Result<SimulatorResult> {
    let path = directory.join(FILE);
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}: the simulator left no result", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is not understood: testbed and simulator must be of one build", path.display())
    })
}

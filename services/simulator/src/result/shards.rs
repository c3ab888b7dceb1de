//! What a result says of the shards of its run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Environment, Generator};
use crate::verdict::Verdict;

/// The shards of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardsSummary {
    /// How many the run has.
    pub count: u32,
    /// Those whose results are there.
    pub present: Vec<u32>,
    /// Those whose results are not there.
    pub missing: Vec<u32>,
    /// Those that were seen to die during the run.
    pub lost: Vec<u32>,
    /// How far their clocks are from the coordinator's.
    pub clocks: Vec<ShardClock>,
    /// What each says of itself; empty in the result of one shard.
    pub parts: Vec<ShardPart>,
}

/// The clock of a shard against that of the coordinator, shard 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardClock {
    /// Which one.
    pub shard: u32,
    /// How far it is ahead, at the start of the run.
    pub offset_us: f64,
    /// The true offset is at most this far from the measured one.
    pub uncertainty_us: f64,
    /// How far it moved from the start to the end of the run; none where it was not measured again.
    pub drift_us: Option<f64>,
}

/// A shard in a merged result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardPart {
    /// Which one.
    pub shard: u32,
    /// When its first phase began, RFC 3339, by its own clock.
    pub started_at: String,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// Its own verdict.
    pub verdict: Verdict,
    /// What its load generator says of itself.
    pub generator: Generator,
    /// Where it ran.
    pub environment: Environment,
}

//! A shard as the others see it.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::random;

/// A process that sends a part of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Member {
    /// Which part.
    pub(super) index: u32,
    /// Of how many.
    pub(super) count: u32,
    /// Digest of what all parts have in common.
    pub(super) plan: String,
    /// Version of the program: another one might make other events of the same plan.
    pub(super) version: String,
    /// Where it runs.
    pub(super) instance: String,
    /// Tells two processes of one instance apart.
    pub(super) token: String,
    /// Its longest round trip to Redis, from which the coordinator chooses the lead.
    pub(super) round_trip_us: u64,
}

impl Member {
    pub(super) fn new(plan: &Plan, instance: &str) -> Self {
        Self {
            index: plan.shard.index,
            count: plan.shard.count,
            plan: digest(plan),
            version: service::build::VERSION.to_owned(),
            instance: instance.to_owned(),
            token: format!("{:016x}", rand::rng().random::<u64>()),
            round_trip_us: 0,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts and numbers can be written")
    }

    /// In what another shard of the run differs from this one, if in anything.
    pub(super) fn difference(&self, other: &Self) -> String {
        if other.count != self.count {
            format!("--shards {}, this one {}", other.count, self.count)
        } else if other.version != self.version {
            format!("version {}, this one {}", other.version, self.version)
        } else {
            "another plan".to_owned()
        }
    }
}

/// The plan without the number of the shard, as a short text. Equal plans have equal ones.
fn digest(plan: &Plan) -> String {
    let mut value = serde_json::to_value(plan).expect("a plan can be written");
    if let Some(fields) = value.as_object_mut() {
        fields.remove("shard");
    }
    format!("{:016x}", random::seed_of(&value.to_string()))
}

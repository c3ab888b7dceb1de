//! The plan of an experiment, checked and complete: what `experiment.toml` says, with every default filled in.

pub mod file;
mod key;
mod read;

pub use key::{Key, KeyError, Service};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `telemetry` can be.
pub(crate) const TELEMETRY: [&str; 4] = ["off", "metrics", "sampled", "full"];
/// As many as `testbed up` starts.
pub(crate) const WORKERS_MAX: u64 = 64;
pub(crate) const PARTITIONS_MAX: u64 = 256;

/// Version of the normalised plan in a bundle.
pub const PLAN_VERSION: u32 = 1;

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// `a-z`, `0-9` and `-`.
    pub name: String,
    /// What is to be found out, in a sentence.
    pub question: String,
    /// Where the order, the schedules and the events come from.
    pub seed: u64,
    pub blocks: Blocks,
    pub timing: Timing,
    pub budget: Budget,
    /// What every cell has, unless a level says otherwise: each key of [`Key`] and its value.
    pub settings: Settings,
    /// At least one.
    pub factors: Vec<Factor>,
    /// Combinations of levels that are left out, as factor → level.
    pub excluded: Vec<BTreeMap<String, String>>,
    /// What is compared with what; the first comparison's first metric is the answer.
    pub comparisons: Vec<Comparison>,
    pub slos: Vec<Slo>,
    /// None where the plan asks for no capacity.
    pub capacity: Option<Capacity>,
}

/// What is set, as in a file: `load.rate`, `process-worker.WORK_KIND`, `placement`.
pub type Settings = BTreeMap<Key, serde_json::Value>;

/// Repetitions. Each block has every cell once, in an order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Blocks {
    /// Never fewer; more where so many claims need more for a verdict.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// The campaign ends after a block where the 95 % interval of the answer's ratio reaches no further than this from its
    /// estimate, as a share: 0.02 for ±2 %. A rule of width and never of significance.
    pub half_width: f64,
}

/// The parts of a run, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timing {
    /// Load that is not measured; the steady part may begin later.
    pub warm_up_s: f64,
    pub measure_s: f64,
    /// Load after it, so that the last measured events are not processed on an idle machine.
    pub cool_down_s: f64,
    /// What a run is expected to take beside its load.
    pub overhead_s: f64,
    /// Longest wait until everything accepted is queryable.
    pub drain_timeout_s: f64,
}

/// What the campaign may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Budget {
    /// Seconds of the whole campaign; no run is begun that is expected to end later.
    pub time_s: f64,
    /// Invalid runs that may be repeated.
    pub repeats: u32,
}

/// Something that is varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Factor {
    pub name: String,
    /// At least two.
    pub levels: Vec<Level>,
}

/// A value of a factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Level {
    /// As cells, tables and plots name it.
    pub name: String,
    /// What it sets.
    pub settings: Settings,
}

/// A comparison of the levels of one factor, within each combination of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    pub factor: String,
    /// The level that others are compared with.
    pub baseline: String,
    /// Names of the catalogue in [`crate::metric`], the most important first.
    pub metrics: Vec<String>,
}

/// A bound that a run must keep to be called sustainable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Slo {
    pub metric: String,
    /// In the metric's unit; what is above breaks it.
    pub max: f64,
}

/// The search for the highest rate that is sustained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capacity {
    /// Events a second, where the search begins and beyond which it does not go.
    pub from: f64,
    pub to: f64,
    /// Width of the answer, as a share of it.
    pub precision: f64,
    /// Runs at either end of the answer that must agree.
    pub confirm: u32,
}

impl Plan {
    /// The JSON schema (draft 2020-12) of `experiment.toml`.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        toml_file::schema::<file::ExperimentFile>()
    }

    /// Seconds that a run is expected to take.
    #[must_use]
    pub fn run_s(&self) -> f64 {
        let Timing { warm_up_s, measure_s, cool_down_s, overhead_s, .. } = self.timing;
        warm_up_s + measure_s + cool_down_s + overhead_s
    }

    /// Seconds that the whole campaign takes at most, where no run is repeated.
    #[must_use]
    pub fn expected_s(&self) -> f64 {
        self.expected_of(self.blocks.max)
    }

    /// Seconds that it takes at least, where the rule for stopping ends it as early as it can.
    #[must_use]
    pub fn expected_min_s(&self) -> f64 {
        self.expected_of(crate::progress::blocks_min(self, &crate::cell::cells(self)))
    }

    fn expected_of(&self, blocks: u32) -> f64 {
        crate::cell::cells(self).len() as f64 * f64::from(blocks) * self.run_s()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_schema_is_that_of_the_file() {
        let committed = include_str!("../../../docs/schemas/experiment.schema.json");
        let schema = serde_json::to_string_pretty(&Plan::schema()).unwrap() + "\n";
        let how = "run `cargo run -p testbed -- experiment schema > docs/schemas/experiment.schema.json`";
        assert_eq!(schema, committed, "the schema is not up to date: {how}");
    }
}

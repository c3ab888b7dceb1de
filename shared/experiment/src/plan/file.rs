//! `experiment.toml` as it is written. What it says in doc comments is the text of its schema.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use toml_file::{Located, Seconds};

/// An experiment: what is varied, how often, and what is compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExperimentFile {
    /// `a-z`, `0-9` and `-`.
    pub name: Located<String>,
    /// What is to be found out, in a sentence. It heads the report.
    pub question: Located<String>,
    /// Where all randomness comes from: the order of runs, schedules, events. 1 if not given.
    pub seed: Option<u64>,
    /// Repetitions of every cell. 10 if not given.
    pub blocks: Option<Located<BlocksValue>>,
    /// How long the parts of a run take.
    #[serde(default)]
    pub timing: TimingTable,
    /// What the campaign may take.
    #[serde(default)]
    pub budget: BudgetTable,
    /// What every cell has, unless a level of a factor says otherwise. The keys are those of factors.
    #[serde(default)]
    pub settings: BTreeMap<String, Located<Value>>,
    /// What is varied. Every combination of levels is a cell.
    pub factors: Located<Vec<FactorTable>>,
    /// Combinations that are left out: `{ placement = "arm64", rate = "5000" }`.
    #[serde(default)]
    pub exclude: Vec<Located<BTreeMap<String, String>>>,
    /// What is compared with what. The first is the answer. If not given, the first factor's levels with its first level.
    #[serde(default)]
    pub comparisons: Vec<ComparisonTable>,
    /// Bounds for what counts as sustained: `accepted-to-queryable-p99 = "100ms"`.
    #[serde(default)]
    pub slos: BTreeMap<String, Located<SloValue>>,
    /// The search for the highest rate that is sustained.
    pub capacity: Option<Located<CapacityTable>>,
}

/// Repetitions of every cell.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "blocks are a number, or { min = 6, max = 20 }")]
pub enum BlocksValue {
    /// Always this many.
    Number(u32),
    /// Until the answer is narrow enough.
    Range(BlocksTable),
}

/// Repetitions until the interval of the answer is narrow.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BlocksTable {
    /// The least. A campaign does not end before there are as many as a verdict on its claims needs, 6 for one claim.
    pub min: u32,
    /// The most, at most 100.
    pub max: u32,
    /// Half the width of the interval at which to end, as a share. 0.02 if not given.
    pub half_width: Option<f64>,
}

/// How long the parts of a run take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimingTable {
    /// Load before what is measured. `10s` if not given.
    pub warm_up: Option<Located<Seconds>>,
    /// What is measured. `60s` if not given.
    pub measure: Option<Located<Seconds>>,
    /// Load after it. `2s` if not given.
    pub cool_down: Option<Located<Seconds>>,
    /// What a run takes beside its load, for estimates until there are runs: services start and stop, nodes are looked at,
    /// events are audited. `4s` if not given, which one machine takes; starting pods takes longer.
    pub overhead: Option<Located<Seconds>>,
    /// Longest wait until everything accepted is queryable. `60s` if not given.
    pub drain_timeout: Option<Located<Seconds>>,
}

/// What the campaign may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BudgetTable {
    /// Time of the whole campaign. Twice what is expected if not given.
    pub time: Option<Located<Seconds>>,
    /// Invalid runs that may be repeated. A fifth of the runs if not given.
    pub repeats: Option<u32>,
}

/// Something that is varied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FactorTable {
    /// Its name, and the key that its levels set unless `key` says another: `placement`, `rate`, `process-worker.WORK_KIND`.
    pub name: Located<String>,
    /// The key that its levels set.
    pub key: Option<Located<String>>,
    /// Two or more: values of the key, or tables that set several keys, `{ name = "always", set = { "redis.appendonly" = "yes" } }`.
    pub levels: Located<Vec<Located<Value>>>,
}

/// A bound, in the metric's unit, or a duration.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a bound is a number in the metric's unit, or a time such as \"100ms\"")]
pub enum SloValue {
    /// In the metric's unit.
    Number(f64),
    /// Such as `100ms`, for metrics that are times.
    Time(Seconds),
}

/// What is compared with what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComparisonTable {
    /// The factor whose levels are compared.
    pub factor: Located<String>,
    /// The level that the others are compared with; the first if not given.
    pub baseline: Option<Located<String>>,
    /// Names of metrics, the most important first.
    pub metrics: Located<Vec<Located<String>>>,
}

/// The search for the highest rate that is sustained.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityTable {
    /// Events a second that are tried first.
    pub from: f64,
    /// Events a second that are not exceeded.
    pub to: f64,
    /// Width of the answer, as a share of it. 0.05 if not given.
    pub precision: Option<f64>,
    /// Runs at either end of the answer that must agree. 3 if not given.
    pub confirm: Option<u32>,
}

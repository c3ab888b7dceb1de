//! The workload file as it is written. What it says in doc comments is the text of its schema.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{Batch, ContentType, Values};
use crate::trace::{TimeUnit, TraceKind};
use toml_file::{Located, Seconds};

/// What a simulator sends and when. Paths in it are relative to the file; flags override it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WorkloadFile {
    /// Where all randomness comes from: the same seed gives the same run. 1 if not given.
    pub seed: Option<Located<u64>>,
    /// Events a request, 1 to 10000. 1 if not given.
    pub batch: Option<Located<BatchValue>>,
    /// How a request is written. `structured` for one event, else `batch`, if not given.
    pub content_type: Option<Located<ContentType>>,
    /// Connections to the receiver, of each simulator. 16 if not given.
    #[schemars(range(min = 1, max = 10_000))]
    pub connections: Option<Located<usize>>,
    /// Threads that send, of each simulator. 1 if not given.
    #[schemars(range(min = 1, max = 256))]
    pub threads: Option<Located<usize>>,
    /// Requests that may wait for a free connection; those beyond count as unsent. 65536 if not given.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue: Option<Located<usize>>,
    /// How long an answer may take before the outcome counts as unknown. 10 s if not given.
    pub timeout: Option<Located<Seconds>>,
    /// What the events are like.
    #[serde(default)]
    pub events: EventsTable,
    /// What is wrong on purpose, to test the system.
    #[serde(default)]
    pub faults: FaultsTable,
    /// What follows what.
    #[schemars(length(min = 1, max = 32))]
    pub phases: Located<Vec<PhaseTable>>,
}

/// Events a request.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(untagged)]
pub enum BatchValue {
    /// Always the same number.
    Number(#[schemars(range(min = 1, max = 10_000))] u32),
    /// A number drawn for each request.
    Range(BatchRange),
}

/// A number of events drawn for each request, evenly from `min` to `max`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRange {
    /// The least.
    #[schemars(range(min = 1, max = 10_000))]
    pub min: u32,
    /// The most.
    #[schemars(range(min = 1, max = 10_000))]
    pub max: u32,
}

/// What the events are like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventsTable {
    /// Who sends.
    #[serde(default)]
    pub sources: SourcesTable,
    /// Bytes of an event's data. 100 if not given.
    pub payload: Option<Located<PayloadValue>>,
    /// What is sent: `testbed.reading` with `uniform` values if not given.
    #[schemars(length(min = 1, max = 64))]
    pub types: Option<Located<Vec<TypeTable>>>,
}

/// The population of sources.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourcesTable {
    /// How many there are. 100 if not given.
    #[schemars(range(min = 1, max = 4_294_967_296_u64))]
    pub count: Option<Located<u64>>,
    /// How often each occurs. `zipf` if not given.
    pub popularity: Option<Located<PopularityName>>,
    /// Of `zipf`: 0 for all alike, 1 for the classic law. 1 if not given.
    #[schemars(range(min = 0, max = 10))]
    pub exponent: Option<Located<f64>>,
    /// Of `zipf`: time after which other sources become the hot ones. Never if not given.
    pub shift_every: Option<Located<Seconds>>,
}

/// How often each source occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PopularityName {
    /// All alike.
    Uniform,
    /// The k-th with a weight of k to the power of -exponent.
    Zipf,
}

/// Bytes of an event's data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(tag = "distribution")]
pub enum PayloadValue {
    /// Lognormal sizes.
    Lognormal(LognormalTable),
    /// Sizes drawn from a list.
    #[schemars(untagged)]
    Observed(ObservedTable),
    /// Always the same size.
    #[schemars(untagged)]
    Constant(#[schemars(range(min = 1))] Located<usize>),
}

/// Lognormal sizes, cut at the largest payload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LognormalTable {
    /// The median in bytes.
    #[schemars(range(min = 1))]
    pub median: Located<usize>,
    /// Standard deviation of the logarithm, 0 to 4.
    #[schemars(range(min = 0, max = 4))]
    pub sigma: Located<f64>,
}

/// Sizes drawn from a list of observed ones, each as likely as it occurs there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedTable {
    /// A text file with one size in bytes a line.
    pub file: Located<PathBuf>,
}

/// A type of event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeTable {
    /// The CloudEvents `type`.
    #[schemars(length(min = 1, max = 128))]
    pub name: Located<String>,
    /// How often it occurs, against the weights of the others. 1 if not given.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub weight: Option<Located<f64>>,
    /// What its values are. `uniform` if not given.
    pub values: Option<Located<Values>>,
}

/// What is wrong on purpose. Shares of requests, 0 to 1.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultsTable {
    /// Requests that are sent a second time, in addition to the rate. 0 if not given.
    #[schemars(range(min = 0, max = 1))]
    pub duplicates: Option<Located<f64>>,
    /// Requests that are no valid events, as a part of the rate. 0 if not given.
    #[schemars(range(min = 0, max = 1))]
    pub malformed: Option<Located<f64>>,
}

/// A part of the run with results of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseTable {
    /// Unique; `a-z`, `0-9` and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,32}$"))]
    pub name: Located<String>,
    /// How long it lasts. May be left out of a replay that does not loop, which lasts as long as its trace.
    pub duration: Option<Located<Seconds>>,
    /// Whether it counts for the result's headline and verdict; not so for a warm-up. True if not given.
    #[serde(default = "yes")]
    pub measure: bool,
    /// Events a second, over all simulators of the run. Not with `replay` or a closed loop.
    pub rate: Option<Located<RateValue>>,
    /// How requests follow each other. `constant` if not given.
    pub arrivals: Option<Located<Arrivals>>,
    /// A trace to send, in place of `rate` and `arrivals`.
    pub replay: Option<Located<ReplayTable>>,
}

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// In equal steps of the expected number.
    Constant,
    /// Independently of each other, at the rate on average.
    Poisson,
    /// Closed loop: each connection sends as soon as it has its answer. Finds a maximum; its latencies hide waiting.
    Closed,
}

/// Events a second.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(tag = "shape")]
pub enum RateValue {
    /// High and low in turn.
    Burst(BurstTable),
    /// From one rate to another.
    Ramp(RampTable),
    /// One rate after the other.
    Step(StepTable),
    /// The curve of a day.
    Sinusoid(SinusoidTable),
    /// Always the same rate.
    #[schemars(untagged)]
    Constant(#[schemars(range(min = 0, max = 100_000_000))] f64),
}

/// High and low in turn, beginning with high.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstTable {
    /// Events a second in a burst.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub high: Located<f64>,
    /// Events a second between bursts. 0 if not given.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub low: Option<Located<f64>>,
    /// Length of a burst.
    pub on: Located<Seconds>,
    /// Time between two bursts.
    pub off: Located<Seconds>,
}

/// Linear from one rate to another over the length of the phase.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampTable {
    /// Events a second at the beginning.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub from: Located<f64>,
    /// Events a second at the end.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub to: Located<f64>,
}

/// One rate after the other, each for the same part of the phase.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepTable {
    /// Events a second of each step.
    #[schemars(length(min = 1, max = 1000), inner(range(min = 0, max = 100_000_000)))]
    pub rates: Located<Vec<Located<f64>>>,
}

/// `mean + amplitude * sin(2 pi (t / period + phase))`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinusoidTable {
    /// Events a second on average.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub mean: Located<f64>,
    /// At most the mean.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub amplitude: Located<f64>,
    /// Length of a cycle.
    pub period: Located<Seconds>,
    /// Where in the cycle the phase begins, 0 to 1. 0 if not given.
    #[schemars(range(min = 0, max = 1))]
    pub phase: Option<Located<f64>>,
}

/// A recorded trace, CSV or NDJSON. Its times set the pace; requests carry `batch` consecutive records each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReplayTable {
    /// The trace. Records must be in the order of their times.
    pub file: Located<PathBuf>,
    /// How the file is written. By its extension if not given: .csv, .ndjson, .jsonl.
    pub kind: Option<TraceKind>,
    /// Column or member with the time. `time` if not given.
    pub time: Option<String>,
    /// Unit of times that are numbers.
    pub unit_of_time: Option<TimeUnit>,
    /// How times are written, as for strptime; UTC if it has no %z. RFC 3339 if neither this nor a unit is given.
    pub format: Option<String>,
    /// Column or member with the value, a number.
    pub value: Option<String>,
    /// Unit of the values.
    pub unit: Option<String>,
    /// Column or member with the source. Sources are drawn if not given.
    pub source: Option<String>,
    /// Column or member with the event's type. Types are drawn if not given.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Member with the whole data of an event, any JSON; NDJSON only.
    pub data: Option<String>,
    /// How often as fast as it was recorded. 1 if not given.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub speed: Option<Located<f64>>,
    /// Whether it begins again at its end, for as long as the phase lasts.
    #[serde(default, rename = "loop")]
    pub repeats: bool,
}

fn yes() -> bool {
    true
}

impl From<Batch> for BatchValue {
    fn from(Batch { min, max }: Batch) -> Self {
        if min == max { Self::Number(min) } else { Self::Range(BatchRange { min, max }) }
    }
}

impl From<BatchValue> for Batch {
    fn from(value: BatchValue) -> Self {
        match value {
            BatchValue::Number(number) => Self { min: number, max: number },
            BatchValue::Range(BatchRange { min, max }) => Self { min, max },
        }
    }
}

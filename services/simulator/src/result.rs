//! The result of a run, `result.json`: what was planned, what came of it, how far it is to be trusted.

mod directory;
mod environment;
mod figures;
mod files;
mod probes;
mod shards;

use std::path::PathBuf;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

pub use directory::ResultDirectory;
pub use environment::{Environment, Generator};
pub use figures::{Figures, Late, Latencies, Rates};
pub(crate) use files::{
    LEDGER_FILE, Log, PROBE_LOGS, RESULT_FILE, SERIES_FILE, TALLY_LOGS, write_json, write_ledger,
};
pub use probes::{ProbeFigures, StageFigures, StagesFigures};
pub use shards::{ShardClock, ShardPart, ShardsSummary};

use crate::plan::{Load, Plan, Shard};
use crate::probes::ProbeTally;
use crate::tally::Tally;
use crate::verdict::{Verdict, judge};

/// Version of `result.json`.
pub const RESULT_VERSION: u32 = 3;

/// `result.json`. Its own figures are the totals over the measured phases, or over all where none is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// [`RESULT_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// How far the result is to be trusted.
    pub verdict: Verdict,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// When the first phase began, RFC 3339.
    pub started_at: String,
    /// When the last outcome was known, RFC 3339.
    pub ended_at: String,
    /// From the beginning of the first phase to the last outcome.
    pub elapsed_s: f64,
    /// Which shard's result this is; none where it is that of a whole run.
    pub shard: Option<Shard>,
    /// What is known of the shards of the run; none where it has only one.
    pub shards: Option<ShardsSummary>,
    /// Figures of the measured phases together.
    #[serde(flatten)]
    pub totals: Figures,
    /// Every phase, in the order of the plan.
    pub phases: Vec<PhaseResult>,
    /// What the load generator says of itself; of several shards the sums and the worst.
    pub generator: Generator,
    /// Where the simulator ran; of several shards the first.
    pub environment: Environment,
    /// What was to be done.
    pub plan: Plan,
    /// The files beside this one.
    pub files: Vec<String>,
    /// The directory of the result.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// The result of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseResult {
    /// Its name, which is also the tag of its lines in the `.hlog` files.
    pub name: String,
    /// Whether it counts for the totals and for the verdict.
    pub measured: bool,
    /// What set its pace.
    #[serde(rename = "loop")]
    pub pace: Pace,
    /// When it began, from the start of the run.
    pub start_s: f64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What set the pace of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// A schedule, whatever the receiver did.
    Open,
    /// The recorded times of a trace.
    Replay,
    /// The answers. There is no response time, only service time: a closed loop hides waiting.
    Closed,
}

impl Pace {
    /// What sets the pace of a load.
    pub fn of(load: &Load) -> Self {
        match load {
            Load::Open { .. } => Self::Open,
            Load::Replay(_) => Self::Replay,
            Load::Closed => Self::Closed,
        }
    }

    /// Its name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replay => "replay",
            Self::Closed => "closed",
        }
    }
}

/// What a phase came to, as it is added up over lanes and over shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct PhaseTotals {
    pub(crate) tally: Tally,
    pub(crate) probes: Option<ProbeTally>,
    /// Its length by the plan, or until the run was stopped.
    pub(crate) duration: std::time::Duration,
}

impl PhaseTotals {
    /// Adds the same phase of another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        probes::add(&mut self.probes, other.probes.as_ref());
        self.duration = self.duration.max(other.duration);
    }
}

/// Everything of a result that does not come from its tallies.
pub(crate) struct Circumstances {
    pub(crate) plan: Plan,
    pub(crate) started_unix_us: i64,
    pub(crate) elapsed: std::time::Duration,
    pub(crate) is_interrupted: bool,
    pub(crate) shard: Option<Shard>,
    pub(crate) shards: Option<ShardsSummary>,
    pub(crate) generator: Generator,
    pub(crate) environment: Environment,
    pub(crate) files: Vec<String>,
    pub(crate) directory: PathBuf,
}

impl RunResult {
    /// Puts a result together and judges it. `phases` are those of the plan.
    pub(crate) fn new(phases: &[PhaseTotals], circumstances: Circumstances) -> Self {
        let Circumstances { plan, started_unix_us, elapsed, .. } = circumstances;
        let ended_unix_us = started_unix_us.saturating_add(elapsed.as_micros() as i64);
        let mut result = Self {
            version: RESULT_VERSION,
            run_id: plan.run_id.clone(),
            verdict: Verdict::default(),
            interrupted: circumstances.is_interrupted,
            started_at: events::rfc3339_from_unix_us(started_unix_us),
            ended_at: events::rfc3339_from_unix_us(ended_unix_us),
            elapsed_s: elapsed.as_secs_f64(),
            shard: circumstances.shard,
            shards: circumstances.shards,
            totals: figures::of_phases(&plan, phases),
            phases: (0..phases.len()).map(|phase| PhaseResult::new(&plan, phase, &phases[phase])).collect(),
            generator: circumstances.generator,
            environment: circumstances.environment,
            plan,
            files: circumstances.files,
            directory: circumstances.directory,
        };
        result.verdict = judge(&result);
        result
    }

    /// The phases that count; all where none is measured.
    pub(crate) fn judged_phases(&self) -> impl Iterator<Item = &PhaseResult> {
        let has_measured = self.phases.iter().any(|phase| phase.measured);
        self.phases.iter().filter(move |phase| phase.measured || !has_measured)
    }
}

impl PhaseResult {
    fn new(plan: &Plan, phase: usize, totals: &PhaseTotals) -> Self {
        let phase_plan = &plan.phases[phase];
        Self {
            name: phase_plan.name.clone(),
            measured: phase_plan.is_measured,
            pace: Pace::of(&phase_plan.load),
            start_s: plan.phase_start(phase).as_secs_f64(),
            figures: figures::of_phase(plan, phase, totals),
        }
    }
}

/// The JSON schema of `result.json`, as it is committed in `docs/schemas`.
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut text = serde_json::to_string_pretty(&generator.into_root_schema_for::<RunResult>())
        .expect("a schema has nothing that JSON cannot hold");
    text.push('\n');
    text
}

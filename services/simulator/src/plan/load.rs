//! When requests are sent.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::CumulativeRate;

/// More events a second than any generator of this kind can send.
pub(crate) const RATE_MAX_PER_S: f64 = 1e8;
/// A year keeps all times far from any overflow.
pub(crate) const DURATION_MAX_S: f64 = 366.0 * 24.0 * 3600.0;
/// Each has histograms and series of its own.
pub(crate) const PHASES_MAX: usize = 32;
const PHASE_NAME_BYTES_MAX: usize = 32;
/// What metrics call the time before and after the phases.
const RESERVED_PHASE_NAMES: [&str; 2] = ["connect", "drain"];

/// A part of a run with results of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhasePlan {
    /// Unique within the run; `[a-z0-9-]`, at most 32 characters.
    pub name: String,
    /// Above 0. Of the last phase of an endless run it says nothing.
    pub duration_s: f64,
    /// Whether it counts for the headline of the result and for its verdict: warm-up and cool-down do not.
    pub is_measured: bool,
    /// What sets the pace.
    pub load: Load,
}

/// What sets the pace of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub enum Load {
    /// A schedule, whatever the receiver does.
    Open {
        /// The rate over the time of the phase.
        rate: RateShape,
        /// How arrivals follow each other at that rate.
        spacing: Spacing,
    },
    /// The recorded times of a trace.
    Replay(ReplayPlan),
    /// The answers: each connection sends as soon as it has its answer. Finds a maximum; its latencies hide waiting.
    Closed,
}

/// Events a second over the time of a phase, over all shards. All rates are at least 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "lowercase")]
pub enum RateShape {
    /// Always the same.
    Constant {
        /// Events a second.
        rate_per_s: f64,
    },
    /// High and low in turn, beginning with high.
    Burst {
        /// Events a second in a burst.
        high_per_s: f64,
        /// Events a second between two bursts.
        low_per_s: f64,
        /// Length of a burst.
        on_s: f64,
        /// Time between two bursts.
        off_s: f64,
    },
    /// Linear from one rate to another over the length of the phase.
    Ramp {
        /// Events a second at the beginning.
        from_per_s: f64,
        /// Events a second at the end.
        to_per_s: f64,
    },
    /// One rate after the other, each for the same part of the phase.
    Step {
        /// Events a second of each step.
        rates_per_s: Vec<f64>,
    },
    /// `mean + amplitude · sin(2π · (t / period + phase))`: the curve of a day.
    Sinusoid {
        /// Events a second on average.
        mean_per_s: f64,
        /// At most the mean.
        amplitude_per_s: f64,
        /// Length of a cycle.
        period_s: f64,
        /// Where in the cycle the phase begins, 0 to 1.
        phase: f64,
    },
}

/// How arrivals follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// In equal steps of the expected number of arrivals.
    Even,
    /// Independently of each other.
    Poisson,
}

/// A recorded trace and how it is replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayPlan {
    /// The trace.
    pub file: PathBuf,
    /// Where it has what.
    pub columns: crate::trace::TraceColumns,
    /// How often as fast as it was recorded.
    pub speed: f64,
    /// Whether it begins again at its end, for as long as the phase lasts. The first record of the next round comes one
    /// mean gap after the last one.
    pub repeats: bool,
    /// What it holds, read and checked.
    #[serde(skip)]
    pub trace: std::sync::Arc<crate::trace::Trace>,
}

/// Events a request: drawn for each request, evenly from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// At least 1.
    pub min: u32,
    /// At least `min`.
    pub max: u32,
}

impl PhasePlan {
    /// [`PhasePlan::duration_s`] as a duration.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.duration_s)
    }

    /// Events that are expected to become due in [`PhasePlan::duration_s`], repetitions not among them; none of a closed
    /// loop.
    pub fn expected_events(&self) -> Option<f64> {
        match &self.load {
            Load::Open { rate, .. } => {
                Some(CumulativeRate::new(rate, self.duration_s).events_until(self.duration_s))
            }
            Load::Replay(replay) => Some(replay.records_until(self.duration_s) as f64),
            Load::Closed => None,
        }
    }

    /// Planned events a second at a time of the phase; of a replay the mean; none of a closed loop.
    pub fn rate_per_s(&self, elapsed: Duration) -> Option<f64> {
        match &self.load {
            Load::Open { rate, .. } => {
                Some(CumulativeRate::new(rate, self.duration_s).rate_at(elapsed.as_secs_f64()))
            }
            Load::Replay(replay) => Some(replay.trace.len() as f64 / replay.round_s()),
            Load::Closed => None,
        }
    }

    /// Whether answers set the pace, instead of a schedule.
    pub fn is_closed(&self) -> bool {
        matches!(self.load, Load::Closed)
    }
}

/// Whether a phase may be called so: the name becomes a tag, a column and a label.
pub(crate) fn is_phase_name(name: &str) -> bool {
    (1..=PHASE_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !RESERVED_PHASE_NAMES.contains(&name)
}

impl ReplayPlan {
    /// How long the trace takes once, with the gap before it would begin again; a trace of one moment takes a second.
    pub fn round_s(&self) -> f64 {
        let round = self.trace.span() + self.trace.mean_gap();
        if round.is_zero() { 1.0 } else { round.as_secs_f64() / self.speed }
    }

    /// Records that are due before a time.
    fn records_until(&self, time_s: f64) -> u64 {
        let round_s = self.round_s();
        let rounds = if self.repeats { (time_s / round_s).floor() } else { 0.0 };
        let rest_s = (time_s - rounds * round_s) * self.speed;
        rounds as u64 * self.trace.len() as u64 + self.trace.records_before(rest_s) as u64
    }
}

impl std::str::FromStr for Batch {
    type Err = String;

    /// Reads `10`, or `1-100`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.parse().map_err(|_| "use a number, or two as in 1-100".to_owned());
        Ok(Self { min: number(min)?, max: number(max)? })
    }
}

impl Batch {
    /// The mean.
    pub fn mean(&self) -> f64 {
        (f64::from(self.min) + f64::from(self.max)) / 2.0
    }
}

//! The plan of a run: everything that decides which requests are sent and when. Validated; written to the result as
//! it is.

pub mod events;
pub mod load;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::{
    ContentType, EventsPlan, FaultsPlan, PayloadSize, Popularity, SourcesPlan, TypePlan, Values,
};
pub use load::{Batch, Load, PhasePlan, RateShape, ReplayPlan, Spacing};

/// Everything that decides which requests are sent and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The run; the `runid` of every event.
    pub run_id: String,
    /// Base URL of the receiver.
    pub target: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// What follows what. Not empty.
    pub phases: Vec<PhasePlan>,
    /// Whether the last phase goes on until it is stopped.
    pub is_endless: bool,
    /// What the events are like.
    pub events: EventsPlan,
    /// What is wrong on purpose.
    pub faults: FaultsPlan,
    /// Events a request.
    pub batch: Batch,
    /// How a request is written.
    pub content_type: ContentType,
    /// Connections to the receiver, of this process.
    pub connections: usize,
    /// Threads that send, each with its share of the connections and of the arrivals.
    pub threads: usize,
    /// Arrivals that may wait for a free connection; those beyond are not sent.
    pub queue_requests_max: usize,
    /// How long an answer may take from the actual sending.
    pub timeout_s: f64,
    /// Which part of the run this process sends.
    pub shard: Shard,
}

/// Which part of a run a process sends: every `count`th arrival, beginning with number `index`. The events of a run
/// are the same whatever the number of its shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// How many processes send the run.
    pub count: u32,
}

impl Plan {
    /// A plan of these phases, and for the rest as plain as can be: one event of constant size a request, ten sources, one
    /// connection, nothing wrong on purpose, the whole run from this process.
    pub fn plain(phases: Vec<PhasePlan>) -> Self {
        Self {
            run_id: "run".to_owned(),
            target: String::new(),
            seed: 1,
            phases,
            is_endless: false,
            events: EventsPlan {
                sources: SourcesPlan { count: 10, popularity: Popularity::Uniform },
                types: vec![TypePlan {
                    name: "testbed.reading".to_owned(),
                    weight: 1.0,
                    values: Values::Uniform,
                }],
                payload: PayloadSize::Constant { bytes: 100 },
            },
            faults: FaultsPlan::default(),
            batch: Batch { min: 1, max: 1 },
            content_type: ContentType::Structured,
            connections: 1,
            threads: 1,
            queue_requests_max: 1,
            timeout_s: 1.0,
            shard: Shard { index: 0, count: 1 },
        }
    }

    /// [`Plan::timeout_s`] as a duration.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s)
    }

    /// When a phase begins, from the start of the run.
    pub fn phase_start(&self, phase: usize) -> Duration {
        self.phases[..phase].iter().map(PhasePlan::duration).sum()
    }

    /// When a phase ends, from the start of the run; none for the last phase of an endless run.
    pub fn phase_end(&self, phase: usize) -> Option<Duration> {
        let is_last = phase + 1 == self.phases.len();
        (!self.is_endless || !is_last).then(|| self.phase_start(phase + 1))
    }

    /// The phase that the run is in at a moment; the last one after the end.
    pub fn phase_at(&self, elapsed: Duration) -> usize {
        let last = self.phases.len() - 1;
        (0..last).find(|phase| self.phase_end(*phase).is_some_and(|end| elapsed < end)).unwrap_or(last)
    }

    /// From the start of the run to the end of its last phase; none where there is no end.
    pub fn duration(&self) -> Option<Duration> {
        self.phase_end(self.phases.len() - 1)
    }

    /// How many lanes send the run: the threads of all its shards.
    pub fn lanes(&self) -> u64 {
        u64::from(self.shard.count) * self.threads as u64
    }
}

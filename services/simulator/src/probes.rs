//! How long until an accepted event can be queried: some of the events that a lane sends are looked for at query-api.
//!
//! Lanes choose and hand over, which costs them a hash and a compare; tasks of the runtime ask.

mod asking;
mod choice;
mod pacer;
mod position;
mod sleep;
mod stages;
mod tally;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::Position;
use observability::metrics::Registry;
use service::config::ConfigError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::arrival::{Arrival, Kind};
use crate::config::ProbesConfig;
use crate::plan::Plan;
use crate::telemetry::ProbeInstruments;

pub use position::first_position;
pub use stages::{Stage, StageTally};
pub use tally::{ProbeTally, ProbesSoFar};

use asking::Asking;
use choice::{Bucket, Choice, Chosen};
use tally::Tallies;

/// Probes on their way from the lanes to the task that takes them at once.
const OFFERS_MAX: usize = 1024;

/// The usual time after its acceptance at which an event that is not found is given up.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Starts to look for events of a run, each until `deadline`, on the runtime that this is called on.
///
/// # Errors
/// A token that cannot be sent in a header.
pub fn start(
    config: &ProbesConfig,
    plan: &Plan,
    deadline: Duration,
    registry: &Registry,
) -> Result<(ProbeSender, Prober), ConfigError> {
    let tallies = Arc::new(Tallies::new(plan.phases.len(), ProbeInstruments::new(registry)));
    let asking = Asking::new(config, plan.shard.count, deadline, Arc::clone(&tallies))?;
    let (offers, offered) = mpsc::channel(OFFERS_MAX);
    let (ending, interrupted) = (CancellationToken::new(), CancellationToken::new());
    let task = tokio::spawn(asking.run(offered, ending.clone(), interrupted.clone()));
    let choice = Arc::new(Choice::new(plan, config.per_second));
    let bucket = Cell::new(choice.full_bucket());
    let sender = ProbeSender { choice, bucket, offers, tallies: Arc::clone(&tallies) };
    Ok((sender, Prober { tallies, ending, interrupted, task }))
}

/// An accepted event that is looked for.
#[derive(Debug)]
struct Probe {
    phase: u16,
    position: Position,
    intended: Instant,
    sent: Instant,
    accepted: Instant,
}

/// A lane's side: chooses requests and hands over what was accepted of them. A clone is for another lane and has a budget
/// of its own.
pub struct ProbeSender {
    choice: Arc<Choice>,
    bucket: Cell<Bucket>,
    offers: mpsc::Sender<Probe>,
    tallies: Arc<Tallies>,
}

impl Clone for ProbeSender {
    fn clone(&self) -> Self {
        Self {
            choice: Arc::clone(&self.choice),
            bucket: Cell::new(self.choice.full_bucket()),
            offers: self.offers.clone(),
            tallies: Arc::clone(&self.tallies),
        }
    }
}

impl ProbeSender {
    /// Whether the events of a request are to be looked for; takes from the budget. The choice depends on the plan and
    /// the arrivals of this lane alone, in a closed loop on their times as well.
    pub fn wants(&self, arrival: &Arrival) -> bool {
        if arrival.kind != Kind::New {
            return false;
        }
        let mut bucket = self.bucket.get();
        let chosen = self.choice.choose(arrival, &mut bucket);
        self.bucket.set(bucket);
        if chosen == Chosen::OverBudget {
            self.tallies.skip(arrival.phase);
        }
        chosen == Chosen::Yes
    }

    /// Looks for the first event of a request that [`ProbeSender::wants`] chose and that was accepted. Never waits: where
    /// there is no room, or `body` names no position, the probe counts as skipped.
    ///
    /// `body` is that of the answer, which came at `accepted` to the request `sent` then and `intended` to be sent.
    pub fn offer_accepted(
        &self,
        arrival: &Arrival,
        body: &[u8],
        intended: Instant,
        sent: Instant,
        accepted: Instant,
    ) {
        let phase = arrival.phase;
        let probe = first_position(body).map(|position| Probe { phase, position, intended, sent, accepted });
        if probe.is_none_or(|probe| self.offers.try_send(probe).is_err()) {
            self.tallies.skip(phase);
        }
    }
}

/// The side of the run: what was found.
pub struct Prober {
    tallies: Arc<Tallies>,
    ending: CancellationToken,
    interrupted: CancellationToken,
    task: JoinHandle<()>,
}

/// A look at what was found so far.
#[derive(Clone)]
pub struct ProbesView(Arc<Tallies>);

impl ProbesView {
    /// Of all phases together. Nothing is counted while `look` does.
    pub fn look<T>(&self, look: impl FnOnce(&ProbesSoFar) -> T) -> T {
        look(&self.0.so_far())
    }
}

impl Prober {
    /// A look at what was found so far.
    pub fn view(&self) -> ProbesView {
        ProbesView(Arc::clone(&self.tallies))
    }

    /// Takes no more probes and waits until the open ones are found or given up, which takes the deadline at most. With `shutdown`
    /// it stops at once, and the open ones count as skipped. Gives what was found, for each phase of the plan.
    pub async fn finish(self, shutdown: &CancellationToken) -> Vec<ProbeTally> {
        self.ending.cancel();
        let mut task = self.task;
        let ended = tokio::select! {
            ended = &mut task => ended,
            () = shutdown.cancelled() => {
                self.interrupted.cancel();
                task.await
            }
        };
        if let Err(error) = ended {
            tracing::error!(%error, "probes failed");
        }
        self.tallies.snapshot()
    }
}

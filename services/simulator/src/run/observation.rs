//! What others see of a run while it goes on: the screen, the metrics, and afterwards the spans of its phases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use observability::metrics::Registry;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::plan::Plan;
use crate::probes::ProbesView;
use crate::progress::{self, ProbeProgress, Progress, planned_rate};
use crate::result::RunResult;
use crate::tally::Tally;
use crate::telemetry::{Instruments, Stage, Stages, begin_phase_span, end_phase_span};

/// A progress bar that moves.
const TICK: Duration = Duration::from_millis(250);
/// Where nobody looks.
const TICK_ENDLESS: Duration = Duration::from_secs(1);

/// Observes a run until it is ended or dropped.
pub(super) struct Observation {
    instruments: Arc<Instruments>,
    progress: Arc<watch::Sender<Progress>>,
    phases: usize,
    started: watch::Sender<Option<Started>>,
    following: AbortOnDropHandle<()>,
}

/// A run that has begun.
#[derive(Clone)]
struct Started {
    start: Instant,
    probes: Option<ProbesView>,
}

impl Observation {
    /// Begins before the run does, while it waits for its receiver.
    pub(super) fn begin(config: &Config, registry: &Registry, instruments: &Arc<Instruments>) -> Self {
        let progress = Arc::new(watch::Sender::new(Progress::new()));
        let (started, start) = watch::channel(None);
        let follower = Follower {
            plan: config.plan.clone(),
            stages: Stages::new(registry, &config.plan),
            instruments: Arc::clone(instruments),
            progress: Arc::clone(&progress),
        };
        let (plan, registry) = (config.plan.clone(), registry.clone());
        let (shown, interval) =
            (config.shows_progress.then(|| progress.subscribe()), config.common.statistics_interval);
        let following = tokio::spawn(async move {
            let picture = async {
                if let Some(progress) = shown {
                    progress::show(progress, &plan, &registry, interval).await;
                }
            };
            tokio::join!(follower.run(start), picture);
        });
        Self {
            instruments: Arc::clone(instruments),
            progress,
            phases: config.plan.phases.len(),
            started,
            following: AbortOnDropHandle::new(following),
        }
    }

    /// Whom the run waits for before its start.
    pub(super) fn waits_for(&self, whom: &str) {
        self.progress.send_modify(|progress| whom.clone_into(&mut progress.waits_for));
    }

    /// The run begins.
    pub(super) fn start(&self, start: Instant, probes: Option<ProbesView>) {
        self.started.send_replace(Some(Started { start, probes }));
    }

    /// Takes in every second of every phase.
    pub(super) fn observer(&self) -> impl FnMut(u64, usize, &Tally) + Send + 'static {
        let (instruments, progress) = (Arc::clone(&self.instruments), Arc::clone(&self.progress));
        let mut phases = vec![Tally::default(); self.phases];
        move |second, phase, slice| {
            instruments.publish(slice);
            phases[phase].add(slice);
            progress.send_modify(|progress| {
                progress.update(second, slice, &phases[phase]);
                progress.connections = instruments.open.connections();
                progress.in_flight = instruments.open.in_flight();
            });
        }
    }

    /// Returns once the screen is gone: what is printed before would go with it.
    pub(super) async fn end(self) {
        self.following.abort();
        // It was aborted, which is no news.
        self.following.await.ok();
    }
}

/// Follows a run from phase to phase.
struct Follower {
    plan: Plan,
    stages: Stages,
    instruments: Arc<Instruments>,
    progress: Arc<watch::Sender<Progress>>,
}

impl Follower {
    async fn run(self, mut started: watch::Receiver<Option<Started>>) {
        let Ok(begun) = started.wait_for(Option::is_some).await.map(|begun| begun.clone()) else { return };
        let Some(Started { start, probes }) = begun else { return };
        let mut ticks = interval(if self.plan.is_endless { TICK_ENDLESS } else { TICK });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.follow(Instant::now().saturating_duration_since(start), probes.as_ref());
        }
    }

    fn follow(&self, elapsed: Duration, probes: Option<&ProbesView>) {
        let phase = self.plan.phase_at(elapsed);
        let is_over = self.plan.duration().is_some_and(|length| elapsed >= length);
        let stage = if is_over { Stage::Drain } else { Stage::Phase(phase) };
        self.stages.enter(stage);
        let offset = elapsed.saturating_sub(self.plan.phase_start(phase));
        let rate = planned_rate(&self.plan, phase, offset).filter(|_| !is_over);
        self.instruments.set_planned_rate(rate);
        let probes = probes.map(|probes| probes.look(ProbeProgress::of));
        self.progress.send_modify(|progress| {
            progress.follow(stage, elapsed);
            progress.probes = probes;
        });
    }
}

/// The spans of all phases that took place. `start_unix_us` is when the first one began.
pub(super) fn end_phases(result: &RunResult, start_unix_us: i64) {
    for (plan, phase) in result.plan.phases.iter().zip(&result.phases) {
        let length = Duration::from_secs_f64(phase.figures.duration_s);
        if length.is_zero() {
            continue;
        }
        let start_us = start_unix_us + (phase.start_s * 1e6) as i64;
        let span = begin_phase_span(&result.plan, plan, start_us);
        end_phase_span(span, &phase.figures.events, length, start_us + length.as_micros() as i64);
    }
}

//! What is counted of probes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use measurement::Histogram;

use super::Probe;
use super::stages::{Journey, Stage, StageTally};
use crate::telemetry::ProbeInstruments;

/// Probes of a phase. Tallies are added to each other; adding is exact.
#[derive(Debug, Clone, Default)]
pub struct ProbeTally {
    /// Accepted events that were looked for.
    pub probes: u64,
    /// Found.
    pub seen: u64,
    /// Not found in time.
    pub unseen: u64,
    /// Chosen and not looked for (to the end), for want of room.
    pub skipped: u64,
    /// Given up because the query API did not answer properly.
    pub failed: u64,
    /// Requests to the query API.
    pub requests: u64,
    /// From the acceptance until it was found. It was queryable then, and at most [`ProbeTally::uncertainty`] before.
    pub accepted_to_queryable: Histogram,
    /// From the intended send time until it was found.
    pub intended_to_queryable: Histogram,
    /// From the last look that did not find it to the one that did; without such a look from its sending.
    pub uncertainty: Histogram,
    /// What `intended_to_queryable` consists of, by [`Stage`]: of those found events of which the answer says it.
    pub stages: [StageTally; 4],
    /// The work on these events, by the worker's clock.
    pub work: Histogram,
}

impl ProbeTally {
    /// The times of a stage.
    pub fn stage(&self, stage: Stage) -> &StageTally {
        &self.stages[stage as usize]
    }

    /// Adds everything that `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.probes += other.probes;
        self.seen += other.seen;
        self.unseen += other.unseen;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.requests += other.requests;
        self.accepted_to_queryable.merge(&other.accepted_to_queryable);
        self.intended_to_queryable.merge(&other.intended_to_queryable);
        self.uncertainty.merge(&other.uncertainty);
        self.work.merge(&other.work);
        self.stages.iter_mut().zip(&other.stages).for_each(|(stage, other)| stage.add(other));
    }
}

/// How looking for an event ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    Seen { found: Instant, uncertainty: Duration, journey: Option<Journey> },
    Unseen,
    Failed,
}

/// What people are shown of the probes of all phases while a run goes on.
#[derive(Debug, Clone, Default)]
pub struct ProbesSoFar {
    /// As in [`ProbeTally`].
    pub seen: u64,
    /// As in [`ProbeTally`].
    pub unseen: u64,
    /// As in [`ProbeTally`].
    pub skipped: u64,
    /// As in [`ProbeTally`].
    pub failed: u64,
    /// As in [`ProbeTally`].
    pub requests: u64,
    /// As in [`ProbeTally`].
    pub accepted_to_queryable: Histogram,
}

/// The tallies of all phases. Those without a probe have no histograms.
pub(super) struct Tallies {
    instruments: ProbeInstruments,
    /// Kept beside the tallies of phases, as adding those up takes milliseconds, in which a lane would send late.
    so_far: Mutex<ProbesSoFar>,
    phases: Vec<Mutex<Option<Box<ProbeTally>>>>,
}

impl Tallies {
    pub(super) fn new(phases: usize, instruments: ProbeInstruments) -> Self {
        let phases = (0..phases).map(|_| Mutex::default()).collect();
        Self { instruments, so_far: Mutex::default(), phases }
    }

    pub(super) fn skip(&self, phase: u16) {
        self.instruments.skipped.add(1);
        self.so_far().skipped += 1;
        self.count(phase, |tally| tally.skipped += 1);
    }

    pub(super) fn request(&self, phase: u16) {
        self.so_far().requests += 1;
        self.count(phase, |tally| tally.requests += 1);
    }

    pub(super) fn end(&self, probe: &Probe, ended: Ended) {
        self.tell(probe, ended);
        self.count(probe.phase, |tally| {
            tally.probes += 1;
            match ended {
                Ended::Seen { found, uncertainty, journey } => {
                    tally.seen += 1;
                    tally.accepted_to_queryable.record(found - probe.accepted);
                    tally.intended_to_queryable.record(found - probe.intended);
                    tally.uncertainty.record(uncertainty);
                    if let Some(Journey { stages, work }) = journey {
                        tally
                            .stages
                            .iter_mut()
                            .zip(stages)
                            .for_each(|(stage, time_ns)| stage.record(time_ns));
                        tally.work.record(work);
                    }
                }
                Ended::Unseen => tally.unseen += 1,
                Ended::Failed => tally.failed += 1,
            }
        });
    }

    /// Tells those who follow the run.
    fn tell(&self, probe: &Probe, ended: Ended) {
        let mut so_far = self.so_far();
        match ended {
            Ended::Seen { found, .. } => {
                self.instruments.seen(found - probe.accepted);
                so_far.seen += 1;
                so_far.accepted_to_queryable.record(found - probe.accepted);
            }
            Ended::Unseen => {
                self.instruments.unseen.add(1);
                so_far.unseen += 1;
            }
            Ended::Failed => {
                self.instruments.failed.add(1);
                so_far.failed += 1;
            }
        }
    }

    pub(super) fn so_far(&self) -> MutexGuard<'_, ProbesSoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn snapshot(&self) -> Vec<ProbeTally> {
        let tally = |phase: &Mutex<Option<Box<ProbeTally>>>| {
            phase.lock().unwrap_or_else(PoisonError::into_inner).as_deref().cloned().unwrap_or_default()
        };
        self.phases.iter().map(tally).collect()
    }

    fn count(&self, phase: u16, count: impl FnOnce(&mut ProbeTally)) {
        let mut tally = self.phases[usize::from(phase)].lock().unwrap_or_else(PoisonError::into_inner);
        count(tally.get_or_insert_default());
    }
}

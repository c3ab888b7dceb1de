//! What is counted of probes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use measurement::Histogram;

use super::Probe;
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
}

impl ProbeTally {
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
    }
}

/// How looking for an event ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    Seen { found: Instant, uncertainty: Duration },
    Unseen,
    Failed,
}

/// The tallies of all phases. Those without a probe have no histograms.
pub(super) struct Tallies {
    instruments: ProbeInstruments,
    phases: Vec<Mutex<Option<Box<ProbeTally>>>>,
}

impl Tallies {
    pub(super) fn new(phases: usize, instruments: ProbeInstruments) -> Self {
        Self { instruments, phases: (0..phases).map(|_| Mutex::default()).collect() }
    }

    pub(super) fn skip(&self, phase: u16) {
        self.instruments.skipped.add(1);
        self.count(phase, |tally| tally.skipped += 1);
    }

    pub(super) fn request(&self, phase: u16) {
        self.count(phase, |tally| tally.requests += 1);
    }

    pub(super) fn end(&self, probe: &Probe, ended: Ended) {
        match ended {
            Ended::Seen { found, .. } => self.instruments.seen(found - probe.accepted),
            Ended::Unseen => self.instruments.unseen.add(1),
            Ended::Failed => self.instruments.failed.add(1),
        }
        self.count(probe.phase, |tally| {
            tally.probes += 1;
            match ended {
                Ended::Seen { found, uncertainty } => {
                    tally.seen += 1;
                    tally.accepted_to_queryable.record(found - probe.accepted);
                    tally.intended_to_queryable.record(found - probe.intended);
                    tally.uncertainty.record(uncertainty);
                }
                Ended::Unseen => tally.unseen += 1,
                Ended::Failed => tally.failed += 1,
            }
        });
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

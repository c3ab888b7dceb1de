//! How long until accepted events were queryable.

use measurement::HistogramSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probes::{ProbeTally, Stage, StageTally};

/// What a result says of a [`ProbeTally`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFigures {
    /// Accepted events that were looked for.
    pub probes: u64,
    /// Found.
    pub seen: u64,
    /// Not found in time.
    pub unseen: u64,
    /// Chosen and not looked for, for want of room.
    pub skipped: u64,
    /// Given up because the query API did not answer properly.
    pub failed: u64,
    /// Requests to the query API.
    pub requests: u64,
    /// From the acceptance until it was found.
    pub accepted_to_queryable: HistogramSummary,
    /// From the intended send time until it was found.
    pub intended_to_queryable: HistogramSummary,
    /// From the last look that did not find it to the one that did.
    pub uncertainty: HistogramSummary,
    /// What `intended_to_queryable` consists of.
    pub stages: StagesFigures,
    /// The work on an event, by the worker's clock: a part of the stage `process`.
    pub work: HistogramSummary,
}

/// The four stages of an event on its way. Each ends where the next begins: the four of an event add up to
/// `intended_to_queryable`, and so do their means, where every answer said when its event was accepted and processed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StagesFigures {
    /// From the intended to the actual send time, both by the simulator's clock.
    pub send: StageFigures,
    /// From sending, by the simulator's clock, until ingest accepted it, by ingest's.
    pub accept: StageFigures,
    /// From acceptance, by ingest's clock, until the worker had processed it, by the worker's.
    pub process: StageFigures,
    /// From the worker's end, by the worker's clock, until it was found, by the simulator's.
    pub publish: StageFigures,
}

/// A stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageFigures {
    /// Arithmetic mean of all times, negative ones as such.
    pub mean_us: f64,
    /// Times from 0 up.
    pub distribution: HistogramSummary,
    /// Times below 0, as what is missing to 0: clocks disagree by at least as much.
    pub negative: HistogramSummary,
}

impl StageFigures {
    fn of(tally: &StageTally) -> Self {
        let (distribution, negative) = (tally.distribution.summary(), tally.negative.summary());
        let sum_us = |summary: &HistogramSummary| summary.count as f64 * summary.mean_us;
        let count = (distribution.count + negative.count) as f64;
        let mean_us = if count > 0.0 { (sum_us(&distribution) - sum_us(&negative)) / count } else { 0.0 };
        Self { mean_us, distribution, negative }
    }
}

/// Adds probes, which not every phase has.
pub(crate) fn add(sum: &mut Option<ProbeTally>, other: Option<&ProbeTally>) {
    if let Some(other) = other {
        sum.get_or_insert_default().add(other);
    }
}

impl ProbeFigures {
    pub(super) fn of(tally: &ProbeTally) -> Self {
        let ProbeTally { probes, seen, unseen, skipped, failed, requests, .. } = *tally;
        Self {
            probes,
            seen,
            unseen,
            skipped,
            failed,
            requests,
            accepted_to_queryable: tally.accepted_to_queryable.summary(),
            intended_to_queryable: tally.intended_to_queryable.summary(),
            uncertainty: tally.uncertainty.summary(),
            work: tally.work.summary(),
            stages: StagesFigures {
                send: StageFigures::of(tally.stage(Stage::Send)),
                accept: StageFigures::of(tally.stage(Stage::Accept)),
                process: StageFigures::of(tally.stage(Stage::Process)),
                publish: StageFigures::of(tally.stage(Stage::Publish)),
            },
        }
    }
}

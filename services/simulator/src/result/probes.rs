//! How long until accepted events were queryable.

use measurement::HistogramSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probes::ProbeTally;

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
        }
    }
}

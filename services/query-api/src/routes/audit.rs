//! `GET /v1/runs/{runid}/audit`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use events::EntryId;
use serde::Serialize;
use service::problem::ProblemDocument;
use utoipa::ToSchema;

use crate::App;
use crate::parameters::{Parameters, PathText};
use crate::pipeline::PartitionState;
use crate::respond::respond;

/// What the cache holds of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    runid: String,
    /// Stored events.
    events: u64,
    /// Distinct sequence numbers.
    distinct: u64,
    /// Stored events without a sequence number.
    unnumbered: u64,
    /// Sequence numbers that are there: first and last of each range.
    #[schema(value_type = Vec<Vec<u64>>, example = json!([[0, 41], [43, 99]]))]
    ranges: Vec<(u64, u64)>,
    /// Sequence numbers that several events have, the first 1000.
    duplicates: Vec<Duplicate>,
    /// Stored events whose sequence number another one had before.
    duplicates_total: u64,
    /// Sequence numbers of dead-lettered events: first and last of each range.
    #[schema(value_type = Vec<Vec<u64>>)]
    dead: Vec<(u64, u64)>,
    /// Whether nothing more of the run can appear and nothing can have been missed.
    complete: bool,
    /// Why it is not complete.
    reason: Option<String>,
}

/// A sequence number that several events have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Duplicate {
    sequence: u64,
    /// Where the events stand. The one that came first is left out where finding it would take too long.
    positions: Vec<String>,
}

/// Audit an experiment run
///
/// Says which sequence numbers of the run can be queried, how often, and whether that is the whole truth. An
/// unknown run has no events.
#[utoipa::path(
    get,
    path = "/v1/runs/{runid}/audit",
    params(("runid" = String, Path, description = "percent-encoded")),
    responses(
        (status = 200, description = "what the cache holds of the run", body = Audit),
        (status = 400, description = "not a run id", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn audit_run(State(app): State<Arc<App>>, path: PathText, parts: Parts) -> Response {
    respond("/v1/runs/{runid}/audit", &parts, async {
        Parameters::of(&parts.uri, &[])?;
        let runid = path.text("runid")?;
        // The pipeline first: what is in the cache by then is in the answer.
        let partitions = app.pipeline.partitions(app.progress.as_deref()).await;
        let key = runid.clone();
        let (audit, rows) =
            app.readers.read(move |snapshot| Ok((snapshot.audit(&key)?, snapshot.rows()))).await?;
        let reason = match partitions {
            Err(error) => Some(error.to_string()),
            Ok(partitions) => unfinished(&partitions)
                .or_else(|| app.progress.is_none().then(|| held_elsewhere(&partitions, rows))?)
                .or_else(|| missed(&app.gaps(), &audit)),
        };
        Ok(Audit::new(runid, audit, reason))
    })
    .await
}

/// Events on their way, of which some may belong to the run.
fn unfinished(partitions: &[PartitionState]) -> Option<String> {
    let backlog: u64 = partitions.iter().map(|partition| partition.backlog).sum();
    let behind: u64 = partitions.iter().map(|partition| partition.results_behind).sum();
    match (backlog, behind) {
        (0, 0) => None,
        (0, behind) => Some(format!("the cache is {behind} entries behind the results")),
        (backlog, _) => Some(format!("{backlog} accepted events are not settled yet")),
    }
}

/// A worker's file has only what that worker has processed.
fn held_elsewhere(partitions: &[PartitionState], rows: u64) -> Option<String> {
    let settled: u64 =
        partitions.iter().map(|partition| partition.settled - partition.dead.min(partition.settled)).sum();
    (rows < settled).then(|| format!("the worker's file has {rows} of {settled} processed events"))
}

/// Results that were gone before the cache could take them, unless the run began later: its first number is
/// here, and it is younger than all that was missed.
fn missed(gaps: &[(u8, EntryId)], audit: &cache::RunAudit) -> Option<String> {
    let has_start = audit.ranges.first().is_some_and(|&(first, _)| first <= 1);
    let began_ms = audit.first.filter(|_| has_start).map(|first| first.entry.ms);
    let (partition, through) =
        gaps.iter().find(|(_, through)| began_ms.is_none_or(|began| began <= through.ms))?;
    Some(format!("results of partition {partition} up to {through} were gone before they could be read"))
}

impl Audit {
    fn new(runid: String, audit: cache::RunAudit, reason: Option<String>) -> Self {
        let duplicate = |duplicate: cache::RunDuplicate| Duplicate {
            sequence: duplicate.sequence,
            positions: duplicate.positions.iter().map(ToString::to_string).collect(),
        };
        Self {
            runid,
            events: audit.events,
            distinct: audit.distinct,
            unnumbered: audit.unnumbered,
            ranges: audit.ranges,
            duplicates: audit.duplicates.into_iter().map(duplicate).collect(),
            duplicates_total: audit.duplicates_total,
            dead: audit.dead,
            complete: reason.is_none(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use cache::RunAudit;
    use events::Position;

    use super::*;

    fn audit(began_ms: u64, ranges: &[(u64, u64)]) -> RunAudit {
        let first = Some(Position::new(EntryId::new(began_ms, 0), 0, 0));
        RunAudit { first, ranges: ranges.to_vec(), ..RunAudit::default() }
    }

    #[test]
    fn gap_matters_unless_the_run_began_after_it() {
        let gaps = [(2, EntryId::new(500, 7))];
        assert_eq!(missed(&[], &RunAudit::default()), None);
        assert_eq!(missed(&gaps, &audit(501, &[(0, 9)])), None);
        assert_eq!(missed(&gaps, &audit(501, &[(1, 9)])), None);
        assert!(missed(&gaps, &audit(500, &[(0, 9)])).is_some());
        assert!(missed(&gaps, &audit(501, &[(7, 9)])).is_some());
        let reason = missed(&gaps, &RunAudit::default()).expect("an unknown run may have been missed");
        assert!(reason.contains("partition 2 up to 500-7"), "{reason}");
    }
}

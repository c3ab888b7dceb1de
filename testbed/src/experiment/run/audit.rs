//! The audit by ids at the end of a run.

use crate::audit::Audit;
use crate::experiment::target::Testbed;
use crate::http_client::HttpClient;
use experiment::record::AuditFacts;
use measurement::AuditOutcome as Conclusion;
use std::path::Path;
use std::time::Duration;

/// How long the query API may take for one answer of an audit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What the audit gave.
#[derive(Debug, Default)]
pub(super) struct AuditOutcome {
    pub(super) facts: AuditFacts,
    /// What it says, or why there is none.
    pub(super) report: String,
}

/// Waits until nothing is on its way, `drain_timeout_s` at most, and audits.
pub(super) async fn carry_out(
    testbed: &impl Testbed,
    directory: &Path,
    run_id: &str,
    drain_timeout_s: f64,
) -> AuditOutcome {
    let audit = Audit {
        run: Some(run_id.to_owned()),
        results: directory.to_owned(),
        query_url: testbed.query_url().to_owned(),
        client: HttpClient::new(None, ANSWER_TIMEOUT),
        redis: testbed.redis().clone(),
        drain_timeout: Duration::from_secs_f64(drain_timeout_s),
    };
    let report = match audit.carry_out().await {
        Ok(report) => report,
        Err(error) => return AuditOutcome { facts: AuditFacts::default(), report: format!("{error:#}") },
    };
    let verdict = &report.verdict;
    let outcome = match verdict.outcome {
        Conclusion::Pass => "pass",
        Conclusion::Fail => "fail",
        Conclusion::Inconclusive => "inconclusive",
    };
    AuditOutcome {
        facts: AuditFacts {
            outcome: Some(outcome.into()),
            sent: verdict.sent,
            accepted: verdict.accepted,
            queryable: verdict.queryable,
            lost: verdict.lost.len() + verdict.lost_repeats_total,
            duplicated: verdict.duplicated,
        },
        report: report.to_string(),
    }
}

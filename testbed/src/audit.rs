//! The audit of a run: the simulator's ledger against what the query API holds, and, where something is missing, a
//! look into Redis for the stage that lost it.

pub mod drain;
mod findings;
mod ids;
mod ledgers;
mod reused_run_id;
mod whereabouts;

use crate::http_client::HttpClient;
use findings::findings;
pub use findings::{Finding, Violation};
use measurement::{AuditOutcome, AuditVerdict, ObservedRun};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use service::redis::RedisConfig;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a segment of a path cannot hold as it is: all but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What to audit and where to look.
#[derive(Debug)]
pub struct Audit {
    /// The run; the one in `results` that ended last where none is given.
    pub run: Option<String>,
    /// Directory of results: of this run, or of several with a directory for each.
    pub results: PathBuf,
    /// Base URL of query-api.
    pub query_url: String,
    /// Asks it.
    pub client: HttpClient,
    /// Where to look for what is missing.
    pub redis: RedisConfig,
    /// How long to wait for what is still on its way.
    pub drain_timeout: Duration,
}

/// What an audit gave.
#[derive(Debug, Serialize)]
pub struct AuditReport {
    /// The run.
    pub run: String,
    /// The counts, and the sets behind them.
    pub verdict: AuditVerdict,
    /// What is wrong, with the stage that did it.
    pub findings: Vec<Finding>,
    /// What a reader must know to judge the rest.
    pub notes: Vec<String>,
}

impl Audit {
    /// Carries the audit out.
    ///
    /// # Errors
    /// Where the ledger cannot be read, the query API does not answer, or one contradicts itself.
    pub async fn carry_out(&self) -> anyhow::Result<AuditReport> {
        let ledgers::Found { file: ledger, mut notes } = ledgers::find(&self.results, self.run.as_deref())?;
        if let Err(error) = drain::wait(&self.client, &self.query_url, self.drain_timeout).await {
            notes.push(error.to_string());
        }
        let run = utf8_percent_encode(&ledger.runid, SEGMENT).to_string();
        let url = format!("{}/v1/runs/{run}/audit", self.query_url.trim_end_matches('/'));
        let observed: ObservedRun = self.client.get_json(&url, &[]).await?;
        let mut verdict = ledger.audit(&observed)?;
        match reused_run_id::doubt(&self.client, &self.query_url, &run, &ledger).await {
            Ok(doubt) => verdict = doubt.into_iter().fold(verdict, AuditVerdict::doubted),
            Err(error) => notes.push(format!("cannot tell whether the run id was used before: {error}")),
        }
        let places = self.places(&ledger.runid, &verdict).await;
        let places = match places {
            Ok(places) => Some(places),
            Err(error) => {
                notes.push(format!(
                    "cannot look in redis at {} for the stage that lost them: {error:#}",
                    self.redis.address()
                ));
                None
            }
        };
        let findings = findings(&ledger.runid, &verdict, places.as_ref());
        Ok(AuditReport { run: ledger.runid, verdict, findings, notes })
    }

    /// Looks for what is missing.
    async fn places(&self, run: &str, verdict: &AuditVerdict) -> anyhow::Result<whereabouts::Places> {
        let missing = verdict.lost.union(&verdict.lost_repeats);
        if missing.is_empty() {
            return Ok(whereabouts::Places::default());
        }
        let partitions = drain::partitions(&self.client, &self.query_url).await;
        whereabouts::find(&self.redis, partitions, run, &missing).await
    }
}

impl AuditReport {
    /// 0 where the audit held, 2 where it is violated, 1 where it cannot say.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict.outcome {
            AuditOutcome::Pass => 0,
            AuditOutcome::Inconclusive => 1,
            AuditOutcome::Fail => 2,
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "run {}: {}", self.run, self.verdict)?;
        // Doubts are what the last line says.
        for finding in self.findings.iter().filter(|finding| finding.violation != Violation::Doubtful) {
            writeln!(formatter, "{finding}")?;
        }
        for note in &self.notes {
            writeln!(formatter, "note: {note}")?;
        }
        match self.verdict.outcome {
            AuditOutcome::Pass => {
                write!(formatter, "the audit holds: every accepted event is queryable exactly once")
            }
            AuditOutcome::Fail => write!(formatter, "the audit is violated"),
            AuditOutcome::Inconclusive if self.verdict.doubts.is_empty() => {
                write!(formatter, "the audit cannot say: query-api does not see the whole run yet")
            }
            AuditOutcome::Inconclusive => {
                write!(formatter, "the audit cannot say: {}", self.verdict.doubts.join("; "))
            }
        }
    }
}

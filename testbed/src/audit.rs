//! The audit of a run: the simulator's ledger against what the query API holds, and, where something is missing, a
//! look into Redis for the stage that lost it.

pub mod drain;
mod findings;
mod whereabouts;

use crate::http_client::HttpClient;
use anyhow::Context;
use findings::findings;
pub use findings::{Finding, Violation};
use measurement::{AuditOutcome, AuditVerdict, LedgerFile, ObservedRun};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use service::redis::RedisConfig;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a segment of a path cannot hold as it is: all but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What to audit and where to look.
#[derive(Debug)]
pub struct Audit {
    /// The run.
    pub run: String,
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
        let ledger = read_ledger(&self.results, &self.run)?;
        let mut notes = Vec::new();
        if let Err(error) = drain::wait(&self.client, &self.query_url, self.drain_timeout).await {
            notes.push(error.to_string());
        }
        let run = utf8_percent_encode(&self.run, SEGMENT);
        let url = format!("{}/v1/runs/{run}/audit", self.query_url.trim_end_matches('/'));
        let observed: ObservedRun = self.client.get_json(&url, &[]).await?;
        let verdict = ledger.audit(&observed)?;
        let places = if verdict.lost.is_empty() {
            Ok(whereabouts::Places::default())
        } else {
            let partitions = drain::partitions(&self.client, &self.query_url).await;
            whereabouts::find(&self.redis, partitions, &self.run, &verdict.lost).await
        };
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
        let findings = findings(&verdict, places.as_ref());
        Ok(AuditReport { run: self.run.clone(), verdict, findings, notes })
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
        for finding in &self.findings {
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
            AuditOutcome::Inconclusive => {
                write!(formatter, "the audit cannot say: query-api does not see the whole run yet")
            }
        }
    }
}

/// Reads and checks `ledger.json` of `run` in `results`, which is the directory of the run or one above it.
fn read_ledger(results: &Path, run: &str) -> anyhow::Result<LedgerFile> {
    let candidates = [results.join(run).join("ledger.json"), results.join("ledger.json")];
    let path = candidates.iter().find(|path| path.is_file()).with_context(|| {
        if results.join(run).is_dir() {
            return format!(
                "there is no {} yet: the simulator writes it when the run ends",
                candidates[0].display()
            );
        }
        format!(
            "there is neither {} nor {}: name the simulator's directory of results with --results",
            candidates[0].display(),
            candidates[1].display()
        )
    })?;
    let read = || -> anyhow::Result<LedgerFile> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let ledger = read().with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(ledger.runid == run, "{} is of run {}, not of {run}", path.display(), ledger.runid);
    ledger.check().with_context(|| format!("{} cannot be relied on", path.display()))?;
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::Ledger;

    fn write(path: &Path, run: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let ledger = LedgerFile::new(run, Ledger::default());
        std::fs::write(path, serde_json::to_vec(&ledger).unwrap()).unwrap();
    }

    #[test]
    fn ledger_is_found_below_the_results_and_in_them() {
        let parent = tempfile::tempdir().unwrap();
        write(&parent.path().join("first/ledger.json"), "first");
        assert_eq!(read_ledger(parent.path(), "first").unwrap().runid, "first");
        assert_eq!(read_ledger(&parent.path().join("first"), "first").unwrap().runid, "first");
    }

    #[test]
    fn missing_ledger_names_the_flag() {
        let message = read_ledger(Path::new("/nowhere"), "first").unwrap_err().to_string();
        assert!(message.starts_with("there is neither /nowhere/first/ledger.json nor "), "{message}");
        assert!(message.ends_with("--results"), "{message}");
    }

    #[test]
    fn run_that_has_not_ended_is_told() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::create_dir(parent.path().join("first")).unwrap();
        let message = read_ledger(parent.path(), "first").unwrap_err().to_string();
        assert!(message.ends_with("ledger.json yet: the simulator writes it when the run ends"), "{message}");
    }

    #[test]
    fn ledger_of_another_run_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        write(&parent.path().join("ledger.json"), "other");
        let message = read_ledger(parent.path(), "first").unwrap_err().to_string();
        assert!(message.ends_with("ledger.json is of run other, not of first"), "{message}");
    }

    #[test]
    fn broken_ledger_is_named() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::write(parent.path().join("ledger.json"), "{").unwrap();
        let message = format!("{:#}", read_ledger(parent.path(), "first").unwrap_err());
        assert!(message.contains("ledger.json: EOF"), "{message}");
    }
}

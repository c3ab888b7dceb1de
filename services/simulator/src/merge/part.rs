//! The result of one shard, read from its directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use measurement::{LedgerFile, hlog};
use serde::de::DeserializeOwned;

use super::MergeError;
use crate::plan::{Plan, Shard};
use crate::probes::ProbeTally;
use crate::result::{
    Figures, LEDGER_FILE, Log, PROBE_LOGS, PhaseTotals, RESULT_FILE, RESULT_VERSION, RunResult, ShardPart,
    TALLY_LOGS,
};
use crate::tally::Tally;

pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) shard: Shard,
    pub(super) result: RunResult,
}

impl Part {
    pub(super) fn read(path: &Path) -> Result<Self, MergeError> {
        let file = path.join(RESULT_FILE);
        let result: RunResult = read_json(&file)?;
        if result.version != RESULT_VERSION {
            let reason = format!("it has version {}, not {RESULT_VERSION}", result.version);
            return Err(MergeError::Unreadable { path: file, reason });
        }
        if result.phases.len() != result.plan.phases.len() {
            let reason = "it does not have the phases of its plan".to_owned();
            return Err(MergeError::Unreadable { path: file, reason });
        }
        let shard = result.shard.ok_or_else(|| MergeError::NotAShard { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), shard, result })
    }

    /// What all shards have in common. Each may have another way to the receiver.
    pub(super) fn common_plan(&self) -> Plan {
        let shard = Shard { index: 0, count: self.shard.count };
        Plan { shard, target: String::new(), ..self.result.plan.clone() }
    }

    pub(super) fn ledger(&self) -> Result<LedgerFile, MergeError> {
        read_json(&self.path.join(LEDGER_FILE))
    }

    pub(super) fn started_unix_us(&self) -> i64 {
        events::unix_us_from_rfc3339(&self.result.started_at).unwrap_or_default()
    }

    /// The bytes of one of its logs.
    pub(super) fn log(&self, file: &str) -> Result<Vec<u8>, MergeError> {
        let path = self.path.join(file);
        fs::read(&path).map_err(|error| MergeError::Unreadable { path, reason: error.to_string() })
    }

    pub(super) fn summary(&self) -> ShardPart {
        let RunResult { started_at, interrupted, verdict, generator, environment, .. } = self.result.clone();
        ShardPart { shard: self.shard.index, started_at, interrupted, verdict, generator, environment }
    }

    /// Its phases as they were counted: the counts from its result, the histograms from its logs.
    pub(super) fn phases(&self) -> Result<Vec<PhaseTotals>, MergeError> {
        let phases = self.result.phases.iter().enumerate();
        let mut all: Vec<PhaseTotals> = phases
            .map(|(index, phase)| PhaseTotals {
                tally: tally(&phase.figures, self.result.plan.phase_start(index)),
                probes: probes(&phase.figures),
                duration: Duration::from_secs_f64(phase.figures.duration_s),
            })
            .collect();
        self.fill(&TALLY_LOGS, &mut all, |totals| Some(&mut totals.tally))?;
        if all.iter().any(|totals| totals.probes.is_some()) {
            self.fill(&PROBE_LOGS, &mut all, |totals| totals.probes.as_mut())?;
        }
        Ok(all)
    }

    fn fill<T>(
        &self,
        logs: &[Log<T>],
        phases: &mut [PhaseTotals],
        of: impl Fn(&mut PhaseTotals) -> Option<&mut T>,
    ) -> Result<(), MergeError> {
        for log in logs {
            let bytes = self.log(log.file)?;
            let merged = hlog::merged(&bytes).map_err(|error| self.unreadable(log.file, &error))?;
            for (phase, totals) in self.result.phases.iter().zip(phases.iter_mut()) {
                let histogram = merged.get(&phase.name).cloned().unwrap_or_default();
                let count = (log.summary)(&phase.figures).map_or(0, |summary| summary.count);
                if histogram.count() != count {
                    let found = histogram.count();
                    let reason =
                        format!("phase {}: it has {found} values, {RESULT_FILE} says {count}", phase.name);
                    return Err(self.unreadable(log.file, &reason));
                }
                if let Some(tally) = of(totals) {
                    *(log.get_mut)(tally) = histogram;
                }
            }
        }
        Ok(())
    }

    pub(super) fn unreadable(&self, file: &str, error: &dyn std::fmt::Display) -> MergeError {
        MergeError::Unreadable { path: self.path.join(file), reason: error.to_string() }
    }
}

/// The tally that a phase's figures were made of, without its histograms.
fn tally(figures: &Figures, start: Duration) -> Tally {
    Tally {
        requests: figures.requests,
        events: figures.events,
        repeated_events: figures.repeated_events,
        malformed_events: figures.malformed_events,
        late_requests: figures.late.requests,
        refusals: figures.refusals.clone(),
        unknowns: figures.unknowns.clone(),
        connects: figures.connects,
        connect_failures: figures.connect_failures,
        last_sent: Some(start + Duration::from_secs_f64(figures.sending_s)),
        ..Tally::default()
    }
}

fn probes(figures: &Figures) -> Option<ProbeTally> {
    let probes = figures.probes?;
    Some(ProbeTally {
        probes: probes.probes,
        seen: probes.seen,
        unseen: probes.unseen,
        skipped: probes.skipped,
        failed: probes.failed,
        requests: probes.requests,
        ..ProbeTally::default()
    })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, MergeError> {
    let unreadable = |reason: String| MergeError::Unreadable { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
}

//! Records of runs that were not carried out: for tests of which runs are asked for, and what becomes of them.

use super::run::RunRequest;
use experiment::record::{AuditFacts, Measured, RECORD_VERSION, RunRecord, ServiceFacts, Status, Verdict};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A run with one service, of this version.
pub(super) fn record(request: RunRequest<'_>, status: Status, version: &str) -> RunRecord {
    let measured = Measured { value: 1000.0, samples: 1000.0, clock_error: 0.0, negative: 0 };
    RunRecord {
        version: RECORD_VERSION,
        number: request.planned.number,
        block: request.planned.block,
        cell: request.planned.cell.clone(),
        attempt: request.attempt,
        seed: request.planned.seed,
        run_id: "a".to_owned(),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        verdict: Verdict { status, reasons: Vec::new() },
        steady_from_s: None,
        metrics: BTreeMap::from([("response-time-p99".to_owned(), measured)]),
        services: vec![service(version)],
        audit: AuditFacts { outcome: Some("pass".to_owned()), ..AuditFacts::default() },
        gates: Vec::new(),
        clocks: Vec::new(),
    }
}

pub(super) fn service(version: &str) -> ServiceFacts {
    ServiceFacts {
        name: "process-worker-1".to_owned(),
        architecture: "amd64".to_owned(),
        is_emulated: false,
        node: "here".to_owned(),
        version: version.to_owned(),
        digest: None,
        processors: None,
        settings: BTreeMap::new(),
        restarts: 0,
    }
}

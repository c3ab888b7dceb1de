//! A small plan and records for tests.

use crate::order::PlannedRun;
use crate::plan::Plan;
use crate::record::{AuditFacts, Measured, RECORD_VERSION, RunRecord, Status, Verdict};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const SOURCE: &str = "name = \"small\"\nquestion = \"Is it?\"\nseed = 7\nblocks = { min = 2, max = 8 }\n\
     [[factors]]\nname = \"rate\"\nlevels = [500, 1000]\n\
     [[comparisons]]\nfactor = \"rate\"\nmetrics = [\"response-time-p99\"]\n";

pub(crate) fn plan() -> Plan {
    Plan::parse(Path::new("small.toml"), SOURCE.to_owned()).unwrap()
}

/// A record of a run with this response time, in microseconds.
pub(crate) fn record(run: &PlannedRun, attempt: u32, status: Status, value: f64) -> RunRecord {
    let measured = Measured { value, samples: 1000.0, clock_error: 0.0, negative: 0 };
    RunRecord {
        version: RECORD_VERSION,
        number: run.number,
        block: run.block,
        cell: run.cell.clone(),
        attempt,
        seed: run.seed,
        run_id: format!("run-{}-{attempt}", run.number),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        verdict: Verdict { status, reasons: Vec::new() },
        steady_from_s: Some(5.0),
        metrics: BTreeMap::from([("response-time-p99".to_owned(), measured)]),
        services: Vec::new(),
        audit: AuditFacts {
            outcome: Some("pass".to_owned()),
            sent: 9,
            accepted: 9,
            queryable: 9,
            ..AuditFacts::default()
        },
        gates: Vec::new(),
        clocks: Vec::new(),
    }
}

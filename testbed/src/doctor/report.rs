//! What the checks found, as JSON and as text.

mod text;

pub use crate::images::verify::Style;

use super::check::{CheckResult, Outcome, Severity};
use crate::images::check::Failure;
use serde::Serialize;

/// Version of the JSON of a [`Report`].
pub const REPORT_VERSION: u32 = 1;

/// An examination, as `testbed doctor --json` prints it:
///
/// ```json
/// {
///   "version": 1,
///   "results": [
///     {"check": "kernel", "subject": "node r1-node", "outcome": "passed", "evidence": "…"},
///     {"check": "kernel", "subject": "node r3-node", "outcome": "found", "severity": "error",
///      "cause": "…", "evidence": "…", "remedy": "…"},
///     {"check": "kernel", "subject": "node r4-node", "outcome": "unchecked", "reason": "…"}
///   ]
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// By check, in their order.
    pub results: Vec<CheckResult>,
}

impl Report {
    /// 0 where nothing was found, or only what is worth knowing; 2 with an error, 3 with warnings alone.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.findings().map(|(_, severity, _)| severity).max() {
            Some(Severity::Error) => 2,
            Some(Severity::Warning) => 3,
            Some(Severity::Info) | None => 0,
        }
    }

    /// What was found.
    pub fn findings(&self) -> impl Iterator<Item = (&CheckResult, Severity, &Failure)> {
        self.results.iter().filter_map(|result| match &result.outcome {
            Outcome::Found { severity, failure } => Some((result, *severity, failure)),
            _ => None,
        })
    }
}

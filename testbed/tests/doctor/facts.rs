//! What is found in the recording of a healthy cluster with something changed in it.

pub(crate) use crate::cases::change::{container, folder, healthy, known, node, pod, probe, workload};
use crate::cases::{CASES, change};
use testbed::doctor::check::{Check, Outcome, Severity};
use testbed::doctor::examine;
use testbed::doctor::facts::Facts;
use testbed::images::check::{Check as ImageCheck, Failure};

/// With all that failed an earlier system.
pub(crate) fn very_sick() -> Facts {
    CASES.iter().find(|case| case.name == "predecessor").unwrap().facts()
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) check: Check,
    pub(crate) severity: Severity,
    pub(crate) subject: String,
    pub(crate) failure: Failure,
}

impl Found {
    /// Whether cause, evidence and remedy hold these words.
    pub(crate) fn tells(&self, cause: &str, evidence: &str, remedy: &str) -> bool {
        let failure = &self.failure;
        failure.cause.contains(cause)
            && failure.evidence.contains(evidence)
            && failure.remedy.contains(remedy)
    }
}

pub(crate) fn found(facts: &Facts) -> Vec<Found> {
    let report = examine(facts, &[]);
    let found = report.findings().map(|(result, severity, failure)| Found {
        check: result.check,
        severity,
        subject: result.subject.clone(),
        failure: failure.clone(),
    });
    found.collect()
}

/// The only finding of all checks.
pub(crate) fn only(facts: &Facts, check: Check, severity: Severity) -> Found {
    let mut found = found(facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = found.pop().unwrap();
    assert_eq!((found.check, found.severity), (check, severity), "{found:#?}");
    found
}

/// Why something was not looked at.
pub(crate) fn reasons(facts: &Facts, check: Check) -> Vec<String> {
    let results = examine(facts, &[check]).results.into_iter();
    let reasons = results.filter_map(|result| match result.outcome {
        Outcome::Unchecked { reason } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

/// Has `images verify` find something in the image of a service.
pub(crate) fn fail_image(facts: &mut Facts, service: &str, check: ImageCheck, architecture: Option<&str>) {
    let failure = Failure::new("what is wrong", "what was seen", "what to do");
    change::fail_image(facts, service, check, architecture, failure);
}

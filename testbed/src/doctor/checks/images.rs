//! From the results of `images verify` to findings.

use super::findings::Findings;
use crate::doctor::facts::Facts;
use crate::images::check::{Check, CheckResult, Failure, Outcome};

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// Takes the results of `checks` over, failures as errors.
pub(super) fn take_over(facts: &Facts, findings: &mut Findings, checks: &[Check]) {
    take_over_with(facts, findings, checks, |findings, result, failure| {
        findings.error(subject(result), failure.clone());
    });
}

/// Takes the results of `checks` over; `fail` says what becomes of a failure.
pub(super) fn take_over_with(
    facts: &Facts,
    findings: &mut Findings,
    checks: &[Check],
    mut fail: impl FnMut(&mut Findings, &CheckResult, &Failure),
) {
    let Some(images) = findings.known("images", &facts.images) else { return };
    for result in images.results.iter().filter(|result| checks.contains(&result.check)) {
        match &result.outcome {
            Outcome::Passed { evidence } => findings.pass(subject(result), evidence),
            Outcome::Failed(failure) => fail(findings, result, failure),
            Outcome::Skipped { reason } => findings.leave(subject(result), left(reason)),
        }
    }
}

/// Why `images verify` did not look, in words of its report: `registry failed`.
fn left(reason: &str) -> String {
    match reason.strip_suffix(" failed") {
        Some(check) => format!("what the image holds could not be seen, because of its {check}"),
        None => reason.split(" (--").next().unwrap_or(reason).to_owned(),
    }
}

/// `192.168.0.35:5000/testbed/ingest-api@0123456789ab linux/arm64`
pub(super) fn subject(result: &CheckResult) -> String {
    let image = shorten(&result.image);
    match &result.platform {
        Some(platform) => format!("{image} {platform}"),
        None => image,
    }
}

/// A reference with some digits of its digest instead of all.
pub(super) fn shorten(reference: &str) -> String {
    match reference.split_once("@sha256:") {
        Some((name, digits)) => format!("{name}@{}", digits.chars().take(DIGEST_DIGITS).collect::<String>()),
        None => reference.to_owned(),
    }
}

/// Without tag and digest.
pub(super) fn repository(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    name[slash..].find(':').map_or(name, |colon| &name[..slash + colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        for reference in [
            "h:5000/testbed/a",
            "h:5000/testbed/a:1",
            "h:5000/testbed/a@sha256:0",
            "h:5000/testbed/a:1@sha256:0",
        ] {
            assert_eq!(repository(reference), "h:5000/testbed/a");
        }
        assert_eq!(repository("a:1"), "a");
    }
}

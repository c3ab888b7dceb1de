//! Texts and JSON of results that are made by hand.

use super::Style;
use crate::images::check::{Check, CheckResult, Failure, Outcome};
use crate::images::platform::Platform;
use crate::images::verify::ledger::{Ledger, WHOLE};
use crate::images::verify::{ChildSummary, ImageSummary, REPORT_VERSION, Report};

const PLAIN: Style = Style { width: 100, is_coloured: false };

/// A check that fails, on a platform or on all.
type Failed = (Check, Option<Platform>, Failure);

fn platforms() -> [Platform; 2] {
    [Platform::linux("amd64"), Platform::linux("arm64")]
}

fn summary(reference: &str) -> ImageSummary {
    let child = |platform: Platform| ChildSummary {
        platform: platform.to_string(),
        digest: format!("sha256:{}", "c".repeat(64)),
        compressed_bytes: 6_912_345,
    };
    let digest = Some(format!("sha256:{}", "1".repeat(64)));
    ImageSummary { reference: reference.to_owned(), digest, children: platforms().map(child).into() }
}

/// All checks passed, but for those that `failures` has.
fn results(reference: &str, failures: &[Failed]) -> Vec<CheckResult> {
    let mut ledger = Ledger::new(reference, &platforms());
    for (check, platform, failure) in failures {
        ledger.stop(*check, platform.as_ref(), failure.clone());
    }
    let mut results = ledger.finish();
    let unreached = Outcome::Skipped { reason: "not reached".to_owned() };
    for result in results.iter_mut().filter(|result| result.outcome == unreached) {
        result.outcome = Outcome::Passed { evidence: "as it should be".to_owned() };
    }
    results
}

fn report(images: &[(&str, &[Failed])]) -> Report {
    Report {
        version: REPORT_VERSION,
        images: images.iter().map(|(reference, _)| summary(reference)).collect(),
        results: images.iter().flat_map(|(reference, failures)| results(reference, failures)).collect(),
    }
}

fn wrong_machine(service: &str) -> Failed {
    let failure = Failure::new(
        "the arm64 child holds a program for x86-64",
        format!("/usr/local/bin/{service}, 15.7 MB, is ELF x86-64"),
        "in the Dockerfile, drop the default of ARG TARGETARCH, repeat the ARG in each stage, and take --platform off the last",
    );
    (Check::Machine, Some(Platform::linux("arm64")), failure)
}

fn absent() -> Failed {
    (
        Check::Exists,
        None,
        Failure::new("the registry does not hold the image", "not found", "build and push it"),
    )
}

#[test]
fn good_images_are_a_table_and_a_line() {
    let report = report(&[
        ("192.168.0.35:5000/testbed/ingest-api:0123456789ab", &[]),
        ("192.168.0.35:5000/testbed/process-worker:0123456789ab", &[]),
    ]);
    insta::assert_snapshot!(report.to_text(PLAIN));
    assert_eq!(report.exit_code(), 0);
}

#[test]
fn the_same_failure_of_several_images_is_told_once() {
    let mut report = report(&[
        ("192.168.0.35:5000/testbed/ingest-api:0123456789ab", &[wrong_machine("ingest-api")]),
        ("192.168.0.35:5000/testbed/process-worker:0123456789ab", &[wrong_machine("process-worker")]),
        ("192.168.0.35:5000/testbed/query-api:0123456789ab", &[absent()]),
        ("192.168.0.35:5000/testbed/simulator:0123456789ab", &[absent()]),
    ]);
    for image in &mut report.images[2..] {
        (image.digest, image.children) = (None, Vec::new());
    }
    insta::assert_snapshot!(report.to_text(PLAIN));
    assert_eq!(report.exit_code(), 2);
}

#[test]
fn lines_keep_within_the_width_but_for_what_cannot_be_broken() {
    let failures = [wrong_machine("ingest-api")];
    let tag = "0123456789ab-dirty";
    let [first, second] =
        ["ingest-api", "process-worker"].map(|name| format!("192.168.0.35:5000/testbed/{name}:{tag}"));
    let report = report(&[(&first, &failures), (&second, &[])]);
    let text = report.to_text(Style { width: 80, is_coloured: false });
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn long_names_stand_in_lines_of_their_own() {
    let report = report(&[
        ("h:5000/testbed/process-worker:0123456789ab-dirty", &[]),
        ("h:5000/testbed/simulator:1", &[]),
    ]);
    let text = report.to_text(Style { width: 80, is_coloured: false });
    assert!(text.contains("\nprocess-worker:0123456789ab-dirty\n  linux/amd64   6.6 MiB  ✓"), "{text}");
    assert!(report.to_text(PLAIN).contains("\nprocess-worker:0123456789ab-dirty  linux/amd64   6.6 MiB  ✓"));
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let report = report(&[("h:5000/a:1", &[wrong_machine("a")])]);
    let coloured = report.to_text(Style { is_coloured: true, ..PLAIN });
    assert!(coloured.contains("\x1b[31m✗\x1b[0m"));
    let mut parts = coloured.split('\x1b');
    let mut plain = parts.next().unwrap().to_owned();
    plain.extend(parts.map(|part| part.split_once('m').unwrap().1));
    assert_eq!(plain, report.to_text(PLAIN));
}

#[test]
fn what_was_not_compared_is_told() {
    let mut ledger = Ledger::new("h:5000/a:1", &[]);
    ledger.pass(Check::Tag, WHOLE, "1");
    ledger.skip(Check::Pinned, WHOLE, "no pins to compare with (--pins)");
    let mut results = ledger.finish();
    results.retain(|result| matches!(result.check, Check::Tag | Check::Pinned));
    let text =
        Report { version: REPORT_VERSION, images: vec![summary("h:5000/a:1")], results }.to_text(PLAIN);
    assert!(
        text.ends_with("all 1 checks passed\nnot checked: pinned: no pins to compare with (--pins)"),
        "{text}"
    );
}

#[test]
fn digests_are_shortened_in_the_table() {
    let reference = format!("h:5000/testbed/ingest-api@sha256:0123456789ab{}", "0".repeat(52));
    let text = report(&[(&reference, &[])]).to_text(PLAIN);
    assert!(text.contains("\ningest-api@0123456789ab  linux/amd64"), "{text}");
}

#[test]
fn json_tells_each_check() {
    let mut report = report(&[("h:5000/testbed/ingest-api:1", &[wrong_machine("ingest-api")])]);
    report.results.retain(|result| matches!(result.check, Check::Tag | Check::Machine | Check::Libraries));
    insta::assert_json_snapshot!(report);
}

#[test]
fn evidence_that_names_its_image_stands_alone() {
    let failure = |reference: &str| {
        (Check::Exists, None, Failure::new("absent", format!("{reference} is not there"), "push it"))
    };
    let report =
        report(&[("h:5000/a:1", &[failure("h:5000/a:1")]), ("h:5000/b:1", &[failure("h:5000/b:1")])]);
    let text = report.to_text(PLAIN);
    assert!(
        text.contains(
            "✗ exists: absent\n  h:5000/a:1 is not there\n  h:5000/b:1 is not there\n  → push it\n"
        ),
        "{text}"
    );
}

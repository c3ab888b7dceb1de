//! `docs/troubleshooting.md`, with `docs/cluster.md`, and what they show: each failure is found by the check under which it stands there.

use crate::cases::{CASES, Case};
use crate::facts::found;
use crate::page::{PAGES, with_blocks};
use std::collections::BTreeSet;
use std::path::Path;
use testbed::doctor::check::{Check, Severity};

fn pages() -> Vec<String> {
    let path = |page: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    PAGES.iter().map(|page| std::fs::read_to_string(path(page)).unwrap()).collect()
}

fn case(name: &str) -> &'static Case {
    CASES.iter().find(|case| case.name == name).unwrap()
}

#[test]
fn the_pages_say_what_the_doctor_says() {
    assert!(
        with_blocks(&pages()).unwrap() == pages(),
        "docs/troubleshooting.md or docs/cluster.md is not up to date: run `cargo run -p testbed --example troubleshooting`"
    );
}

#[test]
fn the_page_has_a_section_for_each_check_in_their_order() {
    let page = pages().swap_remove(0);
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## `")).collect();
    let names: Vec<&str> = sections.iter().map(|section| section.trim_end_matches('`')).collect();
    assert_eq!(names, Check::ALL.map(Check::name));
}

#[test]
fn each_check_has_a_failure_that_it_finds() {
    let shown: BTreeSet<Check> = CASES.iter().flat_map(|case| case.only).copied().collect();
    assert_eq!(shown, Check::ALL.into());
    for case in CASES {
        let found: BTreeSet<Check> = found(&case.facts()).into_iter().map(|found| found.check).collect();
        for check in case.only {
            assert!(found.contains(check), "{} is not found by {check}, but by {found:?}", case.name);
        }
    }
}

#[test]
fn a_failure_is_found_by_no_check_that_has_nothing_to_do_with_it() {
    for (name, checks) in [
        ("absent-image", [Check::ImageExists, Check::NodePulls].as_slice()),
        ("one-platform", &[Check::IndexCoversNodes]),
        ("wrong-program", &[Check::ProgramArchitecture]),
        ("placeholder-tag", &[Check::Placeholder]),
        ("no-mirror", &[Check::NodePulls]),
        ("removed-exporter", &[Check::CollectorConfiguration]),
        ("separate-data", &[Check::Dependencies]),
        ("many-schedulers", &[Check::Singletons]),
        ("pinning-volume", &[Check::Volumes]),
        ("out-of-memory", &[Check::Memory]),
        ("unreadable-program", &[Check::NonRoot]),
    ] {
        let found = found(&case(name).facts());
        let seen: BTreeSet<Check> = found.iter().map(|found| found.check).collect();
        assert_eq!(seen, checks.iter().copied().collect(), "{name}: {found:#?}");
    }
}

#[test]
fn all_that_failed_an_earlier_system_is_found_at_once() {
    let found = found(&case("predecessor").facts());
    let errors = found.iter().filter(|found| found.severity >= Severity::Warning);
    let checks: BTreeSet<Check> = errors.map(|found| found.check).collect();
    let expected = [
        Check::ImageExists,
        Check::Placeholder,
        Check::NodePulls,
        Check::IndexCoversNodes,
        Check::ProgramArchitecture,
        Check::NonRoot,
        Check::CollectorConfiguration,
        Check::Memory,
        Check::Singletons,
        Check::Volumes,
        Check::Dependencies,
    ];
    assert_eq!(checks, expected.into());
}

#[test]
fn a_page_with_other_blocks_is_refused() {
    for (page, reason) in [
        ("<!-- doctor: nothing -->\n<!-- doctor -->\n", "is no case"),
        ("<!-- doctor: no-mirror -->\n", "does not end"),
        ("no blocks", "no page has a block of absent-image, "),
    ] {
        let error = format!("{:#}", with_blocks(&[page.to_owned()]).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }
}

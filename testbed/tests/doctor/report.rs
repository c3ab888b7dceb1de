//! The report, as text and as JSON.

use crate::facts::{healthy, very_sick};
use testbed::doctor::check::Check;
use testbed::doctor::examine;
use testbed::doctor::facts::{Collected, Facts};
use testbed::doctor::report::Style;

fn text(facts: &Facts, width: usize, is_verbose: bool) -> String {
    examine(facts, &[]).to_text(Style { width, is_coloured: false }, is_verbose)
}

fn is_within(text: &str, width: usize) -> bool {
    // A word that is longer than a line is not broken, so that it can be copied.
    text.lines().all(|line| line.chars().count() <= width || line.split_whitespace().count() <= 2)
}

#[test]
fn a_healthy_cluster_is_a_table_and_a_line() {
    insta::assert_snapshot!(text(&healthy(), 80, false));
}

#[test]
fn a_sick_cluster_is_told_in_80_columns() {
    let text = text(&very_sick(), 80, false);
    assert!(is_within(&text, 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_sick_cluster_is_told_in_120_columns() {
    let text = text(&very_sick(), 120, false);
    assert!(is_within(&text, 120), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn json_tells_each_result() {
    let mut facts = very_sick();
    facts.builder = Collected::Missing("there is no docker here".to_owned());
    let report = examine(&facts, &[Check::NodePulls, Check::Builder, Check::Singletons]);
    insta::assert_json_snapshot!(report);
}

#[test]
fn what_passed_is_told_when_asked_for() {
    let (terse, verbose) = (text(&healthy(), 100, false), text(&healthy(), 100, true));
    let evidence = "memory cgroup; kernel 6.12.47+rpt-rpi-2712";
    assert!(!terse.contains(evidence) && verbose.contains(evidence), "{verbose}");
}

#[test]
fn only_the_checks_that_are_asked_for_are_told() {
    let report = examine(&very_sick(), &[Check::Memory]);
    assert!(report.results.iter().all(|result| result.check == Check::Memory) && report.exit_code() == 2);
}

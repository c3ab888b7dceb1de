//! A row for each check: what it came to, and how often.

use super::{BOLD, DIM, GREEN, Report, Style, mark, paint};
use crate::doctor::check::{Check, CheckResult, Outcome, Severity};

/// As wide as the longest name of a check.
const NAME_WIDTH: usize = 26;

pub(super) fn table(report: &Report, style: Style) -> String {
    let title = format!("  {:NAME_WIDTH$}  {:>6}  {:>6}  {}", "check", "found", "passed", "not checked");
    let mut text = paint(style, BOLD, &title) + "\n";
    for check in Check::ALL {
        let results: Vec<&CheckResult> =
            report.results.iter().filter(|result| result.check == check).collect();
        if !results.is_empty() {
            text.push_str(&row(check, &results, style));
        }
    }
    text
}

fn row(check: Check, results: &[&CheckResult], style: Style) -> String {
    let count = |is_it: fn(&Outcome) -> bool| results.iter().filter(|result| is_it(&result.outcome)).count();
    let found = count(|outcome| matches!(outcome, Outcome::Found { .. }));
    let passed = count(|outcome| matches!(outcome, Outcome::Passed { .. }));
    let unchecked = count(|outcome| matches!(outcome, Outcome::Unchecked { .. }));
    let (sign, code) = match worst(results) {
        Some(severity) => mark(severity),
        None if passed > 0 && unchecked == 0 => ("✓", GREEN),
        // Not all of it was seen.
        None if passed > 0 => ("✓", DIM),
        None => ("–", DIM),
    };
    let shown = |count: usize| if count == 0 { String::new() } else { count.to_string() };
    let line =
        format!("{check:NAME_WIDTH$}  {:>6}  {:>6}  {:>11}", shown(found), shown(passed), shown(unchecked));
    format!("{} {}\n", paint(style, code, sign), line.trim_end())
}

fn worst(results: &[&CheckResult]) -> Option<Severity> {
    let severity = |result: &&CheckResult| match &result.outcome {
        Outcome::Found { severity, .. } => Some(*severity),
        _ => None,
    };
    results.iter().filter_map(severity).max()
}

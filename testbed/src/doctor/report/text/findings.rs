//! What was found, in full, once for all subjects that it hits; what could not be looked at, and what passed.

use super::{BOLD, DIM, Report, Style, indented, mark, paint};
use crate::doctor::check::{Check, Outcome, Severity};
use std::collections::BTreeMap;

/// Subjects that are named where something was not looked at: one that is away keeps many images from many checks.
const SUBJECTS_MAX: usize = 2;

/// The same finding of several subjects.
struct Group<'a> {
    check: Check,
    severity: Severity,
    cause: &'a str,
    remedy: &'a str,
    /// Subject and evidence.
    hit: Vec<(&'a str, &'a str)>,
}

/// The findings, errors first and then in the order of the checks, each with an empty line behind it.
pub(super) fn list(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for group in groups(report) {
        let (sign, code) = mark(group.severity);
        let plain = format!("{sign} {}: ", group.check);
        let title = format!("{} {}: ", paint(style, code, sign), paint(style, BOLD, group.check.name()));
        // Escape sequences take no columns, so the title is wrapped without them.
        let cause = indented(&format!("{plain}{}", group.cause), "", "  ", style);
        text.push_str(&cause.replacen(&plain, &title, 1));
        for (subjects, evidence) in evidence(&group) {
            text.push_str(&indented(&format!("{subjects}: {evidence}"), "  ", "    ", style));
        }
        text.push_str(&indented(group.remedy, "  → ", "    ", style));
        text.push('\n');
    }
    text
}

fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (result, severity, failure) in report.findings() {
        let (cause, remedy) = (failure.cause.as_str(), failure.remedy.as_str());
        let hit = (result.subject.as_str(), failure.evidence.as_str());
        let is_same = |group: &&mut Group<'_>| {
            group.check == result.check
                && group.severity == severity
                && group.cause == cause
                && group.remedy == remedy
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.hit.push(hit),
            None => groups.push(Group { check: result.check, severity, cause, remedy, hit: vec![hit] }),
        }
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.severity), group.check));
    groups
}

/// What was seen, each with the subjects in which it was.
fn evidence<'a>(group: &Group<'a>) -> Vec<(String, &'a str)> {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (subject, evidence) in &group.hit {
        match seen.iter_mut().find(|(_, other)| other == evidence) {
            Some((subjects, _)) => *subjects = format!("{subjects}, {subject}"),
            None => seen.push(((*subject).to_owned(), evidence)),
        }
    }
    seen
}

/// Reasons, each with the checks that it kept from something.
pub(super) fn unchecked(report: &Report, style: Style) -> String {
    let mut reasons: Vec<(&str, BTreeMap<Check, Vec<&str>>)> = Vec::new();
    for result in &report.results {
        let Outcome::Unchecked { reason } = &result.outcome else { continue };
        let index = reasons.iter().position(|(other, _)| other == reason).unwrap_or_else(|| {
            reasons.push((reason, BTreeMap::new()));
            reasons.len() - 1
        });
        reasons[index].1.entry(result.check).or_default().push(&result.subject);
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = paint(style, BOLD, "not checked") + "\n";
    for (reason, checks) in reasons {
        let checks: Vec<String> =
            checks.into_iter().map(|(check, subjects)| format!("{check} ({})", listed(&subjects))).collect();
        text.push_str(&indented(reason, "  ", "  ", style));
        text.push_str(&indented(&checks.join(", "), "    ", "    ", style));
    }
    text + "\n"
}

fn listed(subjects: &[&str]) -> String {
    if subjects.len() <= SUBJECTS_MAX { subjects.join(", ") } else { format!("{} times", subjects.len()) }
}

/// What passed, with what was seen.
pub(super) fn passed(report: &Report, style: Style) -> String {
    let mut text = paint(style, BOLD, "passed") + "\n";
    for result in &report.results {
        if let Outcome::Passed { evidence } = &result.outcome {
            let line = format!("{} {}: {evidence}", result.check, result.subject);
            text.push_str(&paint(style, DIM, indented(&line, "  ", "    ", style).trim_end()));
            text.push('\n');
        }
    }
    text + "\n"
}

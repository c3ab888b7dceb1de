//! A row for each image and platform, with a mark for each group of checks.

use super::{BOLD, DIM, GREEN, RED, Style};
use crate::console::{UNKNOWN, mebibytes};
use crate::images::check::{Check, CheckResult, Outcome};
use crate::images::verify::{ImageSummary, Report};
use std::collections::BTreeSet;

/// Sixteen columns would not fit: what a user sees as one thing is one mark.
const GROUPS: [(&str, &[Check]); 6] = [
    ("name", &[Check::Tag, Check::TagCollision, Check::Registry, Check::Exists]),
    ("index", &[Check::Index, Check::Pinned, Check::Platform, Check::Configuration]),
    ("program", &[Check::Entrypoint, Check::Machine]),
    ("linking", &[Check::Interpreter, Check::Libraries]),
    ("user", &[Check::User, Check::Access]),
    ("cpu", &[Check::Instructions, Check::PageSize]),
];

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// The table; what all references share, registry and tag, stands above it.
pub(super) fn table(report: &Report, style: Style) -> String {
    let prefix = common_prefix(&report.images);
    let suffix = common_tag(&report.images);
    let name =
        |image: &ImageSummary| shorten(&image.reference[prefix.len()..image.reference.len() - suffix.len()]);
    let names: Vec<String> = report.images.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("image".len());
    let titles: Vec<&str> = GROUPS.iter().map(|(title, _)| *title).collect();
    let titles = format!("{:<11}  {:>8}  {}", "platform", "pulled", titles.join("  "));
    // Names that leave no room for the marks stand in lines of their own.
    let is_stacked = width + 2 + titles.len() > style.width;
    let row = |name: &str, rest: &str| {
        let line = if is_stacked { format!("  {rest}") } else { format!("{name:width$}  {rest}") };
        line.trim_end().to_owned() + "\n"
    };
    let mut text = String::new();
    if !prefix.is_empty() || !suffix.is_empty() {
        text.push_str(&format!("{prefix}IMAGE{suffix}\n"));
    }
    text.push_str(&style.paint(BOLD, row("image", &titles).trim_end()));
    text.push('\n');
    for (image, name) in report.images.iter().zip(&names) {
        if is_stacked {
            text.push_str(&format!("{name}\n"));
        }
        for platform in platforms(report, image) {
            text.push_str(&row(name, &columns(report, image, &platform, style)));
        }
    }
    text
}

/// What stands behind the name.
fn columns(report: &Report, image: &ImageSummary, platform: &str, style: Style) -> String {
    let size = image.children.iter().find(|child| child.platform == platform);
    let size = size.map_or_else(|| UNKNOWN.to_owned(), |child| mebibytes(child.compressed_bytes));
    let mark = |(title, checks): &(&str, &[Check])| mark(report, image, platform, checks, title.len(), style);
    let marks: Vec<String> = GROUPS.iter().map(mark).collect();
    format!("{platform:<11}  {size:>8}  {}", marks.join("  "))
}

/// The platforms that were asked for, in that order.
fn platforms(report: &Report, image: &ImageSummary) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let of_image = report.results.iter().filter(|result| result.image == image.reference);
    of_image
        .filter_map(|result| result.platform.as_ref().map(ToString::to_string))
        .filter(|platform| seen.insert(platform.clone()))
        .collect()
}

/// ✗ where one failed, ✓ where one passed and none was stopped by a failure, – where nothing could be told.
fn mark(
    report: &Report,
    image: &ImageSummary,
    platform: &str,
    checks: &[Check],
    width: usize,
    style: Style,
) -> String {
    let is_of_row = |result: &&CheckResult| {
        let is_of_platform = result.platform.as_ref().is_none_or(|of| of.to_string() == platform);
        result.image == image.reference && is_of_platform && checks.contains(&result.check)
    };
    let outcomes: Vec<&Outcome> =
        report.results.iter().filter(is_of_row).map(|result| &result.outcome).collect();
    let (sign, code) = if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_))) {
        ("✗", RED)
    } else if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Passed { .. })) {
        ("✓", GREEN)
    } else {
        (UNKNOWN, DIM)
    };
    style.paint(code, sign) + &" ".repeat(width - 1)
}

/// What all references begin with, up to a slash.
fn common_prefix(images: &[ImageSummary]) -> &str {
    let Some((first, others)) = images.split_first() else { return "" };
    let mut prefix = first.reference.rsplit_once('/').map_or("", |(prefix, _)| prefix);
    while !others.iter().all(|image| image.reference.starts_with(&format!("{prefix}/"))) {
        prefix = prefix.rsplit_once('/').map_or("", |(shorter, _)| shorter);
        if prefix.is_empty() {
            return "";
        }
    }
    if prefix.is_empty() { "" } else { &first.reference[..=prefix.len()] }
}

/// The tag of all references, with its colon, where there are several; empty where they differ or have digests.
fn common_tag(images: &[ImageSummary]) -> &str {
    let tag = |image: &'_ ImageSummary| {
        let reference = &image.reference;
        let name = reference.rfind('/').map_or(0, |slash| slash + 1);
        let colon = reference[name..].find(':')? + name;
        (!reference.contains('@')).then_some(colon)
    };
    let [first, others @ ..] = images else { return "" };
    let Some(colon) = tag(first) else { return "" };
    let suffix = &first.reference[colon..];
    let is_same = |image: &ImageSummary| tag(image).is_some_and(|colon| &image.reference[colon..] == suffix);
    if !others.is_empty() && others.iter().all(is_same) { suffix } else { "" }
}

/// With some digits of a digest instead of all.
fn shorten(reference: &str) -> String {
    match reference.split_once("@sha256:") {
        Some((name, digits)) => format!("{name}@{}", digits.chars().take(DIGEST_DIGITS).collect::<String>()),
        None => reference.to_owned(),
    }
}

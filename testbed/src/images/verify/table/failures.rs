//! What failed, once for all images that it hits.

use super::{BOLD, RED, Style};
use crate::images::check::{Check, CheckResult, Failure, Outcome};
use crate::images::verify::Report;
use textwrap::{Options, wrap};

/// The same failure of several images.
struct Group<'a> {
    check: Check,
    cause: &'a str,
    remedy: &'a str,
    hit: Vec<(&'a CheckResult, &'a Failure)>,
}

/// The failures in the order of the checks, each with an empty line behind it.
pub(super) fn list(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for group in groups(report) {
        let title = format!("{} {}: ", style.paint(RED, "✗"), style.paint(BOLD, group.check.name()));
        // Escape sequences take no columns, so the title is wrapped without them.
        let plain = format!("✗ {}: ", group.check.name());
        let cause = indented(&format!("{plain}{}", group.cause), "", "  ", style);
        text.push_str(&cause.replacen(&plain, &title, 1));
        for (places, evidence) in evidence(&group) {
            // What names its image need not be told where it was seen.
            if evidence.contains(&places) {
                text.push_str(&indented(evidence, "  ", "    ", style));
            } else {
                text.push_str(&indented(&places, "  ", "    ", style));
                text.push_str(&indented(evidence, "    ", "    ", style));
            }
        }
        text.push_str(&indented(group.remedy, "  → ", "    ", style));
        text.push('\n');
    }
    text
}

fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for result in &report.results {
        let Outcome::Failed(failure) = &result.outcome else { continue };
        let Failure { cause, remedy, .. } = failure;
        let is_same = |group: &&mut Group<'_>| {
            group.check == result.check && group.cause == cause && group.remedy == remedy
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.hit.push((result, failure)),
            None => groups.push(Group { check: result.check, cause, remedy, hit: vec![(result, failure)] }),
        }
    }
    groups.sort_by_key(|group| group.check);
    groups
}

/// What was seen, each with the images in which it was.
fn evidence<'a>(group: &Group<'a>) -> Vec<(String, &'a str)> {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (result, failure) in &group.hit {
        let place = match &result.platform {
            Some(platform) => format!("{} {platform}", result.image),
            None => result.image.clone(),
        };
        match seen.iter_mut().find(|(_, evidence)| *evidence == failure.evidence) {
            Some((places, _)) => *places = format!("{places}, {place}"),
            None => seen.push((place, &failure.evidence)),
        }
    }
    seen
}

/// Lines within the width; what cannot be broken, such as a digest, stays whole, so that it can be copied.
fn indented(text: &str, first: &str, others: &str, style: Style) -> String {
    let options =
        Options::new(style.width).initial_indent(first).subsequent_indent(others).break_words(false);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    wrap(text, options).join("\n") + "\n"
}

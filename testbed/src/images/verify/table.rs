//! What a verification found, as a person reads it: a row for each image and platform, then what failed, in full.

mod failures;
mod rows;

use super::Report;
use crate::images::check::Outcome;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether escape sequences are understood.
    pub is_coloured: bool,
}

/// Where nobody looks at it in a terminal.
const WIDTH_PLAIN: usize = 100;

/// Longer lines are hard to follow.
const WIDTH_MAX: usize = 120;

/// The table does not fit in fewer.
const WIDTH_MIN: usize = 60;

const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";
const DIM: &str = "2";

impl Style {
    /// That of the terminal on standard output; plain, where it is none.
    #[must_use]
    pub fn of_terminal() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self { width: WIDTH_PLAIN, is_coloured: false };
        }
        let columns = crossterm::terminal::size().map_or(WIDTH_PLAIN, |(columns, _)| usize::from(columns));
        Self { width: columns.clamp(WIDTH_MIN, WIDTH_MAX), is_coloured: true }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Report {
    /// The table, the failures in full, and a closing line.
    #[must_use]
    pub fn to_text(&self, style: Style) -> String {
        let mut text = rows::table(self, style);
        text.push('\n');
        text.push_str(&failures::list(self, style));
        // Writing to a String cannot fail.
        write!(text, "{}", self.closing(style)).unwrap_or_default();
        text
    }

    fn closing(&self, style: Style) -> String {
        let failed: Vec<_> = self.failures().collect();
        if failed.is_empty() {
            let passed =
                self.results.iter().filter(|result| matches!(result.outcome, Outcome::Passed { .. })).count();
            let children: usize = self.images.iter().map(|image| image.children.len()).sum();
            let is_tagged = self.images.iter().all(|image| !image.reference.contains('@'));
            let noun = if is_tagged { "tag" } else { "reference" };
            let line = format!(
                "{} of {} verified: all {passed} checks passed",
                plural(children, "image"),
                plural(self.images.len(), noun)
            );
            return style.paint(GREEN, &line) + &self.unchecked();
        }
        let images: BTreeSet<_> = failed.iter().map(|result| &result.image).collect();
        let line = format!("{} failed in {}", plural(failed.len(), "check"), plural(images.len(), "image"));
        style.paint(RED, &line)
    }

    /// What was not looked at although nothing failed.
    fn unchecked(&self) -> String {
        let mut reasons = BTreeSet::new();
        for result in &self.results {
            if let Outcome::Skipped { reason } = &result.outcome {
                reasons.insert(format!("{}: {reason}", result.check));
            }
        }
        if reasons.is_empty() {
            return String::new();
        }
        let reasons: Vec<String> = reasons.into_iter().collect();
        format!("\nnot checked: {}", reasons.join("; "))
    }
}

/// `1 image`, `2 images`.
fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests;

//! A report as a person reads it: a row for each check, then what was found in full, then what could not be looked at.

mod findings;
mod table;

use super::{Report, Style};
use crate::doctor::check::{Outcome, Severity};
use std::fmt::Write as _;
use textwrap::{Options, WordSplitter, wrap};

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const CYAN: &str = "36";
const BOLD: &str = "1";
const DIM: &str = "2";

impl Report {
    /// The table, the findings, what was not checked, and a closing line; with `is_verbose`, what passed too.
    #[must_use]
    pub fn to_text(&self, style: Style, is_verbose: bool) -> String {
        let mut text = table::table(self, style);
        text.push('\n');
        text.push_str(&findings::list(self, style));
        text.push_str(&findings::unchecked(self, style));
        if is_verbose {
            text.push_str(&findings::passed(self, style));
        }
        // Writing to a String cannot fail.
        write!(text, "{}", self.closing(style)).unwrap_or_default();
        text
    }

    fn closing(&self, style: Style) -> String {
        let of = |severity| self.findings().filter(|(_, other, _)| *other == severity).count();
        let passed =
            self.results.iter().filter(|result| matches!(result.outcome, Outcome::Passed { .. })).count();
        let unchecked =
            self.results.iter().filter(|result| matches!(result.outcome, Outcome::Unchecked { .. })).count();
        let (errors, warnings, notes) = (of(Severity::Error), of(Severity::Warning), of(Severity::Info));
        let mut parts = Vec::new();
        for (count, noun, code) in
            [(errors, "error", RED), (warnings, "warning", YELLOW), (notes, "note", CYAN)]
        {
            if count > 0 {
                parts.push(paint(style, code, &plural(count, noun)));
            }
        }
        if parts.is_empty() {
            parts.push(paint(style, GREEN, "nothing found"));
        }
        parts.push(format!("{passed} passed"));
        if unchecked > 0 {
            parts.push(format!("{unchecked} not checked"));
        }
        parts.join(", ")
    }
}

/// `1 error`, `2 errors`.
fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

fn paint(style: Style, code: &str, text: &str) -> String {
    if style.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn mark(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Error => ("✗", RED),
        Severity::Warning => ("!", YELLOW),
        Severity::Info => ("i", CYAN),
    }
}

/// Lines within the width; what cannot be broken, such as a digest, stays whole, so that it can be copied.
fn indented(text: &str, first: &str, others: &str, style: Style) -> String {
    let options =
        Options::new(style.width).initial_indent(first).subsequent_indent(others).break_words(false);
    wrap(text, options.word_splitter(WordSplitter::NoHyphenation)).join("\n") + "\n"
}

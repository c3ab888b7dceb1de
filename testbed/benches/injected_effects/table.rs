//! The findings as a table, in Markdown.

use crate::findings::{Finding, Holds};
use measurement::statistics::Interval;

/// The head of the table.
pub(crate) fn head() -> &'static str {
    "| case | injected | metric | true ratio | measured (95 % interval) | in it | measured ÷ true | verdict | found |\n\
     |---|---|---|---|---|---|---|---|---|"
}

/// A row.
pub(crate) fn row(case: &str, injected: &str, finding: &Finding) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let interval = |interval: Interval| {
        format!("{:.3} ({:.3} to {:.3})", interval.estimate, interval.low, interval.high)
    };
    let holds = match finding.holds() {
        Holds::Yes => "yes".to_owned(),
        Holds::Jointly => "in that of all effects".to_owned(),
        Holds::No => "no".to_owned(),
    };
    let verdict = if finding.is_verdict_right { "" } else { ", wrong" };
    format!(
        "| {case} | {injected} | `{}` | {} | {} | {holds} | {} | {}{verdict} | {} |",
        finding.metric,
        number(finding.truth),
        finding.ratio.map_or_else(|| "–".to_owned(), interval),
        number(finding.accuracy.map(|accuracy| accuracy.estimate)),
        finding.verdict,
        if finding.is_found() { "yes" } else { "**no**" },
    )
}

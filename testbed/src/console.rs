//! Plain lines for people, and figures as people read them.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Shown for what is not known.
pub const UNKNOWN: &str = "–";

/// Writes a line to standard output. That nobody reads it (a closed pipe) is no reason to leave parts unstopped.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes a line to standard error, for what went wrong.
pub fn complain(line: &str) {
    writeln!(std::io::stderr(), "testbed: {line}").unwrap_or_default();
}

/// One line on standard error that is overwritten; nothing where nobody looks at it.
#[derive(Debug)]
pub struct ProgressLine {
    is_shown: bool,
}

impl ProgressLine {
    /// Empty.
    #[must_use]
    pub fn of_stderr() -> Self {
        Self { is_shown: std::io::stderr().is_terminal() }
    }

    /// In place of what it shows now.
    pub fn show(&mut self, line: &str) {
        if self.is_shown {
            // Cut off before the edge: a line that wraps cannot be overwritten.
            let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
            let line: String = line.chars().take(columns.saturating_sub(1)).collect();
            eprint!("\r\x1b[K{line}");
        }
    }

    /// Leaves nothing of it.
    pub fn clear(&mut self) {
        self.show("");
    }
}

/// A whole number with separators: `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: a decimal where it is small enough for one to matter.
#[must_use]
pub fn rate(per_s: f64) -> String {
    if per_s == 0.0 || per_s >= 99.95 { count(per_s.round() as u64) } else { format!("{per_s:.1}") }
}

/// Three digits with a unit: `85.0 µs`, `1.23 ms`, `12.3 s`.
#[must_use]
pub fn seconds(value_s: f64) -> String {
    let (value, unit) = match value_s {
        _ if value_s < 999.5e-9 => (value_s * 1e9, "ns"),
        _ if value_s < 999.5e-6 => (value_s * 1e6, "µs"),
        _ if value_s < 999.5e-3 => (value_s * 1e3, "ms"),
        _ => (value_s, "s"),
    };
    let decimals = match value {
        _ if value < 9.995 => 2,
        _ if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// Memory in MiB.
#[must_use]
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// A span of time as a clock shows it: `00:01:23`.
#[must_use]
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// What is known in its form, and a dash for what is not.
pub fn or_unknown<T>(value: Option<T>, form: impl Fn(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let texts: Vec<String> = [0, 7, 999, 1000, 1_234_567].map(count).into();
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn small_rates_have_a_decimal() {
        let texts: Vec<String> = [0.0, 0.4, 99.94, 99.96, 1999.6].map(rate).into();
        assert_eq!(texts, ["0", "0.4", "99.9", "100", "2,000"]);
    }

    #[test]
    fn durations_have_three_digits() {
        let texts: Vec<String> = [0.0, 85e-6, 0.00123, 0.9996, 12.34, 250.0].map(seconds).into();
        assert_eq!(texts, ["0.00 ns", "85.0 µs", "1.23 ms", "1.00 s", "12.3 s", "250 s"]);
    }

    #[test]
    fn what_is_unknown_is_a_dash() {
        assert_eq!(or_unknown(None, count), "–");
        assert_eq!(or_unknown(Some(0), count), "0");
    }

    #[test]
    fn clocks_go_on_after_an_hour() {
        assert_eq!(clock(Duration::from_secs(3_723)), "01:02:03");
    }
}

//! Figures as people read them.

use std::time::Duration;

use crate::summary;

/// A whole number with separators: `12,345`.
pub(crate) fn count(number: u64) -> String {
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
pub(crate) fn events_per_s(rate_per_s: f64) -> String {
    let is_whole = rate_per_s.fract() == 0.0 || rate_per_s >= 99.95;
    if is_whole { count(rate_per_s.round() as u64) } else { format!("{rate_per_s:.1}") }
}

/// Three digits with a unit: `85.3 µs`, `1.23 ms`, `12.3 s`; a dash for what is not known.
pub(crate) fn duration(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return "–".to_owned() };
    summary::duration(duration.as_nanos() as f64 / 1e3)
}

/// A span of time as a clock shows it: `1:23`, `1:02:03`, `3 d 01:02:03`.
pub(crate) fn clock(time: Duration) -> String {
    let (seconds, minutes, hours) = (time.as_secs() % 60, time.as_secs() / 60 % 60, time.as_secs() / 3600);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..24 => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{} d {:02}:{minutes:02}:{seconds:02}", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_and_small_rates_a_decimal() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 5.0, 0.44, 99.96, 1999.6].map(events_per_s), ["0", "5", "0.4", "100", "2,000"]);
    }

    #[test]
    fn durations_have_three_digits() {
        let texts = [0, 85_300, 999_600, 12_345_000, 999_600_000, 123_456_789_000]
            .map(|nanoseconds| duration(Some(Duration::from_nanos(nanoseconds))));
        assert_eq!(texts, ["0.00 µs", "85.3 µs", "1.00 ms", "12.3 ms", "1.00 s", "123 s"]);
        assert_eq!(duration(None), "–");
    }

    #[test]
    fn clocks_show_what_is_there() {
        let texts = [7, 83, 3_723, 262_923].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0:07", "1:23", "1:02:03", "3 d 01:02:03"]);
    }
}

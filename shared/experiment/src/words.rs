//! Numbers as a reader gets them: the same on every machine, with the digits that mean something.

use crate::metric::Unit;
use measurement::statistics::Interval;

/// `12,345`; what is not whole is rounded.
pub(crate) fn integer(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("−{text}") } else { text }
}

/// Three digits that mean something, and thousands apart.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        0.0 => 0,
        size if size >= 99.95 => return integer(value),
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        size if size >= 0.009_995 => 4,
        _ => 5,
    };
    signed(value, decimals)
}

fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.chars().all(|character| matches!(character, '0' | '.'));
    if value < 0.0 && !is_zero { format!("−{text}") } else { text }
}

/// A value with its unit, in the size that reads best: `1.84 ms`.
pub(crate) fn value(unit: Unit, value: f64) -> String {
    let scale = |steps: &[(f64, &str)]| {
        let (size, name) = steps.iter().rev().find(|(size, _)| value.abs() >= *size).unwrap_or(&steps[0]);
        format!("{} {name}", number(value / size))
    };
    match unit {
        Unit::Microseconds => scale(&[(1.0, "µs"), (1e3, "ms"), (1e6, "s")]),
        Unit::MicrosecondsPerEvent => format!("{} µs", number(value)),
        Unit::EventsPerSecond => format!("{} events/s", number(value)),
        Unit::Share => format!("{} %", number(value * 100.0)),
        Unit::Bytes => scale(&[(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")]),
        Unit::BytesPerEvent => format!("{} B", number(value)),
        Unit::MicrojoulesPerEvent => scale(&[(1.0, "µJ"), (1e3, "mJ"), (1e6, "J")]),
    }
}

/// A value between two others, with the unit once where it is that of all: `1.84 ms (1.79 to 1.90)`.
pub(crate) fn with_range(unit: Unit, middle: f64, low: f64, high: f64) -> String {
    let [middle, low, high] = [middle, low, high].map(|one| value(unit, one));
    let unit_of = |text: &str| text.split_once(' ').map_or(String::new(), |(_, unit)| unit.to_owned());
    let number = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    if [&low, &high].iter().all(|text| unit_of(text) == unit_of(&middle)) {
        format!("{middle} ({} to {})", number(&low), number(&high))
    } else {
        format!("{middle} ({low} to {high})")
    }
}

/// As few digits as needed: for the round numbers of axes.
pub(crate) fn plain(value: f64) -> String {
    if value.abs() >= 1000.0 {
        return integer(value);
    }
    let text = format!("{:.6}", value.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if value < 0.0 && text != "0" { format!("−{text}") } else { text.to_owned() }
}

/// A round value with its unit, for an axis.
pub(crate) fn tick(unit: Unit, round: f64) -> String {
    let text = value(unit, round);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text.trim_end_matches(" events/s").to_owned(),
    }
}

/// Decimals with which the bounds of a ratio differ.
fn ratio_decimals(ratio: &Interval) -> usize {
    match ratio.high - ratio.low {
        width if width < 0.002 => 4,
        width if width < 0.02 => 3,
        width if width < 5.0 => 2,
        _ => 1,
    }
}

/// `1.84`.
pub(crate) fn estimate(ratio: &Interval) -> String {
    format!("{:.*}", ratio_decimals(ratio), ratio.estimate)
}

/// `1.79 to 1.90`.
pub(crate) fn bounds(ratio: &Interval) -> String {
    let decimals = ratio_decimals(ratio);
    format!("{:.decimals$} to {:.decimals$}", ratio.low, ratio.high)
}

/// `95 %`; levels between are rounded down, as more is not promised.
pub(crate) fn confidence(level: f64) -> String {
    format!("{:.0} %", (level * 100.0 + 1e-6).floor())
}

/// A p-value: never 0.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// `ten blocks`, `1 pair`.
pub(crate) fn count(number: usize, one: &str) -> String {
    const WORDS: [&str; 11] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let plural = if number == 1 { "" } else { "s" };
    match WORDS.get(number) {
        Some(word) => format!("{word} {one}{plural}"),
        None => format!("{number} {one}{plural}"),
    }
}

/// `3 pairs were`, `1 pair was`.
pub(crate) fn pairs(number: usize) -> String {
    if number == 1 { "1 pair was".to_owned() } else { format!("{number} pairs were") }
}

/// What a thing is called where a processor translated the programs of another one for it: `arm64 (emulated)`.
pub(crate) fn labelled(name: &str, is_emulated: bool) -> String {
    if is_emulated { format!("{name} (emulated)") } else { name.to_owned() }
}

/// `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [all @ .., last] => {
            let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", all.join(", "), last.as_ref())
        }
    }
}

/// The same with a large first letter.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_the_unit_that_reads_best() {
        assert_eq!(value(Unit::Microseconds, 1840.0), "1.84 ms");
        assert_eq!(value(Unit::Microseconds, 999.4), "999 µs");
        assert_eq!(value(Unit::Microseconds, -2_500_000.0), "−2.50 s");
        assert_eq!(value(Unit::EventsPerSecond, 201_234.5), "201,234 events/s");
        assert_eq!(value(Unit::Share, 0.0012), "0.120 %");
        assert_eq!(value(Unit::Bytes, 10.0 * 1_048_576.0), "10.0 MiB");
        assert_eq!(value(Unit::Bytes, 0.0), "0 B");
        assert_eq!(with_range(Unit::Microseconds, 990.0, 950.0, 1200.0), "990 µs (950 µs to 1.20 ms)");
        assert_eq!(with_range(Unit::Microseconds, 2e3, 1500.0, 12_000.0), "2.00 ms (1.50 to 12.0)");
    }

    #[test]
    fn ratio_has_the_decimals_in_which_its_bounds_differ() {
        let of = |estimate, low, high| Interval { estimate, low, high, confidence: 0.95 };
        assert_eq!(bounds(&of(1.84, 1.79, 1.9)), "1.79 to 1.90");
        assert_eq!(bounds(&of(1.004, 0.998, 1.01)), "0.998 to 1.010");
        assert_eq!(estimate(&of(12.34, 8.0, 20.0)), "12.3");
    }

    #[test]
    fn confidence_is_never_rounded_up() {
        assert_eq!(confidence(0.95), "95 %");
        assert_eq!(confidence(0.96875), "96 %");
    }

    #[test]
    fn items_are_joined_as_in_a_sentence() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(count(10, "block"), "ten blocks");
        assert_eq!(count(12, "block"), "12 blocks");
    }
}

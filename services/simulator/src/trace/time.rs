//! Times of a trace as nanoseconds since 1970.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Unit of times that are numbers, since 1970 or any other moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// How times are written.
#[derive(Debug)]
pub(super) enum TimeStyle {
    Rfc3339,
    Number(TimeUnit),
    Format(String),
}

impl TimeStyle {
    /// Reads a time. Whole numbers are exact; fractions have the 53 bits of a float.
    pub(super) fn parse(&self, text: &str) -> Result<i128, String> {
        match self {
            Self::Rfc3339 => text.parse().map(Timestamp::as_nanosecond).map_err(|_| {
                format!(
                    "time {text:?} is not one of RFC 3339 such as 2026-01-31T12:00:00Z, \
                     say how it is written with format = \"%Y-%m-%d %H:%M\" or unit-of-time = \"s\""
                )
            }),
            Self::Number(unit) => number(text, *unit)
                .ok_or_else(|| format!("time {text:?} is not a number, leave unit-of-time out or mend it")),
            Self::Format(format) => formatted(format, text).map_err(|error| {
                format!("time {text:?} is not written as format = {format:?} says: {error}")
            }),
        }
    }
}

fn number(text: &str, unit: TimeUnit) -> Option<i128> {
    let ns_per_unit = match unit {
        TimeUnit::S => 1_000_000_000,
        TimeUnit::Ms => 1_000_000,
        TimeUnit::Us => 1_000,
        TimeUnit::Ns => 1,
    };
    if let Ok(whole) = text.parse::<i64>() {
        return Some(i128::from(whole) * ns_per_unit);
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some((number * ns_per_unit as f64).round() as i128)
}

fn formatted(format: &str, text: &str) -> Result<i128, jiff::Error> {
    let time = BrokenDownTime::parse(format, text)?;
    let timestamp = match time.offset() {
        Some(_) => time.to_timestamp()?,
        None => time.to_datetime()?.to_zoned(TimeZone::UTC)?.timestamp(),
    };
    Ok(timestamp.as_nanosecond())
}

//! Durations as people write them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A length of time, at least 0 and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Seconds(pub f64);

impl std::str::FromStr for Seconds {
    type Err = String;

    /// Reads `500ms`, `30s`, `5m`, `2h` or a number of seconds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit_at = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
        let seconds_per_unit = match &text[unit_at..] {
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err("use a unit of ms, s, m or h".to_owned()),
        };
        let number: f64 = text[..unit_at].parse().map_err(|_| "not a number with a unit".to_owned())?;
        Self::new(number * seconds_per_unit)
    }
}

impl Seconds {
    fn new(seconds: f64) -> Result<Self, String> {
        if seconds.is_finite() && seconds >= 0.0 {
            Ok(Self(seconds))
        } else {
            Err("a time must not be negative or without end".to_owned())
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Seconds;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a duration such as \"30s\", or a number of seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
                text.parse().map_err(|reason| {
                    E::custom(format!(
                        "{text:?} is no duration, {reason}: \"500ms\", \"30s\", \"5m\", \"2h\""
                    ))
                })
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
                Seconds::new(seconds).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
                self.visit_f64(seconds as f64)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration with its unit, 500ms, 30s, 5m or 2h, or a number of seconds.",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)?$" }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let cases = [("500ms", 0.5), ("30s", 30.0), ("1.5m", 90.0), ("2h", 7200.0), ("7", 7.0), ("0", 0.0)];
        for (text, seconds) in cases {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "1e999", "1 s", "nan", "inf"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}

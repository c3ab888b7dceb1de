//! How values are written: with a unit, and those of a sensor with its decimals and within its range.

use crate::text::{push_fixed, push_json};

/// What the data of an event say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// Of a process, or of the machine.
    Measured(Scale, f64),
    /// Of a trace, with its unit.
    Recorded(f64, Option<&'a str>),
    /// What a trace was to say and does not.
    Unknown,
}

/// What stands before a unit.
const UNIT: &str = r#","unit":"#;

/// Unit, resolution and range of a sensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Spelled as Prometheus spells the units of metrics, where it has the unit.
    pub(crate) unit: &'static str,
    /// Always that many, at most 6.
    pub(crate) decimals: u32,
    /// What lower values are written as.
    pub(crate) min: i64,
    /// What higher values are written as.
    pub(crate) max: i64,
}

impl Value<'_> {
    /// Appends value and unit.
    pub(super) fn push(self, buffer: &mut Vec<u8>) {
        let unit = match self {
            Self::Measured(scale, value) => {
                scale.push(buffer, value);
                Some(scale.unit)
            }
            Self::Recorded(value, unit) => {
                push_json(buffer, &value);
                unit
            }
            Self::Unknown => {
                buffer.extend_from_slice(b"null");
                None
            }
        };
        if let Some(unit) = unit {
            buffer.extend_from_slice(UNIT.as_bytes());
            push_json(buffer, unit);
        }
    }
}

impl Scale {
    pub(super) const UNIFORM: Self = Self { unit: "celsius", decimals: 3, min: 10, max: 100 };
    /// Range of WMO-No. 8, Guide to Instruments and Methods of Observation, volume I, annex 1.A. The same for humidity
    /// and pressure.
    pub(super) const TEMPERATURE: Self = Self { unit: "celsius", decimals: 2, min: -80, max: 60 };
    pub(super) const HUMIDITY: Self = Self { unit: "percent", decimals: 2, min: 0, max: 100 };
    pub(super) const PRESSURE: Self = Self { unit: "hectopascal", decimals: 2, min: 500, max: 1080 };
    /// Range of 16 g, as of the accelerometer ADXL345.
    pub(super) const VIBRATION: Self = Self { unit: "m/s2", decimals: 3, min: -157, max: 157 };
    /// More than the fastest counter has after a century.
    pub(super) const COUNTER: Self = Self { unit: "count", decimals: 0, min: 0, max: 999_999_999_999 };

    /// Those of all processes.
    pub(super) const ALL: [Self; 6] =
        [Self::UNIFORM, Self::TEMPERATURE, Self::HUMIDITY, Self::PRESSURE, Self::VIBRATION, Self::COUNTER];

    /// Appends a value; what is no number becomes 0.
    pub(crate) fn push(&self, buffer: &mut Vec<u8>, value: f64) {
        let factor = 10_i64.pow(self.decimals) as f64;
        let scaled = (value.clamp(self.min as f64, self.max as f64) * factor).round();
        push_fixed(buffer, scaled as i64, self.decimals);
    }

    /// Bytes of the longest value and its unit. The range is not empty.
    pub(crate) const fn bytes_max(&self) -> usize {
        let (lowest, highest) = (self.min.unsigned_abs(), self.max.unsigned_abs());
        let largest = if lowest > highest { lowest } else { highest };
        let sign = (self.min < 0) as usize;
        let fraction = if self.decimals == 0 { 0 } else { 1 + self.decimals as usize };
        sign + largest.ilog10() as usize + 1 + fraction + UNIT.len() + self.unit.len() + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(scale: Scale, value: f64) -> String {
        let mut buffer = Vec::new();
        scale.push(&mut buffer, value);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn values_are_rounded_and_stay_in_the_range() {
        assert_eq!(written(Scale::TEMPERATURE, 21.456), "21.46");
        assert_eq!(written(Scale::TEMPERATURE, -0.001), "0.00");
        assert_eq!(written(Scale::TEMPERATURE, -1e9), "-80.00");
        assert_eq!(written(Scale::HUMIDITY, 100.2), "100.00");
        assert_eq!(written(Scale::COUNTER, 41.0), "41");
    }

    #[test]
    fn longest_value_is_known() {
        for scale in Scale::ALL {
            let longest = written(scale, scale.min as f64).len().max(written(scale, scale.max as f64).len());
            let unit = format!(r#","unit":"{}""#, scale.unit);
            assert_eq!(scale.bytes_max(), longest + unit.len(), "{scale:?}");
        }
    }
}

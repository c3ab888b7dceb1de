//! What sensors measure: functions of source and time, to which each reading adds the noise of its sensor. Nothing is
//! remembered of a source, so that any reading can be made by itself and memory does not grow with the sources.
//!
//! Sines and exponentials are those of `libm`, because those of the platforms differ in the last bit.

use std::f64::consts::TAU;

use libm::{exp, sin};
use rand::RngExt as _;

use super::noise::{sensor, smooth};
use super::value::{Scale, Value};
use crate::plan::Values;
use crate::random::{Stream, mix, unit};

const MINUTE_S: f64 = 60.0;
const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 86_400.0;

/// Shocks of a vibrating machine begin at multiples of this; one in [`SHOCK_ONE_IN`] happens.
const SHOCK_S: f64 = 8.0;
const SHOCK_ONE_IN: u64 = 8;

/// A source as the processes know it: a random number from which all its properties follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sensor(pub(super) u64);

impl Sensor {
    /// The value at `time_s` from the start of the run.
    pub(super) fn read(self, values: Values, time_s: f64, random: &mut Stream) -> Value<'static> {
        let (scale, value) = match values {
            Values::Uniform => (Scale::UNIFORM, f64::from(random.random_range(10_000..100_000)) / 1e3),
            Values::Temperature => {
                (Scale::TEMPERATURE, self.temperature_celsius(time_s) + 0.03 * sensor(random))
            }
            Values::Humidity => (Scale::HUMIDITY, self.humidity_percent(time_s) + 0.2 * sensor(random)),
            Values::Pressure => (Scale::PRESSURE, self.pressure_hectopascal(time_s) + 0.02 * sensor(random)),
            Values::Vibration => (Scale::VIBRATION, self.shock_m_per_s2(time_s) + 0.03 * sensor(random)),
            Values::Counter => (Scale::COUNTER, self.count(time_s)),
            Values::Host | Values::Trace => return Value::Unknown,
        };
        Value::Measured(scale, value)
    }

    /// Level of the source, course of the day, weather. A run begins at nine in the morning: half way up to the maximum
    /// six hours later.
    fn temperature_celsius(self, time_s: f64) -> f64 {
        self.temperature_level_celsius()
            + self.property(2, 2.0, 6.0) * sin(TAU / DAY_S * time_s)
            + 2.0 * smooth(self.number(3), time_s, 3.0 * HOUR_S)
            + 0.5 * smooth(self.number(4), time_s, 10.0 * MINUTE_S)
            + 0.1 * smooth(self.number(5), time_s, 20.0)
    }

    fn temperature_level_celsius(self) -> f64 {
        self.property(1, 5.0, 25.0)
    }

    /// What the moisture of the air, which changes slowly, is of the most that it can have at its temperature: it falls
    /// while the temperature rises. Magnus formula as in WMO-No. 8, volume I, annex 4.B.
    fn humidity_percent(self, time_s: f64) -> f64 {
        let saturation_ln = |celsius: f64| 17.62 * celsius / (243.12 + celsius);
        let dew_point = self.temperature_level_celsius() - self.property(6, 4.0, 12.0)
            + 1.5 * smooth(self.number(7), time_s, 6.0 * HOUR_S);
        let share_ln = saturation_ln(dew_point) - saturation_ln(self.temperature_celsius(time_s));
        100.0 * exp(share_ln.min(0.0))
    }

    /// Stations up to 500 m high, 0.12 hPa less for each metre (standard atmosphere, ISO 2533), and the weather.
    fn pressure_hectopascal(self, time_s: f64) -> f64 {
        1013.25 - 0.12 * self.property(8, 0.0, 500.0)
            + 12.0 * smooth(self.number(9), time_s, 12.0 * HOUR_S)
            + 0.2 * smooth(self.number(10), time_s, 10.0 * MINUTE_S)
    }

    /// A shock now and then that rings off.
    fn shock_m_per_s2(self, time_s: f64) -> f64 {
        let slot = (time_s / SHOCK_S).floor();
        let shock = Self(mix(self.number(11) ^ slot as i64 as u64));
        if !shock.0.is_multiple_of(SHOCK_ONE_IN) {
            return 0.0;
        }
        let since_s = time_s - slot * SHOCK_S;
        shock.property(1, 2.0, 20.0) * exp(-since_s) * sin(TAU * shock.property(2, 5.0, 40.0) * since_s)
    }

    /// Counts at a rate that is never below a quarter of the source's mean, since the noise changes by at most 3 in its
    /// period.
    fn count(self, time_s: f64) -> f64 {
        let (first, rate_per_s) = (self.property(12, 1e3, 1e6), self.property(13, 0.5, 50.0));
        let unsteady_s = time_s + MINUTE_S / 4.0 * smooth(self.number(14), time_s, MINUTE_S);
        (first + rate_per_s * unsteady_s).floor()
    }

    fn number(self, property: u64) -> u64 {
        mix(self.0 ^ property)
    }

    fn property(self, property: u64, low: f64, high: f64) -> f64 {
        low + (high - low) * unit(self.number(property))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{REQUESTS, SOURCES, number, stream};

    const PROCESSES: [Values; 6] = [
        Values::Uniform,
        Values::Temperature,
        Values::Humidity,
        Values::Pressure,
        Values::Vibration,
        Values::Counter,
    ];

    fn source(index: u64) -> Sensor {
        Sensor(number(42, SOURCES, index))
    }

    /// What a source measures at equal steps, each reading drawn by itself.
    fn series(values: Values, source: Sensor, count: u64, step_s: f64) -> Vec<f64> {
        let read = |index: u64| {
            let mut random = stream(7, REQUESTS, index);
            match source.read(values, index as f64 * step_s, &mut random) {
                Value::Measured(_, value) => value,
                other => panic!("{values:?} gives {other:?}"),
            }
        };
        (0..count).map(read).collect()
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mean_a, mean_b) = (mean(a), mean(b));
        let sum = |part: &dyn Fn(f64, f64) -> f64| -> f64 {
            a.iter().zip(b).map(|(a, b)| part(a - mean_a, b - mean_b)).sum()
        };
        sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
    }

    fn autocorrelation(values: &[f64], lag: usize) -> f64 {
        correlation(&values[lag..], &values[..values.len() - lag])
    }

    #[test]
    fn readings_are_near_to_those_shortly_before_and_less_to_those_long_before() {
        for values in [Values::Temperature, Values::Humidity, Values::Pressure] {
            for index in 0..5 {
                let minutes = series(values, source(index), 2 * 24 * 60, 60.0);
                let of_lag = [1, 60, 240].map(|lag| autocorrelation(&minutes, lag));
                assert!(of_lag[0] > 0.95 && of_lag.is_sorted_by(|a, b| a > b), "{values:?}: {of_lag:?}");
            }
        }
        let independent = series(Values::Uniform, source(0), 3000, 60.0);
        assert!(autocorrelation(&independent, 1).abs() < 0.1);
    }

    #[test]
    fn short_runs_have_smooth_readings_too() {
        let seconds = series(Values::Temperature, source(3), 120, 1.0);
        let of_lag = [1, 10].map(|lag| autocorrelation(&seconds, lag));
        assert!(of_lag[0] > 0.6 && of_lag[0] > of_lag[1], "{of_lag:?}");
    }

    #[test]
    fn values_are_plausible_for_their_sensors() {
        let plausible = [
            (Values::Uniform, 10.0, 99.999),
            (Values::Temperature, -4.0, 34.0),
            (Values::Humidity, 5.0, 101.0),
            (Values::Pressure, 940.0, 1026.0),
            (Values::Vibration, -20.2, 20.2),
            (Values::Counter, 0.0, 1e6 + 50.0 * (2.0 * DAY_S + MINUTE_S)),
        ];
        for (values, low, high) in plausible {
            for index in 0..50 {
                let found = series(values, source(index), 600, 288.7);
                assert!(found.iter().all(|value| (low..=high).contains(value)), "{values:?}: {found:?}");
            }
        }
    }

    #[test]
    fn temperature_has_its_maximum_in_the_afternoon() {
        // Of many sources, so that weather and noise average out.
        let mean_at = |hours: f64| -> f64 {
            (0..500).map(|index| source(index).temperature_celsius(hours * HOUR_S)).sum::<f64>() / 500.0
        };
        let [morning, afternoon, evening, night] = [0.0, 6.0, 12.0, 18.0].map(mean_at);
        assert!(afternoon > morning + 3.0 && afternoon > evening + 3.0, "{afternoon} {evening}");
        assert!(night < morning - 3.0, "{night} {morning}");
    }

    #[test]
    fn humidity_falls_where_the_temperature_rises() {
        for index in 0..20 {
            let temperature = series(Values::Temperature, source(index), 2000, 60.0);
            let humidity = series(Values::Humidity, source(index), 2000, 60.0);
            let found = correlation(&temperature, &humidity);
            assert!(found < -0.5, "source {index}: {found}");
        }
    }

    #[test]
    fn vibration_is_quiet_between_shocks() {
        let found = series(Values::Vibration, source(1), 100_000, 0.01);
        let mut sizes: Vec<_> = found.iter().map(|value| value.abs()).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        assert!(sizes[50_000] < 0.05, "median {}", sizes[50_000]);
        assert!(*sizes.last().unwrap() > 2.0, "largest {:?}", sizes.last());
    }

    #[test]
    fn counters_only_grow() {
        for index in 0..20 {
            for step_s in [0.001, 7.3] {
                let counts = series(Values::Counter, source(index), 20_000, step_s);
                assert!(counts.is_sorted() && counts[0] < counts[19_999], "source {index}");
            }
        }
    }

    #[test]
    fn seed_source_and_time_decide_on_a_value() {
        for values in PROCESSES {
            assert_eq!(series(values, source(1), 10, 1.0), series(values, source(1), 10, 1.0));
            if values != Values::Uniform {
                assert_ne!(series(values, source(1), 100, 9.7), series(values, source(2), 100, 9.7));
            }
        }
        let at_hour = |values| series(values, source(1), 2, HOUR_S)[1];
        // The same on every architecture.
        let found = PROCESSES.map(at_hour);
        assert_eq!(
            found,
            [54.104, 18.082476879374376, 58.41301250825077, 954.6371992591069, 0.00866210343621877, 934363.0]
        );
    }
}

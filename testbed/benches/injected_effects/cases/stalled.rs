//! An ingest-api that stands still for a moment, again and again.
//!
//! Of those who come at a constant rate, each that comes during a stall of S waits between S and nothing, in equal shares. With
//! one stall in each period P, the share q of all waits no longer than S − (1 − q) P, and none longer than S. Whoever measures
//! from when a request was sent sees only as many slow requests in a stall as there are connections: fewer than 1 − q of all.

use super::{CONTROL, Case, Effect, Expected, INJECTED, Injection, PLAIN, Truth, plan};
use crate::stalls::Stall;
use std::collections::BTreeMap;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_millis(200);
/// It divides the measured phase, so that it does not matter where in a period that begins.
const PERIOD: Duration = Duration::from_secs(1);
/// Events a second. Few, so that those who have waited are soon answered.
const RATE: u32 = 400;
/// Those who have waited are answered a little after the planned end of the stall: 2 ms of 90 ms. It has been 4 ms.
const KNOWN_TO: f64 = 0.02;

/// Microseconds that the share `quantile` does not wait longer than.
fn wait_us(stall: Duration, quantile: f64) -> f64 {
    (stall.as_secs_f64() - (1.0 - quantile) * PERIOD.as_secs_f64()) * 1e6
}

fn case(
    name: &'static str,
    injected: String,
    connections: u32,
    stalls: &[(&str, Duration)],
    effects: Vec<Effect>,
) -> Case {
    // At random moments, so that requests do not come in step with the stalls.
    let settings = format!(
        "rate = {RATE}\narrivals = \"poisson\"\nload.connections = {connections}\nredis.appendonly = \"no\""
    );
    let same = "\"ingest-api.LOG_LEVEL\" = \"info\"";
    let plan = plan(name, &settings, [same, same], &effects);
    let stall =
        |(cell, length): &(&str, Duration)| ((*cell).to_owned(), Stall { length: *length, period: PERIOD });
    let stalls: BTreeMap<String, Stall> = stalls.iter().map(stall).collect();
    Case { name, injected, plan, injection: Injection { stalls, ..Injection::default() }, effects }
}

/// Not p99: that of the plain runs can rest on too few slow requests to be shown.
pub(super) fn stalled() -> Case {
    let effect = |metric, quantile| {
        let wait_us = wait_us(LONG, quantile);
        let truth: Truth = Box::new(move |plain| Some(plain("response-time-p50")? + wait_us));
        Effect { metric, expected: Expected::Worse, truth, known_to: KNOWN_TO }
    };
    let effects = vec![effect("response-time-p90", 0.9), effect("response-time-max", 1.0)];
    let injected = format!("ingest-api stopped for {} ms of each second", LONG.as_millis());
    case("stalled", injected, 16, &[(INJECTED, LONG)], effects)
}

/// What is measured is the stall in both arms, so that the truth is known without any measurement.
pub(super) fn stalled_longer() -> Case {
    let effect = |metric, quantile| {
        let factor = wait_us(LONG, quantile) / wait_us(SHORT, quantile);
        let truth: Truth = Box::new(move |plain| Some(plain(metric)? * factor));
        Effect { metric, expected: Expected::Worse, truth, known_to: KNOWN_TO }
    };
    let effects = vec![effect("response-time-p99", 0.99), effect("response-time-max", 1.0)];
    let injected = format!("ingest-api stopped for {} and {} ms", SHORT.as_millis(), LONG.as_millis());
    case("stalled-longer", injected, 3, &[(PLAIN, SHORT), (CONTROL, SHORT), (INJECTED, LONG)], effects)
}

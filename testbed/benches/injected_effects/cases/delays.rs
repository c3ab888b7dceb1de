//! Requests that are held back: what observing them costs, if it were a sleep.

use super::{CONTROL, Case, Effect, Expected, INJECTED, Injection, PLAIN, RESOLUTION, Truth, plan};
use std::collections::BTreeMap;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(1);

/// All requests take the way by the proxy, so that this way is no difference.
pub(super) fn delayed() -> Case {
    let delays = [(PLAIN, Duration::ZERO), (CONTROL, Duration::ZERO), (INJECTED, DELAY)];
    let delays = BTreeMap::from(delays.map(|(cell, delay)| (cell.to_owned(), delay)));
    let delay_us = DELAY.as_secs_f64() * 1e6;
    let metric = "response-time-p50";
    let truth: Truth = Box::new(move |plain| Some(plain(metric)? + delay_us));
    let effects = vec![Effect { metric, expected: Expected::Worse, truth, known_to: RESOLUTION }];
    let settings = "rate = 200\narrivals = \"constant\"\nredis.appendonly = \"no\"";
    let same = "\"ingest-api.LOG_LEVEL\" = \"info\"";
    Case {
        name: "delayed",
        injected: format!("{delay_us} µs before each request reaches ingest-api"),
        plan: plan("delayed", settings, [same, same], &effects),
        injection: Injection { delays, ..Injection::default() },
        effects,
    }
}

//! What can be set, and to what: whatever a plan sets is looked up here before anything starts, because a variable that no
//! service reads changes nothing, and the experiment would compare a thing with itself.

mod listing;
mod load;
mod redis;
mod services;

pub use listing::listing;
pub(crate) use load::TABLES_OF_LOAD;
pub use redis::names as redis_directives;
pub use services::{Kind, Variable, check_variable, defaults, is_of_the_testbed};

use crate::cell::Cell;
use crate::plan::Key;
use serde_json::Value;

/// Names farther from what was written are not meant.
const DISTANCE_MAX: usize = 4;

/// Whether a key exists and can have a value.
///
/// # Errors
/// What is wrong, and what there is instead.
pub fn check(key: &Key, value: &Value) -> Result<(), String> {
    match key {
        Key::Load(path) => load::check(path, value),
        Key::Setting(service, variable) => services::check(*service, variable, value),
        Key::Redis(directive) => redis::check(directive, value),
        Key::Placement | Key::Telemetry | Key::Workers | Key::Partitions => Ok(()),
    }
}

/// Whether the settings of a cell can be had together. `is_rate_searched` where the search for a capacity sets the rate.
///
/// # Errors
/// What contradicts what, and what to do.
pub fn check_cell(cell: &Cell, is_rate_searched: bool) -> Result<(), String> {
    let load = |path: &str| cell.settings.get(&Key::Load(path.to_owned()));
    let redis = |name: &str| cell.settings.get(&Key::Redis(name.to_owned())).and_then(Value::as_str);
    let is_closed = load("arrivals").and_then(Value::as_str) == Some("closed");
    let is_replay = load("replay").is_some();
    let problem = match (load("rate").is_some(), is_closed) {
        _ if is_replay && (load("rate").is_some() || load("arrivals").is_some()) => {
            "the times of a replay are those of its trace: leave rate and arrivals out"
        }
        _ if is_replay && is_rate_searched => "a search for a capacity sets the rate, and a replay has none",
        (true, true) => "arrivals are closed, which send as fast as answers come: leave the rate out",
        (_, true) if is_rate_searched => {
            "a search for a capacity sets the rate, and closed arrivals have none"
        }
        (true, false) if is_rate_searched => "the search for a capacity sets the rate: leave the rate out",
        (false, false) if !is_rate_searched && !is_replay => {
            "no rate is set: add `rate` to [settings], or a factor"
        }
        _ if redis("appendfsync").is_some() && redis("appendonly") != Some("yes") => {
            "redis.appendfsync does nothing without redis.appendonly = \"yes\""
        }
        _ => return Ok(()),
    };
    Err(format!("the cell {} is impossible: {problem}", cell.id))
}

/// `did you mean "x"?`, or all there are.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(name, known.clone()).map_or_else(
        || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        |nearest| format!("did you mean {nearest:?}?"),
    )
}

/// The name that was probably meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let (distance, nearest) = known.map(|other| (distance(other), other)).min()?;
    (distance <= DISTANCE_MAX).then_some(nearest)
}

#[cfg(test)]
mod tests;

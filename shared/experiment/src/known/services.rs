//! Settings of the services, as their programs declare them: `cargo run -p testbed --example service_settings` writes the
//! list.

use super::{nearest, suggestion};
use crate::plan::Service;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

const LIST: &str = include_str!("services.json");

/// A setting of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    #[serde(flatten)]
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub help: String,
}

/// What a setting can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A whole number, at least 0.
    Whole,
    Choice {
        values: Vec<String>,
    },
    Text,
}

/// What the testbed sets by itself, by how the names begin, and what a plan says instead.
const OF_THE_TESTBED: [(&str, &str); 14] = [
    ("AUTH_TOKEN_FILE", "runs have no token"),
    ("CACHE_PATH", "each run has caches of its own"),
    ("INSTANCE_ID", "the testbed names the instances"),
    ("K8S_", "the cluster sets it"),
    ("LISTEN_ADDR", "the testbed chooses addresses"),
    ("LOG_FORMAT", "the testbed reads the logs"),
    ("NODE_ROOT", "it is that of the node"),
    ("OTEL_EXPORTER_", "use `telemetry`"),
    ("OTEL_LOGS_EXPORTER", "use `telemetry`"),
    ("OTEL_METRICS_EXPORTER", "use `telemetry`"),
    ("OTEL_SDK_DISABLED", "use `telemetry`"),
    ("OTEL_TRACES_EXPORTER", "use `telemetry`"),
    ("PARTITIONS", "use `partitions`"),
    ("REDIS_", "each run has a Redis of its own"),
];

/// As [`OF_THE_TESTBED`], but the whole name: others begin like it.
const TELEMETRY: &str = "TELEMETRY";

/// Whether the testbed sets a variable by itself, so that no plan can.
#[must_use]
pub fn is_of_the_testbed(variable: &str) -> bool {
    variable == TELEMETRY || OF_THE_TESTBED.iter().any(|(begin, _)| variable.starts_with(begin))
}

/// Settings that OpenTelemetry's SDK reads by itself, so that no program declares them: `OTEL_RESOURCE_ATTRIBUTES` and others.
const OF_THE_SDK: &str = "OTEL_";

/// Whether a service reads a variable, and can have this value: for what is set beside plans.
///
/// # Errors
/// What is wrong, and what there is instead.
pub fn check_variable(service: Service, variable: &str, value: &str) -> Result<(), String> {
    let all = of(service)?;
    let names = all.keys().map(String::as_str);
    match all.get(variable) {
        Some(known) => fits(known, value),
        None if variable.starts_with(OF_THE_SDK) && nearest(variable, names.clone()).is_none() => Ok(()),
        None => Err(format!("{} does not know {variable}: {}", service.name(), suggestion(variable, names))),
    }
}

/// What a service takes for the settings that nobody has set, where it takes something.
#[must_use]
pub fn defaults(service: Service) -> BTreeMap<String, String> {
    let known = of(service).unwrap_or_default();
    known.into_iter().filter_map(|(name, variable)| Some((name, variable.default?))).collect()
}

pub(super) fn check(service: Service, variable: &str, value: &Value) -> Result<(), String> {
    let set_otherwise = OF_THE_TESTBED.iter().find(|(begin, _)| variable.starts_with(begin));
    if let Some((_, instead)) = set_otherwise {
        return Err(format!("cannot be set by a plan: {instead}"));
    }
    if variable == TELEMETRY {
        return Err("cannot be set by a plan: use `telemetry`".to_owned());
    }
    let own = settable(service)?;
    let Some(known) = own.get(variable) else {
        let named = own.keys().map(String::as_str);
        return Err(format!("{} does not know {variable}: {}", service.name(), suggestion(variable, named)));
    };
    match value {
        Value::String(text) => fits(known, text),
        other => fits(known, &other.to_string()),
    }
}

/// What a plan can set of a service.
pub(super) fn settable(service: Service) -> Result<BTreeMap<String, Variable>, String> {
    let mut all = of(service)?;
    all.retain(|name, _| !is_of_the_testbed(name));
    Ok(all)
}

fn of(service: Service) -> Result<BTreeMap<String, Variable>, String> {
    let mut all: BTreeMap<String, BTreeMap<String, Variable>> = serde_json::from_str(LIST)
        .map_err(|error| format!("the list of settings cannot be read: {error}"))?;
    Ok(all.remove(service.name()).unwrap_or_default())
}

fn fits(known: &Variable, value: &str) -> Result<(), String> {
    match &known.kind {
        Kind::Whole if value.parse::<u64>().is_err() => {
            Err(format!("{value:?} does not fit, a whole number is needed: {}", known.help))
        }
        Kind::Choice { values } if !values.iter().any(|known| known == value) => {
            Err(format!("{value:?} does not fit: one of {}", values.join(", ")))
        }
        _ => Ok(()),
    }
}

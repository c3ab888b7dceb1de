//! What cells and levels set.

use crate::known::{self, TABLES_OF_LOAD};
use crate::plan::{Key, PARTITIONS_MAX, Settings, TELEMETRY, WORKERS_MAX};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use toml_file::{Fault, Located};

/// The settings of a table; dotted keys may be written as TOML has them.
pub(super) fn settings(written: &BTreeMap<String, Located<Value>>) -> Result<Settings, Fault> {
    let mut all = Settings::new();
    for (name, value) in written {
        collect(name, value, &value.span(), &mut all)?;
    }
    Ok(all)
}

/// The settings of a level that sets several keys.
pub(super) fn of_level(
    written: &serde_json::Map<String, Value>,
    span: &Range<usize>,
) -> Result<Settings, Fault> {
    let mut all = Settings::new();
    for (name, value) in written {
        collect(name, value, span, &mut all)?;
    }
    Ok(all)
}

fn collect(name: &str, value: &Value, span: &Range<usize>, all: &mut Settings) -> Result<(), Fault> {
    if let Value::Object(members) = value {
        let is_table = match name.split_once('.') {
            None => !matches!(name, "placement" | "rate"),
            Some(("load", path)) => TABLES_OF_LOAD.contains(&path),
            Some(_) => false,
        };
        if is_table {
            return members
                .iter()
                .try_for_each(|(key, value)| collect(&format!("{name}.{key}"), value, span, all));
        }
    }
    let key: Key = name.parse().map_err(|error| Fault::new(span.clone(), format!("{error}")))?;
    check(&key, value).map_err(|reason| Fault::new(span.clone(), format!("{key}: {reason}")))?;
    if all.contains_key(&key) {
        let message =
            format!("{key} is set twice, by its long and its short name or in two tables: leave one out");
        return Err(Fault::new(span.clone(), message));
    }
    all.insert(key, value.clone());
    Ok(())
}

/// Whether a key can have a value.
pub(super) fn check(key: &Key, value: &Value) -> Result<(), String> {
    let whole = |max: u64| {
        let is_in = value.as_u64().is_some_and(|number| (1..=max).contains(&number));
        if is_in { Ok(()) } else { Err(format!("a whole number from 1 to {max}")) }
    };
    match key {
        Key::Workers => whole(WORKERS_MAX),
        Key::Partitions => whole(PARTITIONS_MAX),
        Key::Telemetry => {
            let is_known = value.as_str().is_some_and(|mode| TELEMETRY.contains(&mode));
            if is_known { Ok(()) } else { Err(format!("one of {}", TELEMETRY.join(", "))) }
        }
        Key::Placement => match value {
            Value::String(name) if !name.is_empty() => Ok(()),
            Value::Object(services) if !services.is_empty() && services.values().all(Value::is_string) => {
                Ok(())
            }
            _ => {
                Err("a name such as arm64, or a table of services: { process-worker = \"arm64\" }".to_owned())
            }
        },
        Key::Load(_) => known::check(key, value),
        Key::Setting(..) | Key::Redis(_) => match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => known::check(key, value),
            _ => Err("a text, a number, or true or false".to_owned()),
        },
    }
}

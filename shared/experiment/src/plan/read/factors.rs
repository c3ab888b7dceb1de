//! Factors, their levels, and which combinations are left out.

use super::fault;
use super::settings::{check, of_level};
use crate::plan::file::FactorTable;
use crate::plan::{Factor, Key, Level, Settings};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use toml_file::{Fault, Located};

pub(super) fn factors(written: &Located<Vec<FactorTable>>) -> Result<Vec<Factor>, Fault> {
    if written.is_empty() {
        return fault(written, "an experiment varies something: add [[factors]]");
    }
    let mut factors: Vec<Factor> = Vec::new();
    for table in written.iter() {
        let factor = factor(table)?;
        for earlier in &factors {
            if earlier.name == factor.name {
                return fault(&table.name, format!("there are two factors {:?}", factor.name));
            }
            if let Some(key) = keys(earlier).intersection(&keys(&factor)).next() {
                let message = format!("{key} is set by the factors {:?} and {:?}", earlier.name, factor.name);
                return fault(&table.name, message);
            }
        }
        factors.push(factor);
    }
    Ok(factors)
}

fn keys(factor: &Factor) -> BTreeSet<&Key> {
    factor.levels.iter().flat_map(|level| level.settings.keys()).collect()
}

fn factor(table: &FactorTable) -> Result<Factor, Fault> {
    if table.levels.len() < 2 {
        return fault(
            &table.levels,
            "a factor has two levels or more: what does not vary belongs to [settings]",
        );
    }
    let mut levels: Vec<Level> = Vec::new();
    for value in table.levels.iter() {
        let level = level(table, value)?;
        if levels.iter().any(|earlier| earlier.name == level.name) {
            return fault(value, format!("the factor {:?} has two levels {:?}", *table.name, level.name));
        }
        levels.push(level);
    }
    Ok(Factor { name: table.name.to_string(), levels })
}

fn level(table: &FactorTable, value: &Located<Value>) -> Result<Level, Fault> {
    if let Value::Object(members) = &**value
        && members.contains_key("name")
    {
        return named(members, value);
    }
    let place = table.key.as_ref().unwrap_or(&table.name);
    let key: Key = place.parse().map_err(|error| Fault::new(place.span(), format!("{error}")))?;
    let name = match &**value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return fault(value, "give this level a name: { name = \"burst\", set = { KEY = VALUE } }"),
    };
    check(&key, value).map_err(|reason| Fault::new(value.span(), format!("{key}: {reason}")))?;
    let name = checked_name(name, value)?;
    Ok(Level { name, settings: Settings::from([(key, (**value).clone())]) })
}

fn named(members: &serde_json::Map<String, Value>, place: &Located<Value>) -> Result<Level, Fault> {
    if let Some(other) = members.keys().find(|key| !matches!(key.as_str(), "name" | "set")) {
        return fault(place, format!("unknown key {other:?}: a level has name and set"));
    }
    let name = members.get("name").and_then(Value::as_str);
    let Some((name, set)) = name.zip(members.get("set").and_then(Value::as_object)) else {
        return fault(place, "a level is a value, or { name = \"…\", set = { KEY = VALUE } }");
    };
    Ok(Level { name: checked_name(name.to_owned(), place)?, settings: of_level(set, &place.span())? })
}

/// Names of levels are parts of the names of cells, of directories and of files.
fn checked_name(name: String, place: &Located<Value>) -> Result<String, Fault> {
    let is_safe = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '%' | ':')
    };
    if name.is_empty() || !name.chars().all(is_safe) {
        return fault(
            place,
            format!(
                "{name:?} cannot name a level: letters, digits, - _ . % : only; use {{ name = …, set = … }}"
            ),
        );
    }
    Ok(name)
}

pub(super) fn excluded(
    written: &[Located<BTreeMap<String, String>>],
    factors: &[Factor],
) -> Result<Vec<BTreeMap<String, String>>, Fault> {
    for combination in written {
        if combination.is_empty() {
            return fault(combination, "this would leave out every cell: name factors and levels");
        }
        for (name, wanted) in combination.iter() {
            let Some(factor) = factors.iter().find(|factor| factor.name == *name) else {
                return fault(combination, unknown_factor(name, factors));
            };
            if factor.levels.iter().all(|level| level.name != *wanted) {
                return fault(combination, unknown_level(wanted, factor));
            }
        }
    }
    Ok(written.iter().map(|combination| (**combination).clone()).collect())
}

pub(super) fn unknown_factor(name: &str, factors: &[Factor]) -> String {
    let known: Vec<&str> = factors.iter().map(|factor| factor.name.as_str()).collect();
    format!("there is no factor {name:?}: there are {}", known.join(", "))
}

pub(super) fn unknown_level(name: &str, factor: &Factor) -> String {
    let known: Vec<&str> = factor.levels.iter().map(|level| level.name.as_str()).collect();
    format!("the factor {:?} has no level {name:?}: it has {}", factor.name, known.join(", "))
}

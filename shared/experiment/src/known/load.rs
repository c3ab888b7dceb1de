//! Keys of the simulator's workload, by its schema.

use super::suggestion;
use crate::trace;
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../../docs/schemas/simulator-workload.schema.json");

/// Tables of a workload whose members are keys of their own.
pub(crate) const TABLES_OF_LOAD: [&str; 3] = ["events", "events.sources", "faults"];

/// Of the file, what a run sets by itself, and how a plan does it.
const OF_THE_RUN: [(&str, &str); 5] = [
    ("seed", "the plan's `seed` sets it"),
    ("phases", "a run's phases are warm-up, measure and cool-down: use [timing]"),
    ("duration", "use [timing]"),
    ("measure", "use [timing]"),
    ("name", "phases have their names"),
];

/// Whether there is such a key, and a value fits it.
pub(super) fn check(path: &str, value: &Value) -> Result<(), String> {
    if let Some((_, instead)) = OF_THE_RUN.iter().find(|(name, _)| *name == path) {
        return Err(format!("cannot be set: {instead}"));
    }
    let schema = schema()?;
    let node = find(&schema, path)?;
    let mut part = node.clone();
    part.insert("$defs".to_owned(), schema["$defs"].clone());
    let description = node.get("description").and_then(Value::as_str).unwrap_or_default();
    let validator = jsonschema::validator_for(&Value::Object(part)).map_err(|error| error.to_string())?;
    validator.validate(value).map_err(|error| match error.instance_path().as_str() {
        "" => format!("{value} does not fit: {description}"),
        at => format!("{} does not fit at {at}: {description}", error.instance()),
    })?;
    if path == "replay" { trace::check(value) } else { Ok(()) }
}

fn schema() -> Result<Value, String> {
    serde_json::from_str(SCHEMA).map_err(|error| format!("the workload's schema: {error}"))
}

/// All keys that a plan can set, with what each can be and what it means.
pub(super) fn keys() -> Result<Vec<(String, String, String)>, String> {
    let schema = schema()?;
    let mut keys = Vec::new();
    for table in [&schema["$defs"]["PhaseTable"], &schema] {
        collect(&schema, table, "", &mut keys);
    }
    Ok(keys)
}

fn collect(schema: &Value, table: &Value, before: &str, keys: &mut Vec<(String, String, String)>) {
    for (name, member) in table["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        if OF_THE_RUN.iter().any(|(own, _)| *own == path) {
            continue;
        }
        let node = resolved(schema, member);
        if TABLES_OF_LOAD.contains(&path.as_str()) {
            collect(schema, node, &format!("{path}."), keys);
        } else {
            keys.push((
                path,
                words(schema, node),
                member["description"].as_str().unwrap_or_default().to_owned(),
            ));
        }
    }
}

/// What fits a schema.
fn words(schema: &Value, node: &Value) -> String {
    let alternatives = node["oneOf"].as_array().or_else(|| node["anyOf"].as_array());
    if let Some(alternatives) = alternatives {
        let mut each: Vec<String> =
            alternatives.iter().map(|part| words(schema, resolved(schema, part))).collect();
        each.dedup();
        return each.join(" or ");
    }
    if let Some(value) = node["const"].as_str() {
        return format!("`{value}`");
    }
    let word = match node["type"].as_str() {
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("string") => "text",
        Some("array") => "list",
        _ => "table",
    };
    word.to_owned()
}

/// The schema of a key.
fn find(schema: &Value, path: &str) -> Result<Map<String, Value>, String> {
    let mut tables = vec![schema, &schema["$defs"]["PhaseTable"]];
    let mut parts = path.split('.').peekable();
    let mut before = String::new();
    while let Some(part) = parts.next() {
        let member = tables.iter().find_map(|table| table["properties"].get(part));
        let Some(member) = member.filter(|_| part != "phases") else {
            return Err(unknown(part, &before, &tables));
        };
        if parts.peek().is_none() {
            return member.as_object().cloned().ok_or_else(|| "has no schema".to_owned());
        }
        tables = vec![resolved(schema, member)];
        before.push_str(part);
        if !TABLES_OF_LOAD.contains(&before.as_str()) {
            return Err(format!(
                "there is nothing below {before:?} that can be set by itself: give all of it, `load.{before} = {{ … }}`"
            ));
        }
        before.push('.');
    }
    Err("names nothing".to_owned())
}

fn resolved<'a>(schema: &'a Value, member: &'a Value) -> &'a Value {
    member["$ref"]
        .as_str()
        .and_then(|place| place.strip_prefix('#'))
        .and_then(|place| schema.pointer(place))
        .unwrap_or(member)
}

fn unknown(part: &str, before: &str, tables: &[&Value]) -> String {
    let empty = json!({});
    let names: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            table["properties"].as_object().or(empty.as_object()).into_iter().flat_map(Map::keys)
        })
        .map(|name| format!("{before}{name}"))
        .filter(|name| OF_THE_RUN.iter().all(|(own, _)| own != name))
        .collect();
    if names.is_empty() {
        return format!("a workload has nothing below {:?}", before.trim_end_matches('.'));
    }
    format!(
        "a workload has no {before}{part}: {}",
        suggestion(&format!("{before}{part}"), names.iter().map(String::as_str))
    )
}

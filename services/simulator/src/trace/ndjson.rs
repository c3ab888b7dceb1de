//! Traces as one JSON object a line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::value::RawValue;

use super::builder::{Builder, Fault, RawRecord};
use super::{Trace, TraceColumns};

/// The members of an object, as they are written.
type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads all records. Empty lines are passed over.
pub(super) fn read(
    mut input: impl BufRead,
    columns: &TraceColumns,
    mut builder: Builder,
) -> Result<Trace, Fault> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = input
            .read_until(b'\n', &mut line)
            .map_err(|error| (Some(number), format!("cannot be read: {error}")))?;
        if length == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            push(&line, columns, &mut builder).map_err(|message| (Some(number), message))?;
        }
    }
    builder.finish()
}

fn push(line: &[u8], columns: &TraceColumns, builder: &mut Builder) -> Result<(), String> {
    let members: Members<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("is not a JSON object, mend or remove the line: {error}"))?;
    let required = |key: &str, name: &str| {
        members.get(name).copied().ok_or_else(|| {
            let found: Vec<_> = members.keys().take(30).map(AsRef::as_ref).collect();
            format!("no member {name:?}, name one with {key} = ; found: {}", found.join(", "))
        })
    };
    let optional = |key: &str, name: &Option<String>| {
        name.as_ref().map(|name| required(key, name).and_then(text)).transpose()
    };
    let time = required("time", &columns.time).and_then(text)?;
    let value = optional("value", &columns.value)?;
    let source = optional("source", &columns.source)?;
    let event_type = optional("type", &columns.event_type)?;
    let data = columns.data.as_ref().map(|name| required("data", name)).transpose()?;
    builder.push(&RawRecord {
        time: &time,
        value: value.as_deref(),
        source: source.as_deref(),
        event_type: event_type.as_deref(),
        data: data.map(RawValue::get),
    })
}

/// The text of a string, or a number as it is written.
fn text(value: &RawValue) -> Result<Cow<'_, str>, String> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).map(Cow::Owned).map_err(|error| error.to_string()),
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw)),
        _ => Err(format!("{raw} is neither a text nor a number, mend or remove the line")),
    }
}

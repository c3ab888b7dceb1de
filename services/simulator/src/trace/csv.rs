//! Traces as comma-separated values.

use std::io::Read;

use ::csv::{ReaderBuilder, StringRecord};

use super::builder::{Builder, Fault, RawRecord};
use super::{Trace, TraceColumns};

/// Reads all records.
pub(super) fn read(input: impl Read, columns: &TraceColumns, mut builder: Builder) -> Result<Trace, Fault> {
    if columns.data.is_some() {
        return Err((None, "data is for NDJSON traces, name columns with value = and source =".to_owned()));
    }
    let mut reader = ReaderBuilder::new().from_reader(input);
    let header = reader.headers().map_err(|error| fault(&error))?.clone();
    if header.is_empty() {
        return Err((None, "is empty, give a line of column names and at least one record".to_owned()));
    }
    let time = position(&header, "time", &columns.time)?;
    let optional = |key, name: &Option<String>| name.as_ref().map(|name| position(&header, key, name));
    let value = optional("value", &columns.value).transpose()?;
    let source = optional("source", &columns.source).transpose()?;
    let event_type = optional("type", &columns.event_type).transpose()?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| fault(&error))? {
        let line = record.position().map(::csv::Position::line);
        let column = |position: usize| record.get(position).unwrap_or_default().trim();
        if column(time).is_empty() {
            let message = format!("no time in column {:?}, fill it in or remove the record", columns.time);
            return Err((line, message));
        }
        let raw = RawRecord {
            time: column(time),
            value: value.map(column),
            source: source.map(column),
            event_type: event_type.map(column),
            data: None,
        };
        builder.push(&raw).map_err(|message| (line, message))?;
    }
    builder.finish()
}

fn position(header: &StringRecord, key: &str, name: &str) -> Result<usize, Fault> {
    header.iter().position(|column| column.trim() == name).ok_or_else(|| {
        let found: Vec<_> = header.iter().take(30).collect();
        let message = format!("no column {name:?}, name one with {key} = ; found: {}", found.join(", "));
        (Some(1), message)
    })
}

fn fault(error: &::csv::Error) -> Fault {
    let line = error.position().map(::csv::Position::line);
    let message = match error.kind() {
        ::csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns, the header {expected_len}; mend or remove the record")
        }
        ::csv::ErrorKind::Utf8 { .. } => "is not UTF-8, convert the file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    (line, message)
}

//! A recorded trace: when something happened, and what was measured then. Read once and checked, then held compactly:
//! times as numbers, names of sources and types once each, data in one buffer.

mod builder;
mod csv;
mod ndjson;
mod time;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use builder::Builder;
use serde::{Deserialize, Serialize};

pub use time::TimeUnit;

/// More would not fit into [`builder`]'s bound.
const FILE_BYTES_MAX: u64 = 1 << 31;

/// A trace in memory. Records are in the order of their times; a trace that was read has at least one.
#[derive(Debug, Default, PartialEq)]
pub struct Trace {
    offsets_ns: Vec<u64>,
    values: Vec<f64>,
    sources: Names,
    kinds: Names,
    data: String,
    data_ends: Vec<u32>,
    unit: Option<String>,
}

/// What was recorded at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Record<'a> {
    /// Who measured.
    pub source: Option<&'a str>,
    /// The CloudEvents `type`.
    pub kind: Option<&'a str>,
    /// What was measured. Finite.
    pub value: Option<f64>,
    /// JSON on one line: the data of an event as it is.
    pub data: Option<&'a str>,
    /// Unit of the value, the same for the whole trace.
    pub unit: Option<&'a str>,
}

/// Where a trace has what: columns of a CSV file, members of the objects of an NDJSON file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TraceColumns {
    /// How the file is written; by its extension if not given.
    pub kind: Option<TraceKind>,
    /// When it happened.
    pub time: String,
    /// Unit of times that are numbers. Without it and without a format times are those of RFC 3339.
    pub time_unit: Option<TimeUnit>,
    /// How times are written, as for `strptime`. Without an offset in it they are UTC.
    pub time_format: Option<String>,
    /// What was measured.
    pub value: Option<String>,
    /// Unit of the value: a word, not a column.
    pub unit: Option<String>,
    /// Who measured.
    pub source: Option<String>,
    /// The CloudEvents `type`.
    pub event_type: Option<String>,
    /// Whole data of events, any JSON; NDJSON only.
    pub data: Option<String>,
}

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TraceKind {
    /// Comma-separated values (RFC 4180) with a line of column names.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// A trace that cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TraceError {
    /// The trace.
    pub file: PathBuf,
    /// Counts from 1; none where no line is to blame.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub message: String,
}

/// A text per record of which there are few different ones. Without any, the trace does not have it.
#[derive(Debug, Default, PartialEq)]
struct Names {
    names: Vec<Box<str>>,
    of_record: Vec<u32>,
}

impl Default for TraceColumns {
    fn default() -> Self {
        Self {
            kind: None,
            time: "time".to_owned(),
            time_unit: None,
            time_format: None,
            value: None,
            unit: None,
            source: None,
            event_type: None,
            data: None,
        }
    }
}

impl Trace {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that cannot be read, has no records, lacks something in a record, or whose times are not in order.
    pub fn read(file: &Path, columns: &TraceColumns) -> Result<Self, TraceError> {
        let failed = |message: String| TraceError { file: file.to_owned(), line: None, message };
        let cannot_read = |error: std::io::Error| failed(format!("cannot be read: {error}"));
        let opened = File::open(file).map_err(cannot_read)?;
        if opened.metadata().map_err(cannot_read)?.len() > FILE_BYTES_MAX {
            return Err(failed("is longer than 2 GiB, split it into several".to_owned()));
        }
        Self::parse(file, BufReader::new(opened.take(FILE_BYTES_MAX)), columns)
    }

    /// Reads and checks at most 2 GiB; `file` gives the kind and stands in errors.
    ///
    /// # Errors
    /// As [`Trace::read`].
    pub fn parse(file: &Path, input: impl Read, columns: &TraceColumns) -> Result<Self, TraceError> {
        let in_file = |(line, message)| TraceError { file: file.to_owned(), line, message };
        let builder = Builder::new(columns).map_err(|message| in_file((None, message)))?;
        let kind = columns.kind.or_else(|| kind_of(file)).ok_or_else(|| {
            in_file((None, "is neither .csv nor .ndjson, say which with kind = \"csv\"".to_owned()))
        })?;
        match kind {
            TraceKind::Csv => csv::read(input, columns, builder),
            TraceKind::Ndjson => ndjson::read(BufReader::new(input), columns, builder),
        }
        .map_err(in_file)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.offsets_ns.len()
    }

    /// Whether there are no records, as in one that was not read.
    pub fn is_empty(&self) -> bool {
        self.offsets_ns.is_empty()
    }

    /// When record `number` happened, from the first one. Records count from 0.
    ///
    /// # Panics
    /// There is no such record.
    pub fn offset(&self, number: usize) -> Duration {
        Duration::from_nanos(self.offsets_ns[number])
    }

    /// How many records there are before a time in seconds from the first one.
    pub fn records_before(&self, time_s: f64) -> usize {
        self.offsets_ns.partition_point(|offset_ns| (*offset_ns as f64) < time_s * 1e9)
    }

    /// From the first record to the last one.
    pub fn span(&self) -> Duration {
        Duration::from_nanos(self.offsets_ns.last().copied().unwrap_or_default())
    }

    /// The mean time from one record to the next; zero for a single one.
    pub fn mean_gap(&self) -> Duration {
        let gaps = self.len().saturating_sub(1).max(1) as u64;
        Duration::from_nanos(self.offsets_ns.last().copied().unwrap_or_default() / gaps)
    }

    /// What was recorded. Records count from 0.
    ///
    /// # Panics
    /// There is no such record.
    pub fn record(&self, number: usize) -> Record<'_> {
        assert!(number < self.len(), "trace has {} records, not one of number {number}", self.len());
        let data = self.data_ends.get(number).map(|end| {
            let begin = number.checked_sub(1).map_or(0, |before| self.data_ends[before]);
            &self.data[begin as usize..*end as usize]
        });
        Record {
            source: self.sources.get(number),
            kind: self.kinds.get(number),
            value: self.values.get(number).copied(),
            data,
            unit: self.unit.as_deref(),
        }
    }
}

impl Names {
    fn get(&self, number: usize) -> Option<&str> {
        self.of_record.get(number).map(|name| &*self.names[*name as usize])
    }
}

fn kind_of(file: &Path) -> Option<TraceKind> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(TraceKind::Csv),
        "ndjson" | "jsonl" => Some(TraceKind::Ndjson),
        _ => None,
    }
}

//! Makes a trace record by record.

use std::collections::HashMap;

use super::time::TimeStyle;
use super::{Names, Trace, TraceColumns};
use crate::content::PAYLOAD_BYTES_MAX;

/// What a trace may take in memory; offsets into its data are of 32 bits.
const TRACE_BYTES_MAX: usize = 1 << 31;
/// A name takes about this in the tables beside its text, which stands in both.
const NAME_BYTES: usize = 96;

/// What is wrong, and in which line.
pub(super) type Fault = (Option<u64>, String);

/// The texts of one record. What the trace has to have is there, or the record is refused.
#[derive(Debug, Default)]
pub(super) struct RawRecord<'a> {
    pub(super) time: &'a str,
    pub(super) value: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) event_type: Option<&'a str>,
    pub(super) data: Option<&'a str>,
}

/// A trace in the making.
#[derive(Debug)]
pub(super) struct Builder {
    trace: Trace,
    style: TimeStyle,
    first_ns: i128,
    bytes: usize,
    sources: HashMap<Box<str>, u32>,
    kinds: HashMap<Box<str>, u32>,
}

impl Builder {
    pub(super) fn new(columns: &TraceColumns) -> Result<Self, String> {
        let style = match (&columns.time_unit, &columns.time_format) {
            (Some(_), Some(_)) => return Err("give either unit-of-time or format, not both".to_owned()),
            (Some(unit), None) => TimeStyle::Number(*unit),
            (None, Some(format)) => TimeStyle::Format(format.clone()),
            (None, None) => TimeStyle::Rfc3339,
        };
        let trace = Trace { unit: columns.unit.clone(), ..Trace::default() };
        Ok(Self { trace, style, first_ns: 0, bytes: 0, sources: HashMap::new(), kinds: HashMap::new() })
    }

    /// Adds a record that comes after all others.
    pub(super) fn push(&mut self, record: &RawRecord<'_>) -> Result<(), String> {
        let time_ns = self.style.parse(record.time)?;
        let trace = &mut self.trace;
        if trace.is_empty() {
            self.first_ns = time_ns;
        }
        let last_ns = trace.offsets_ns.last().copied().unwrap_or_default();
        let offset_ns = time_ns - self.first_ns;
        if offset_ns < i128::from(last_ns) {
            let time = record.time;
            return Err(format!(
                "time {time:?} is before the one of the record above, sort the trace by time"
            ));
        }
        let too_long = |_| "is over 580 years after the first record, check the unit of times".to_owned();
        let offset_ns = u64::try_from(offset_ns).map_err(too_long)?;
        if let Some(text) = record.value {
            let value = text.parse().ok().filter(|value: &f64| value.is_finite());
            trace.values.push(value.ok_or_else(|| {
                format!("value {text:?} is not a number, mend or remove the record, or name another column")
            })?);
            self.bytes += size_of::<f64>();
        }
        if let Some(source) = record.source {
            self.bytes += trace.sources.push(&mut self.sources, source)?;
        }
        if let Some(event_type) = record.event_type {
            self.bytes += trace.kinds.push(&mut self.kinds, event_type)?;
        }
        if let Some(data) = record.data {
            if data.len() > PAYLOAD_BYTES_MAX {
                return Err(format!("data has {} bytes, at most {PAYLOAD_BYTES_MAX} are sent", data.len()));
            }
            trace.data.push_str(data);
            trace.data_ends.push(trace.data.len() as u32);
            self.bytes += data.len() + size_of::<u32>();
        }
        trace.offsets_ns.push(offset_ns);
        self.bytes += size_of::<u64>();
        if self.bytes > TRACE_BYTES_MAX {
            return Err("takes over 2 GiB of memory up to here, split the trace".to_owned());
        }
        Ok(())
    }

    /// The trace, without spare memory.
    pub(super) fn finish(mut self) -> Result<Trace, Fault> {
        if self.trace.is_empty() {
            return Err((None, "has no records, give a trace with at least one".to_owned()));
        }
        self.trace.offsets_ns.shrink_to_fit();
        self.trace.values.shrink_to_fit();
        self.trace.sources.of_record.shrink_to_fit();
        self.trace.kinds.of_record.shrink_to_fit();
        self.trace.data.shrink_to_fit();
        self.trace.data_ends.shrink_to_fit();
        Ok(self.trace)
    }
}

impl Names {
    /// Gives the bytes that it takes.
    fn push(&mut self, numbers: &mut HashMap<Box<str>, u32>, name: &str) -> Result<usize, String> {
        if name.is_empty() {
            return Err("has an empty source or type, fill it in, or do not name that column".to_owned());
        }
        let mut bytes = size_of::<u32>();
        let number = match numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = self.names.len() as u32;
                self.names.push(name.into());
                numbers.insert(name.into(), number);
                bytes += NAME_BYTES + 2 * name.len();
                number
            }
        };
        self.of_record.push(number);
        Ok(bytes)
    }
}

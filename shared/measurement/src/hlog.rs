//! Interval logs of histograms, in the format of HdrHistogram's `HistogramLogWriter`, version 1.3
//! (<https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/HistogramLogWriter.html>): a line for each
//! interval of each phase, with the phase's name as the tag and a compressed V2 histogram.
//!
//! Values are nanoseconds. The column `Interval_Max` is in milliseconds, the ratio (1,000,000) that the tools of
//! HdrHistogram write and show by default.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry, LogIteratorError, Tag};
use hdrhistogram::serialization::{DeserializeError, Deserializer, Serializer as _, V2DeflateSerializer};
use jiff::Timestamp;

use crate::Histogram;
use crate::histogram::NotOurs;

/// Nanoseconds in the unit of `Interval_Max`.
const MAX_VALUE_UNIT_RATIO: f64 = 1e6;

/// Whether a phase can be the tag of a line: not empty, no comma, space or line break.
pub fn is_tag(phase: &str) -> bool {
    !phase.is_empty() && Tag::new(phase).is_some()
}

/// Writes a log, line by line.
#[derive(Debug)]
pub struct IntervalLogWriter<W> {
    writer: W,
    line: String,
    serializer: Serializer,
}

impl<W: io::Write> IntervalLogWriter<W> {
    /// Writes the header. The starts of intervals count from `started_at`.
    ///
    /// # Errors
    /// What `writer` says.
    pub fn new(mut writer: W, started_at: Timestamp) -> io::Result<Self> {
        let (seconds, millis) = (started_at.as_second(), started_at.subsec_millisecond());
        writeln!(writer, "#[Histogram log format version 1.3]")?;
        writeln!(writer, "#[Values are nanoseconds, Interval_Max is in milliseconds]")?;
        writeln!(writer, "#[StartTime: {seconds}.{millis:03} (seconds since epoch), {started_at}]")?;
        writeln!(writer, "#[BaseTime: {seconds}.{millis:03} (seconds since epoch)]")?;
        writeln!(
            writer,
            r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#
        )?;
        Ok(Self { writer, line: String::new(), serializer: Serializer::default() })
    }

    /// Writes what `phase` recorded in the interval that began at `start` and took `length`; both are written in
    /// milliseconds' precision. Intervals should be written in the order of their starts.
    ///
    /// # Errors
    /// What the writer says, or a phase that is not a tag, see [`is_tag`].
    pub fn write(
        &mut self,
        phase: &str,
        start: Duration,
        length: Duration,
        histogram: &Histogram,
    ) -> io::Result<()> {
        if !is_tag(phase) {
            let message = format!("phase {phase:?} cannot be a tag: it is empty, or has a comma or a space");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.serializer.bytes.clear();
        self.serializer
            .v2
            .serialize(histogram.nanoseconds(), &mut self.serializer.bytes)
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.line.clear();
        STANDARD.encode_string(&self.serializer.bytes, &mut self.line);
        let max = histogram.nanoseconds().max() as f64 / MAX_VALUE_UNIT_RATIO;
        let (start_s, length_s) = (start.as_secs_f64(), length.as_secs_f64());
        writeln!(self.writer, "Tag={phase},{start_s:.3},{length_s:.3},{max:.3},{}", self.line)
    }

    /// Gives the writer back, for instance to be flushed.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

#[derive(Default)]
struct Serializer {
    v2: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Serializer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Serializer").finish_non_exhaustive()
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The tag; empty where the line has none.
    pub phase: String,
    /// When the interval began, from the start of the log.
    pub start: Duration,
    /// How long it took.
    pub length: Duration,
    /// What was recorded.
    pub histogram: Histogram,
}

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HlogError {
    /// A line that is none of the format, or cut off.
    #[error("byte {offset} does not begin a line of an interval log, or the line is cut off")]
    Line {
        /// Where it begins.
        offset: usize,
    },
    /// A histogram that is not one.
    #[error("interval of {phase:?} at {start:?} holds no histogram: {reason}")]
    Histogram {
        /// The tag of its line.
        phase: String,
        /// The start in its line.
        start: Duration,
        /// Why not.
        reason: String,
    },
}

/// The intervals of a log, one after the other: a log of hours does not fit into memory as histograms.
pub fn intervals(log: &[u8]) -> impl Iterator<Item = Result<Interval, HlogError>> + '_ {
    let mut deserializer = Deserializer::new();
    IntervalLogIterator::new(log).filter_map(move |entry| match entry {
        Err(LogIteratorError::ParseError { offset }) => Some(Err(HlogError::Line { offset })),
        Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => None,
        Ok(LogEntry::Interval(line)) => {
            let phase = line.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
            let start = line.start_timestamp();
            Some(match decode(&mut deserializer, line.encoded_histogram()) {
                Ok(histogram) => Ok(Interval { phase, start, length: line.duration(), histogram }),
                Err(reason) => Err(HlogError::Histogram { phase, start, reason: reason.to_string() }),
            })
        }
    })
}

/// What each phase recorded, over all its intervals.
///
/// # Errors
/// A line that cannot be read.
pub fn merged(log: &[u8]) -> Result<BTreeMap<String, Histogram>, HlogError> {
    let mut phases: BTreeMap<String, Histogram> = BTreeMap::new();
    for interval in intervals(log) {
        let interval = interval?;
        phases.entry(interval.phase).or_default().merge(&interval.histogram);
    }
    Ok(phases)
}

#[derive(Debug, thiserror::Error)]
enum DecodeError {
    #[error(transparent)]
    Base64(#[from] base64::DecodeError),
    #[error(transparent)]
    Histogram(#[from] DeserializeError),
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
}

fn decode(deserializer: &mut Deserializer, encoded: &str) -> Result<Histogram, DecodeError> {
    let bytes = STANDARD.decode(encoded)?;
    Ok(Histogram::of_nanoseconds(deserializer.deserialize::<u64, _>(&mut bytes.as_slice())?)?)
}

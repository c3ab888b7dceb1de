//! From the bytes of a request to checked lines, by content type.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use events::{Defaults, TraceContext, accept, structured_from_binary};
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::IngestError;

/// How a request carries its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/cloudevents+json`: one event.
    Structured,
    /// `application/cloudevents-batch+json`: an array.
    Batch,
    /// `ce-*` headers and the data as body.
    Binary,
    /// `application/json`: an object or an array, of which some attributes may be left out.
    Lenient,
    /// `application/x-ndjson`: as lenient, one event a line.
    Lines,
}

impl Format {
    /// # Errors
    /// Content types and encodings that are not understood.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, IngestError> {
        let header = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let encoding = header(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        if let Some(encoding) = encoding {
            return Err(IngestError::ContentEncoding(encoding.into_owned()));
        }
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let (essence, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let essence = essence.trim().to_ascii_lowercase();
        let format = match essence.as_str() {
            "application/cloudevents+json" => Self::Structured,
            "application/cloudevents-batch+json" => Self::Batch,
            _ if headers.contains_key("ce-specversion") => return Ok(Self::Binary),
            "application/json" => Self::Lenient,
            "application/x-ndjson" | "application/ndjson" => Self::Lines,
            _ => return Err(IngestError::MediaType(content_type.into_owned())),
        };
        let parameters = parameters.to_ascii_lowercase().replace(['"', ' '], "");
        match parameters.split(';').find_map(|parameter| parameter.strip_prefix("charset=")) {
            None | Some("utf-8" | "utf8") => Ok(format),
            Some(_) => Err(IngestError::MediaType(content_type.into_owned())),
        }
    }

    /// Whether `specversion`, `id` and `time` may be left out.
    pub(crate) fn fills_missing(self) -> bool {
        matches!(self, Self::Lenient | Self::Lines)
    }
}

/// The checked events of one request, by partition.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    /// In the order of the request: id, partition, and index among the lines of the partition.
    pub(crate) events: Vec<(String, u8, usize)>,
    /// The lines of each partition that has any.
    pub(crate) lines: Vec<(u8, Lines)>,
}

/// Lines of JSON in one buffer, without line breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) text: String,
    /// Where each line ends in `text`.
    pub(crate) ends: Vec<usize>,
    /// The contexts of sampled events that do not belong to the request's own trace.
    pub(crate) sampled: Vec<TraceContext>,
}

impl Lines {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// Reads, checks and sorts the events of a body. All or none: the first fault refuses the request. `trace_id` is the
/// request's.
///
/// # Errors
/// The first fault, with the index of the event.
pub(crate) fn read(
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
    defaults: &Defaults<'_>,
    event_bytes_max: usize,
    trace_id: u128,
) -> Result<Accepted, IngestError> {
    let mut reading =
        Reading { accepted: Accepted::default(), line: String::new(), defaults, event_bytes_max, trace_id };
    if format == Format::Binary {
        let error = |error| IngestError::Event { index: 0, error };
        let json =
            structured_from_binary(binary_attributes(headers), content_type(headers), body).map_err(error)?;
        reading.take(&json)?;
        return Ok(reading.accepted);
    }
    let text = std::str::from_utf8(body).map_err(|error| IngestError::Body(format!("UTF-8: {error}")))?;
    match format {
        Format::Lines => {
            text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| reading.take(line))?
        }
        Format::Lenient if !text.trim_start().starts_with('[') => reading.take(text)?,
        Format::Structured => reading.take(text)?,
        _ => elements(text)?.into_iter().try_for_each(|element| reading.take(element.get()))?,
    }
    if reading.accepted.events.is_empty() { Err(IngestError::Empty) } else { Ok(reading.accepted) }
}

struct Reading<'a> {
    accepted: Accepted,
    /// The line being made, whose partition is known only when it is done.
    line: String,
    defaults: &'a Defaults<'a>,
    event_bytes_max: usize,
    /// The trace of the request.
    trace_id: u128,
}

impl Reading<'_> {
    fn take(&mut self, json: &str) -> Result<(), IngestError> {
        let index = self.accepted.events.len();
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let event =
            accept(json, self.defaults, &mut line).map_err(|error| IngestError::Event { index, error })?;
        if line.len() > self.event_bytes_max {
            return Err(IngestError::EventTooLarge { index, bytes: line.len(), max: self.event_bytes_max });
        }
        let lines = self.accepted.lines_of(event.partition);
        lines.text.push_str(&line);
        lines.ends.push(lines.text.len());
        if let Some(context) = event.sampled
            && context.trace_id != self.trace_id
            && lines.sampled.last() != Some(&context)
        {
            lines.sampled.push(context);
        }
        let index_in_partition = lines.ends.len() - 1;
        self.line = line;
        self.accepted.events.push((event.id, event.partition, index_in_partition));
        Ok(())
    }
}

impl Accepted {
    fn lines_of(&mut self, partition: u8) -> &mut Lines {
        let found = self.lines.iter().position(|(known, _)| *known == partition);
        let at = found.unwrap_or_else(|| {
            self.lines.push((partition, Lines::default()));
            self.lines.len() - 1
        });
        &mut self.lines[at].1
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn binary_attributes(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix("ce-")?, value.as_bytes())))
}

/// The elements of a JSON array. Read one by one, so that a syntax error has an index.
fn elements(text: &str) -> Result<Vec<&RawValue>, IngestError> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_seq(Elements(&mut found)).and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(found),
        Err(_) if !text.trim_start().starts_with('[') => {
            Err(IngestError::Body("a JSON array of events".to_owned()))
        }
        Err(error) => Err(IngestError::Element { index: found.len(), message: error.to_string() }),
    }
}

struct Elements<'v, 'a>(&'v mut Vec<&'a RawValue>);

impl<'a> Visitor<'a> for Elements<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        while let Some(element) = seq.next_element()? {
            self.0.push(element);
        }
        Ok(())
    }
}

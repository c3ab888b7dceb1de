//! Writes the requests of a plan as the bytes that go over the wire, head and body in one piece.
//! A request depends on the plan, the content of its arrival and the start of the run alone: it can be made ahead or
//! late, here or on another machine, and again. Readings of the machine are the exception.

mod malformed;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use events::{TraceContext, rfc3339_from_unix_us};
use memchr::memmem;
use observability::trace;
use service::config::ConfigError;

use crate::arrival::{Arrival, Kind};
use crate::content::{CONTEXT_BYTES, CONTEXT_MEMBER, EventWriter, Place, has_host_values, push_context};
use crate::host::HostReadings;
use crate::plan::{ContentType, Load, Plan};
use crate::random::{CONTEXTS, FAULTS, REQUESTS, stream};
use crate::target::Target;
use crate::trace::Trace;

use self::malformed::Malformation;

/// Digits of the content length, which is written once the body is; blanks before a header's value are allowed.
const LENGTH_DIGITS: usize = 10;

/// What stands before the context in the head.
const CONTEXT_HEADER: &str = "\r\ntraceparent: ";

/// Between the head and the body.
const HEAD_END: &str = "\r\n\r\n";

/// Makes requests. Clones make the same ones.
#[derive(Debug, Clone)]
pub struct RequestWriter {
    seed: u64,
    content_type: ContentType,
    /// Whether requests tell the receiver that they are not sampled, which is decided by the one who traces.
    has_context: bool,
    start_unix_us: i64,
    /// Everything up to the value of the content length.
    head: Vec<u8>,
    events: EventWriter,
    /// What each phase replays.
    traces: Vec<Option<Arc<Trace>>>,
}

impl RequestWriter {
    /// A writer for `plan`, whose run starts at `start_unix_us` (unix microseconds). Where events are readings of this
    /// machine, they are those below `/`, under the name of the host.
    ///
    /// # Errors
    /// A distribution of the plan has parameters that it cannot have, or the machine has no readings.
    pub fn new(plan: &Plan, target: &Target, start_unix_us: i64) -> Result<Self, ConfigError> {
        let start_host = || {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            HostReadings::start(Path::new("/"), name.trim())
        };
        let host = has_host_values(plan).then(start_host).transpose()?;
        Self::with_host(plan, target, start_unix_us, host)
    }

    /// As [`RequestWriter::new`], with the given readings of the machine.
    ///
    /// # Errors
    /// A distribution of the plan has parameters that it cannot have, or it asks for readings and there is no `host`.
    pub fn with_host(
        plan: &Plan,
        target: &Target,
        start_unix_us: i64,
        host: Option<Arc<HostReadings>>,
    ) -> Result<Self, ConfigError> {
        let trace = |load: &Load| match load {
            Load::Replay(replay) if !replay.trace.is_empty() => Some(Arc::clone(&replay.trace)),
            _ => None,
        };
        Ok(Self {
            seed: plan.seed,
            content_type: plan.content_type,
            has_context: trace::is_enabled(),
            start_unix_us,
            head: target.request_head(plan.content_type.media_type()),
            events: EventWriter::new(plan, host)?,
            traces: plan.phases.iter().map(|phase| trace(&phase.load)).collect(),
        })
    }

    /// The same for a run that starts at another moment.
    pub fn starting_at(self, start_unix_us: i64) -> Self {
        Self { start_unix_us, ..self }
    }

    /// The request of `arrival`.
    pub fn make(&self, arrival: &Arrival) -> Vec<u8> {
        let mut request = Vec::new();
        self.write(arrival, &mut request);
        request
    }

    /// Appends the request of `arrival`.
    pub fn write(&self, arrival: &Arrival, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.head);
        let length_at = buffer.len();
        buffer.extend_from_slice(&[b' '; LENGTH_DIGITS]);
        if self.has_context {
            buffer.extend_from_slice(CONTEXT_HEADER.as_bytes());
            let mut random = stream(self.seed, CONTEXTS, arrival.content.index);
            push_context(buffer, self.events.context(&mut random));
        }
        buffer.extend_from_slice(HEAD_END.as_bytes());
        let body_at = buffer.len();
        self.write_body(arrival, buffer);
        let mut length = buffer.len() - body_at;
        let mut digit_at = length_at + LENGTH_DIGITS;
        while length > 0 {
            digit_at -= 1;
            buffer[digit_at] = b'0' + (length % 10) as u8;
            length /= 10;
        }
    }

    fn write_body(&self, arrival: &Arrival, buffer: &mut Vec<u8>) {
        let content = &arrival.content;
        let mut random = stream(self.seed, REQUESTS, content.index);
        let malformation = (arrival.kind == Kind::Malformed)
            .then(|| Malformation::draw(content.events, &mut stream(self.seed, FAULTS, content.index)));
        let time = rfc3339_from_unix_us(self.start_unix_us + content.offset.as_micros() as i64);
        let trace = self.traces.get(usize::from(arrival.phase)).and_then(Option::as_ref);
        let (open, separator, close): (&[u8], &[u8], &[u8]) = match self.content_type {
            ContentType::Structured => (b"", b"", b""),
            ContentType::Batch => (b"[", b",", b"]"),
            ContentType::Ndjson => (b"", b"\n", b"\n"),
        };
        buffer.extend_from_slice(open);
        for event in 0..u64::from(content.events) {
            if event > 0 {
                buffer.extend_from_slice(separator);
            }
            let event_at = buffer.len();
            let place = Place {
                sequence: content.first + event,
                offset: content.offset,
                time: &time,
                record: trace.map(|trace| trace.record((content.record + event) as usize % trace.len())),
            };
            self.events.write(&place, &mut random, buffer);
            if let Some(malformation) = malformation.filter(|malformation| malformation.event == event) {
                malformation.apply(event_at, buffer);
            }
        }
        buffer.extend_from_slice(close);
    }
}

/// Puts a request into a trace: its header, where it has one, and all its events.
pub fn set_context(request: &mut [u8], context: TraceContext) {
    let mut text = Vec::with_capacity(CONTEXT_BYTES);
    push_context(&mut text, context);
    let Some(body_at) = memmem::find(request, HEAD_END.as_bytes()) else { return };
    let header = memmem::find(&request[..body_at], CONTEXT_HEADER.as_bytes());
    let mut next = header.map(|at| at + CONTEXT_HEADER.len());
    let member = memmem::Finder::new(CONTEXT_MEMBER);
    let mut from = body_at;
    loop {
        if let Some(place) = next.and_then(|at| request.get_mut(at..at + CONTEXT_BYTES)) {
            place.copy_from_slice(&text);
        }
        let Some(found) = member.find(&request[from..]) else { return };
        from += found + CONTEXT_MEMBER.len();
        next = Some(from);
    }
}

#[cfg(test)]
mod tests;

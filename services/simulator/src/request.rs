//! Writes the requests of a plan as the bytes that go over the wire, head and body in one piece.
//! A request depends on the plan, its arrival and the start of the run alone: it can be made ahead or late.

use events::{TraceContext, rfc3339_from_unix_us};
use observability::trace;
use rand::Rng as _;
use rand_distr::{Distribution as _, LogNormal, Zipf};
use service::config::ConfigError;

use crate::plan::{ContentType, Plan};
use crate::random::{CONTEXTS, PADDING, REQUESTS, Stream, seed_of, stream};
use crate::schedule::Arrival;
use crate::target::Target;
use crate::text::{push_decimal, push_decimal_padded, push_hexadecimal};

/// Largest data of an event: what a lognormal size is cut at.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Size of the data of an event without padding.
pub const PAYLOAD_BYTES_MIN: usize = r#"{"value":12.345,"unit":"celsius","pad":""}"#.len();

/// Digits of the content length, which is written once the body is; blanks before a header's value are allowed.
const LENGTH_DIGITS: usize = 10;

/// Of a `traceparent`.
const CONTEXT_BYTES: usize = 55;

/// What stands before it in the head and in an event.
const CONTEXT_HEADER: &str = "\r\ntraceparent: ";
const CONTEXT_MEMBER: &str = r#"","traceparent":""#;

/// Room for the head of a request, and for an event beside its run id and its data.
const HEAD_BYTES: usize = 512;
const EVENT_BYTES: usize = 320;

/// Makes requests. Clones make the same ones.
#[derive(Debug, Clone)]
pub struct RequestWriter {
    seed: u64,
    run_seed: u64,
    batch_events: u64,
    content_type: ContentType,
    /// Whether requests tell the receiver that they are not sampled, which is decided by the one who traces.
    has_context: bool,
    start_unix_us: i64,
    /// Everything up to the value of the content length.
    head: Vec<u8>,
    /// Everything of an event up to its number within its id.
    event_start: String,
    sources: Zipf<f64>,
    payload: Payload,
    /// About the size of a request.
    request_bytes: usize,
    /// Seeded text that events are padded with, from varying places so that they do not compress to nothing.
    padding: Vec<u8>,
}

/// The distribution of the sizes of an event's data.
#[derive(Debug, Clone)]
enum Payload {
    Constant(usize),
    LogNormal(LogNormal<f64>),
}

impl RequestWriter {
    /// A writer for `plan`, whose run starts at `start_unix_us` (unix microseconds).
    ///
    /// # Errors
    /// A distribution of the plan has parameters that it cannot have.
    pub fn new(plan: &Plan, target: &Target, start_unix_us: i64) -> Result<Self, ConfigError> {
        let sources =
            Zipf::new(plan.sources as f64, plan.zipf).map_err(|error| ConfigError::new("ZIPF", error))?;
        let payload = if plan.payload_sigma > 0.0 {
            let median_ln = (plan.payload_bytes as f64).ln();
            Payload::LogNormal(
                LogNormal::new(median_ln, plan.payload_sigma)
                    .map_err(|error| ConfigError::new("PAYLOAD_SIGMA", error))?,
            )
        } else {
            Payload::Constant(plan.payload_bytes)
        };
        let run_id = &plan.run_id;
        let event_bytes = EVENT_BYTES + 2 * run_id.len() + plan.payload_bytes;
        Ok(Self {
            request_bytes: HEAD_BYTES + event_bytes * plan.batch_events as usize,
            seed: plan.seed,
            run_seed: seed_of(run_id),
            batch_events: plan.batch_events,
            content_type: plan.content_type,
            has_context: trace::is_enabled(),
            start_unix_us,
            head: target.request_head(plan.content_type.media_type()),
            event_start: format!(
                r#"{{"specversion":"1.0","type":"testbed.reading","datacontenttype":"application/json","runid":"{run_id}","id":"{run_id}-"#
            ),
            sources,
            payload,
            padding: padding(plan.seed),
        })
    }

    /// The request of `arrival`.
    pub fn make(&self, arrival: Arrival) -> Vec<u8> {
        let mut request = Vec::with_capacity(self.request_bytes);
        self.write(arrival, &mut request);
        request
    }

    fn write(&self, arrival: Arrival, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.head);
        let length_at = buffer.len();
        buffer.extend_from_slice(&[b' '; LENGTH_DIGITS]);
        if self.has_context {
            self.write_context(arrival, buffer);
        }
        buffer.extend_from_slice(b"\r\n\r\n");
        let body_at = buffer.len();
        self.write_body(arrival, buffer);
        let length = (buffer.len() - body_at).to_string();
        buffer[length_at + LENGTH_DIGITS - length.len()..length_at + LENGTH_DIGITS]
            .copy_from_slice(length.as_bytes());
    }

    /// A header with a context that is not sampled and not that of an event.
    fn write_context(&self, arrival: Arrival, buffer: &mut Vec<u8>) {
        let mut random = stream(self.seed, CONTEXTS, arrival.index);
        let context = TraceContext {
            trace_id: self.trace_id(&mut random),
            span_id: random.next_u64() | 1,
            sampled: false,
        };
        buffer.extend_from_slice(CONTEXT_HEADER.as_bytes());
        push_context(buffer, context);
    }

    fn write_body(&self, arrival: Arrival, buffer: &mut Vec<u8>) {
        let mut random = stream(self.seed, REQUESTS, arrival.index);
        let time = rfc3339_from_unix_us(self.start_unix_us + arrival.offset.as_micros() as i64);
        let first = arrival.index * self.batch_events;
        let (open, separator, close): (&[u8], &[u8], &[u8]) = match self.content_type {
            ContentType::Structured => (b"", b"", b""),
            ContentType::Batch => (b"[", b",", b"]"),
            ContentType::Ndjson => (b"", b"\n", b"\n"),
        };
        buffer.extend_from_slice(open);
        for sequence in first..first + self.batch_events {
            if sequence > first {
                buffer.extend_from_slice(separator);
            }
            self.write_event(sequence, &time, &mut random, buffer);
        }
        buffer.extend_from_slice(close);
    }

    /// `sequence` is written as a string, as the CloudEvents extension of that name defines it: an integer
    /// attribute would end at 2^31.
    fn write_event(&self, sequence: u64, time: &str, random: &mut Stream, buffer: &mut Vec<u8>) {
        let source = self.sources.sample(random) as u64;
        // From 10.000 to 99.999, so that every reading has the same length.
        let reading_thousandths = 10_000 + random.next_u64() % 90_000;
        let trace_id = self.trace_id(random);
        let span_id = random.next_u64() | 1;
        let padding = self.padding(random);

        buffer.extend_from_slice(self.event_start.as_bytes());
        push_decimal(buffer, sequence);
        buffer.extend_from_slice(br#"","sequence":""#);
        push_decimal(buffer, sequence);
        buffer.extend_from_slice(br#"","source":"/sensors/"#);
        push_decimal_padded(buffer, source, 4);
        buffer.extend_from_slice(br#"","time":""#);
        buffer.extend_from_slice(time.as_bytes());
        buffer.extend_from_slice(CONTEXT_MEMBER.as_bytes());
        push_context(buffer, TraceContext { trace_id, span_id, sampled: false });
        buffer.extend_from_slice(br#"","data":{"value":"#);
        push_decimal(buffer, reading_thousandths / 1000);
        buffer.push(b'.');
        push_decimal_padded(buffer, reading_thousandths % 1000, 3);
        buffer.extend_from_slice(br#","unit":"celsius","pad":""#);
        buffer.extend_from_slice(padding);
        buffer.extend_from_slice(br#""}}"#);
    }

    /// Two runs of one seed have different traces. Neither half of an id may be zero.
    fn trace_id(&self, random: &mut Stream) -> u128 {
        u128::from(random.next_u64() ^ self.run_seed) << 64 | u128::from(random.next_u64() | 1)
    }

    fn padding(&self, random: &mut Stream) -> &[u8] {
        let bytes = match &self.payload {
            Payload::Constant(bytes) => *bytes,
            Payload::LogNormal(sizes) => sizes.sample(random).round() as usize,
        };
        let length = bytes.clamp(PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX) - PAYLOAD_BYTES_MIN;
        let from = (random.next_u64() % PAYLOAD_BYTES_MAX as u64) as usize;
        &self.padding[from..from + length]
    }
}

/// Puts a request into a trace: its header and all its events. Whatever else stands in a request has neither quotes
/// nor line breaks.
pub(crate) fn set_context(request: &mut [u8], context: TraceContext) {
    let mut text = Vec::with_capacity(CONTEXT_BYTES);
    push_context(&mut text, context);
    let Ok(read) = std::str::from_utf8(request) else { return };
    let behind = |(at, name): (usize, &str)| at + name.len();
    let header = read.match_indices(CONTEXT_HEADER).take(1).map(behind);
    let places: Vec<_> = header.chain(read.match_indices(CONTEXT_MEMBER).map(behind)).collect();
    for at in places {
        request[at..at + CONTEXT_BYTES].copy_from_slice(&text);
    }
}

fn push_context(buffer: &mut Vec<u8>, context: TraceContext) {
    buffer.extend_from_slice(b"00-");
    push_hexadecimal(buffer, context.trace_id, 32);
    buffer.push(b'-');
    push_hexadecimal(buffer, u128::from(context.span_id), 16);
    buffer.extend_from_slice(if context.sampled { b"-01" } else { b"-00" });
}

/// Twice the largest payload, so that every piece can begin anywhere in the first half.
fn padding(seed: u64) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut random = stream(seed, PADDING, 0);
    (0..2 * PAYLOAD_BYTES_MAX).map(|_| LETTERS[(random.next_u64() >> 58) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;
    use crate::config::Args;

    fn writer(flags: &[&str]) -> RequestWriter {
        let config = Args::try_parse_from([&["simulator"], flags].concat()).unwrap().convert().unwrap();
        RequestWriter::new(&config.plan, &config.target, 0).unwrap()
    }

    #[test]
    fn sampled_request_has_one_context_in_its_head_and_in_all_its_events() {
        let run_id = "traceparent-00";
        let mut writer = writer(&["--batch", "3", "--run-id", run_id]);
        writer.has_context = true;
        let arrival = Arrival { index: 1, offset: Duration::ZERO };
        let unsampled = writer.make(arrival);
        let mut sampled = unsampled.clone();
        let context = TraceContext { trace_id: 0xabc, span_id: 0xdef, sampled: true };
        set_context(&mut sampled, context);
        assert_eq!(sampled.len(), unsampled.len());
        let text = String::from_utf8(sampled).unwrap();
        assert_eq!(text.matches(&context.to_string()).count(), 4, "{text}");
        assert_eq!(text.matches(run_id).count(), 6, "{text}");
        assert!(text.contains(&format!("\r\ntraceparent: {context}\r\n\r\n[")), "{text}");
        let text = String::from_utf8(unsampled).unwrap();
        assert_eq!(text.matches("-00\"").count() + text.matches("-00\r").count(), 4 + 3, "{text}");
    }

    #[test]
    fn without_telemetry_requests_have_no_context_of_their_own() {
        let request = writer(&[]).make(Arrival { index: 0, offset: Duration::ZERO });
        assert!(!String::from_utf8(request).unwrap().contains(CONTEXT_HEADER));
    }
}

//! Writes the requests of a plan as the bytes that go over the wire, head and body in one piece.
//! A request depends on the plan, its arrival and the start of the run alone: it can be made ahead or late.

use events::rfc3339_from_unix_us;
use rand::Rng as _;
use rand_distr::{Distribution as _, LogNormal, Zipf};
use service::config::ConfigError;

use crate::plan::{ContentType, Plan};
use crate::random::{PADDING, REQUESTS, Stream, seed_of, stream};
use crate::schedule::Arrival;
use crate::target::Target;
use crate::text::{push_decimal, push_decimal_padded, push_hexadecimal};

/// Largest data of an event: what a lognormal size is cut at.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Size of the data of an event without padding.
pub const PAYLOAD_BYTES_MIN: usize = r#"{"value":12.345,"unit":"celsius","pad":""}"#.len();

/// Digits of the content length, which is written once the body is; blanks before a header's value are allowed.
const LENGTH_DIGITS: usize = 10;

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
    sampled: bool,
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
            sampled: plan.sampled,
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
        buffer.extend_from_slice(b"\r\n\r\n");
        let body_at = buffer.len();
        self.write_body(arrival, buffer);
        let length = (buffer.len() - body_at).to_string();
        buffer[length_at + LENGTH_DIGITS - length.len()..length_at + LENGTH_DIGITS]
            .copy_from_slice(length.as_bytes());
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
        buffer.extend_from_slice(br#"","traceparent":"00-"#);
        push_hexadecimal(buffer, trace_id, 32);
        buffer.push(b'-');
        push_hexadecimal(buffer, u128::from(span_id), 16);
        buffer.extend_from_slice(if self.sampled { b"-01" } else { b"-00" });
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

/// Twice the largest payload, so that every piece can begin anywhere in the first half.
fn padding(seed: u64) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut random = stream(seed, PADDING, 0);
    (0..2 * PAYLOAD_BYTES_MAX).map(|_| LETTERS[(random.next_u64() >> 58) as usize]).collect()
}

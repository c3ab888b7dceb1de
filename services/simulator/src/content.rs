//! What the events of a run are: who sends, what type, which value, how much. An event is made from its place in the
//! run alone; nothing is remembered from one to the next.

mod noise;
mod payload;
mod process;
mod sources;
mod value;

use std::sync::Arc;
use std::time::Duration;

use events::TraceContext;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rand::Rng as _;
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;
use service::config::ConfigError;

use self::payload::{END, PAD, Payload, VALUE};
use self::process::Sensor;
use self::sources::Sources;
use self::value::Value;
use crate::host::HostReadings;
use crate::plan::{Plan, TypePlan, Values};
use crate::random::{SOURCES, Stream, number, seed_of};
use crate::text::{push_decimal, push_decimal_padded, push_hexadecimal, push_json};
use crate::trace::Record;

pub use self::payload::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MIN};
pub(crate) use self::value::Scale;

/// How an event begins, up to its trace context.
pub(crate) const CONTEXT_MEMBER: &str = r#"{"specversion":"1.0","traceparent":""#;

/// Of a `traceparent`.
pub(crate) const CONTEXT_BYTES: usize = 55;

/// What stands in no URI reference (RFC 3986, section 2). A percent sign is taken for an escape.
const NO_REFERENCE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Writes the events of a plan. Clones write the same ones.
#[derive(Debug, Clone)]
pub(crate) struct EventWriter {
    seed: u64,
    run_seed: u64,
    /// From behind the text of the source to the number within the id.
    run: String,
    types: Types,
    sources: Sources,
    payload: Payload,
    host: Option<Arc<HostReadings>>,
}

/// An event of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) sequence: u64,
    /// From the start of the run.
    pub(crate) offset: Duration,
    /// The same as RFC 3339.
    pub(crate) time: &'a str,
    /// What was recorded then. What it leaves open is drawn as for any event.
    pub(crate) record: Option<Record<'a>>,
}

/// A choice of types with their weights.
#[derive(Debug, Clone)]
struct Types {
    all: Vec<Type>,
    choice: WeightedAliasIndex<f64>,
}

#[derive(Debug, Clone)]
struct Type {
    /// As JSON.
    name: Vec<u8>,
    values: Values,
}

impl EventWriter {
    /// # Errors
    /// A distribution has parameters that it cannot have, or a type has readings of the machine and there is no `host`.
    pub(crate) fn new(plan: &Plan, host: Option<Arc<HostReadings>>) -> Result<Self, ConfigError> {
        let run_id = &plan.run_id;
        if host.is_none() && has_host_values(plan) {
            return Err(ConfigError::new("VALUES", "there are no readings of this machine"));
        }
        Ok(Self {
            seed: plan.seed,
            run_seed: seed_of(run_id),
            run: format!(r#"","datacontenttype":"application/json","runid":"{run_id}","id":"{run_id}-"#),
            types: Types::new(&plan.events.types)?,
            sources: Sources::new(&plan.events.sources)?,
            payload: Payload::new(&plan.events.payload, plan.seed)?,
            host,
        })
    }

    /// Appends the event at a place, with the draws of `random`.
    ///
    /// `sequence` is written as a string, as the CloudEvents extension of that name defines it: an integer attribute
    /// would end at 2^31.
    pub(crate) fn write(&self, place: &Place<'_>, random: &mut Stream, buffer: &mut Vec<u8>) {
        let kind = self.types.draw(random);
        let source = self.sources.draw(place.offset, random);
        let reading = self.host.as_ref().filter(|_| kind.values == Values::Host).map(|host| host.next());
        let record = place.record.unwrap_or_default();

        buffer.extend_from_slice(CONTEXT_MEMBER.as_bytes());
        push_context(buffer, self.context(random));
        buffer.extend_from_slice(br#"","type":"#);
        match (record.kind.filter(|kind| !kind.is_empty()), &reading) {
            (Some(kind), _) => push_json(buffer, kind),
            (None, Some(reading)) => push_json(buffer, reading.kind),
            (None, None) => buffer.extend_from_slice(&kind.name),
        }
        buffer.extend_from_slice(br#","source":""#);
        match (record.source.filter(|source| !source.is_empty()), &reading) {
            (Some(source), _) => push_reference(buffer, source),
            (None, Some(reading)) => push_reference(buffer, &reading.source),
            (None, None) => {
                buffer.extend_from_slice(b"/sensors/");
                push_decimal_padded(buffer, source, 4);
            }
        }
        buffer.extend_from_slice(self.run.as_bytes());
        push_decimal(buffer, place.sequence);
        buffer.extend_from_slice(br#"","sequence":""#);
        push_decimal(buffer, place.sequence);
        buffer.extend_from_slice(br#"","time":""#);
        buffer.extend_from_slice(place.time.as_bytes());
        buffer.extend_from_slice(br#"","data":"#);
        match (record, &reading) {
            (Record { data: Some(data), .. }, _) => buffer.extend_from_slice(data.as_bytes()),
            (Record { value: Some(value), unit, .. }, _) => {
                self.write_data(Value::Recorded(value, unit), random, buffer);
            }
            (_, Some(reading)) => {
                self.write_data(Value::Measured(reading.scale, reading.value), random, buffer);
            }
            (_, None) => {
                let sensor = Sensor(number(self.seed, SOURCES, source));
                let value = sensor.read(kind.values, place.offset.as_secs_f64(), random);
                self.write_data(value, random, buffer);
            }
        }
        buffer.push(b'}');
    }

    /// The data of an event, as large as the payload is to be or, where value and unit leave no room, larger.
    fn write_data(&self, value: Value<'_>, random: &mut Stream, buffer: &mut Vec<u8>) {
        let end = buffer.len() + self.payload.draw(random) - END.len();
        buffer.extend_from_slice(VALUE.as_bytes());
        value.push(buffer);
        buffer.extend_from_slice(PAD.as_bytes());
        buffer.extend_from_slice(self.payload.padding(end.saturating_sub(buffer.len()), random));
        buffer.extend_from_slice(END.as_bytes());
    }

    /// Not sampled. Two runs of one seed have different traces; no part may be zero.
    pub(crate) fn context(&self, random: &mut Stream) -> TraceContext {
        let trace_id =
            u128::from(random.next_u64() ^ self.run_seed) << 64 | u128::from(random.next_u64() | 1);
        TraceContext { trace_id, span_id: random.next_u64() | 1, sampled: false }
    }
}

/// Whether events of a plan are readings of the machine that sends them.
pub(crate) fn has_host_values(plan: &Plan) -> bool {
    plan.events.types.iter().any(|kind| kind.values == Values::Host)
}

/// Appends a `traceparent` of [`CONTEXT_BYTES`].
pub(crate) fn push_context(buffer: &mut Vec<u8>, context: TraceContext) {
    buffer.extend_from_slice(b"00-");
    push_hexadecimal(buffer, (context.trace_id >> 64) as u64);
    push_hexadecimal(buffer, context.trace_id as u64);
    buffer.push(b'-');
    push_hexadecimal(buffer, context.span_id);
    buffer.extend_from_slice(if context.sampled { b"-01" } else { b"-00" });
}

/// Appends text as a URI reference, which needs no escapes in JSON.
fn push_reference(buffer: &mut Vec<u8>, text: &str) {
    for part in utf8_percent_encode(text, NO_REFERENCE) {
        buffer.extend_from_slice(part.as_bytes());
    }
}

impl Types {
    fn new(plans: &[TypePlan]) -> Result<Self, ConfigError> {
        let weights = plans.iter().map(|plan| plan.weight).collect();
        let choice = WeightedAliasIndex::new(weights)
            .map_err(|error| ConfigError::new("WORKLOAD", format!("weights of types: {error}")))?;
        let kind = |plan: &TypePlan| {
            let mut name = Vec::new();
            push_json(&mut name, &plan.name);
            Type { name, values: plan.values }
        };
        Ok(Self { all: plans.iter().map(kind).collect(), choice })
    }

    fn draw(&self, random: &mut Stream) -> &Type {
        match self.all.as_slice() {
            [only] => only,
            all => &all[self.choice.sample(random)],
        }
    }
}

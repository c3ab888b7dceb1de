//! What is needed of OTLP's messages for spans. Field numbers from
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto>.

use std::collections::BTreeMap;

use super::{ReceivedLink, ReceivedSpan};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Link {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    String(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
}

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

const STATUS_ERROR: i32 = 2;

impl Request {
    pub(super) fn spans(self) -> Vec<ReceivedSpan> {
        let of_resource = |one: ResourceSpans| {
            let resource = texts(one.resource.unwrap_or_default().attributes);
            let spans = one.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(|span| span.received(&resource)).collect::<Vec<_>>()
        };
        self.resource_spans.into_iter().flat_map(of_resource).collect()
    }
}

impl Span {
    fn received(self, resource: &BTreeMap<String, String>) -> ReceivedSpan {
        let link = |link: Link| ReceivedLink {
            trace_id: number(&link.trace_id),
            span_id: number(&link.span_id) as u64,
            attributes: texts(link.attributes),
        };
        ReceivedSpan {
            trace_id: number(&self.trace_id),
            span_id: number(&self.span_id) as u64,
            parent_id: number(&self.parent_span_id) as u64,
            name: self.name,
            kind: KINDS[usize::try_from(self.kind).expect("a kind")],
            start_ns: self.start_time_unix_nano,
            end_ns: self.end_time_unix_nano,
            attributes: texts(self.attributes),
            links: self.links.into_iter().map(link).collect(),
            is_error: self.status.is_some_and(|status| status.code == STATUS_ERROR),
            resource: resource.clone(),
        }
    }
}

fn number(big_endian: &[u8]) -> u128 {
    big_endian.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|any| any.value) {
        Some(Value::String(text)) => text,
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Double(number)) => number.to_string(),
        None => String::new(),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

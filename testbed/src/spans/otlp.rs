//! One line of a file exporter: an export request with spans.

use super::{Kind, Link, Span};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[serde(default)]
    resource: Resource,
    #[serde(default)]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Default, Deserialize)]
struct Resource {
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct ScopeSpans {
    #[serde(default)]
    spans: Vec<OtlpSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtlpSpan {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    name: String,
    #[serde(default)]
    kind: u8,
    #[serde(default)]
    start_time_unix_nano: Value,
    #[serde(default)]
    end_time_unix_nano: Value,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    links: Vec<OtlpLink>,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtlpLink {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u8,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Value,
}

/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u8 = 2;

/// The spans of a line.
///
/// # Errors
/// A line that is no export request.
pub(super) fn spans(line: &str) -> serde_json::Result<Vec<Span>> {
    let request: Request = serde_json::from_str(line)?;
    let mut spans = Vec::new();
    for one in request.resource_spans {
        let resource = texts(one.resource.attributes);
        let all = one.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(all.map(|span| span.convert(&resource)));
    }
    Ok(spans)
}

impl OtlpSpan {
    fn convert(self, resource: &BTreeMap<String, String>) -> Span {
        let link = |link: OtlpLink| Link {
            trace_id: link.trace_id,
            span_id: link.span_id,
            attributes: texts(link.attributes),
        };
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: Some(self.parent_span_id).filter(|id| !id.is_empty()),
            name: self.name,
            kind: match self.kind {
                2 => Kind::Server,
                3 => Kind::Client,
                4 => Kind::Producer,
                5 => Kind::Consumer,
                _ => Kind::Internal,
            },
            start_ns: number(&self.start_time_unix_nano),
            end_ns: number(&self.end_time_unix_nano),
            attributes: texts(self.attributes),
            links: self.links.into_iter().map(link).collect(),
            is_error: self.status.code == STATUS_ERROR,
            resource: resource.clone(),
        }
    }
}

/// 64-bit numbers are text in this encoding.
fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64()).unwrap_or(0)
}

fn texts(attributes: Vec<Attribute>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(&attribute.value))).collect()
}

/// The one member of an `AnyValue`.
fn text(value: &Value) -> String {
    let inner = value.as_object().and_then(|members| members.values().next()).unwrap_or(value);
    inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_attributes_of_their_resource() {
        let line = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"host.arch","value":{"stringValue":"arm64"}}]},
            "scopeSpans":[{"scope":{},"spans":[{"traceId":"aa","spanId":"b1","parentSpanId":"","name":"send events","kind":4,
            "startTimeUnixNano":"5","endTimeUnixNano":"9","attributes":[{"key":"n","value":{"intValue":"3"}}],
            "links":[{"traceId":"cc","spanId":"d1"}],"status":{"code":2}}]}]}]}"#;
        let spans = spans(line).unwrap();
        let span = &spans[0];
        assert_eq!((span.kind, span.duration_ns(), span.is_error), (Kind::Producer, 4, true));
        assert_eq!((span.resource("host.arch"), span.attribute("n")), ("arm64", Some("3")));
        assert_eq!((span.parent_id.as_deref(), span.links_to("cc")), (None, true));
    }
}

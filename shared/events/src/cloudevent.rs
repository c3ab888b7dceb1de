//! A borrowed view of one CloudEvent in JSON, checked against
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md> and its JSON format.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::EventError;
use crate::scalar::{Scalar, Text};
use crate::time::is_rfc3339;
use crate::trace_context::TraceContext;

/// Longest `runid`, in bytes: run ids become file names and interned strings.
const RUN_ID_BYTES_MAX: usize = 128;

/// One CloudEvent, borrowing from the line it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    pub id: Cow<'a, str>,
    pub source: Cow<'a, str>,
    /// The attribute `type`.
    pub kind: Cow<'a, str>,
    /// RFC 3339.
    pub time: Option<Cow<'a, str>>,
    /// The experiment run, from the extension `runid`.
    pub runid: Option<Cow<'a, str>>,
    /// The sender's count within the run, from the extension `sequence`; only read where there is a `runid`.
    pub sequence: Option<u64>,
    /// The extension `traceparent`.
    pub traceparent: Option<Cow<'a, str>>,
    /// The JSON text of `data`.
    pub data: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Reads and checks one event.
    ///
    /// # Errors
    /// [`EventError`] names the attribute at fault.
    pub fn parse(json: &'a str) -> Result<Self, EventError> {
        Members::parse(json)?.into_event()
    }

    /// The numeric member `value` of `data`, the reading of a sensor; the summaries of the caches use it.
    pub fn value(&self) -> Option<f64> {
        #[derive(serde::Deserialize)]
        struct Reading {
            value: Option<f64>,
        }
        let data = self.data.filter(|data| data.starts_with('{') && data.contains("\"value\""))?;
        serde_json::from_str::<Reading>(data).ok()?.value.filter(|value| value.is_finite())
    }

    /// The trace this event belongs to, where its `traceparent` is valid.
    pub fn trace_context(&self) -> Option<TraceContext> {
        TraceContext::parse(self.traceparent.as_deref()?)
    }
}

/// The members of the object before the rules for a whole event are applied.
#[derive(Default)]
pub(crate) struct Members<'a> {
    pub(crate) specversion: Option<Cow<'a, str>>,
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) source: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    pub(crate) time: Option<Cow<'a, str>>,
    runid: Option<Cow<'a, str>>,
    sequence: Option<Scalar<'a>>,
    pub(crate) traceparent: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
    has_data_base64: bool,
    /// Names of all other members, and of those above whose value is null.
    others: Vec<Cow<'a, str>>,
    /// The first violation; kept aside so that serde's error does not lose the field.
    problem: Option<EventError>,
}

impl<'a> Members<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, EventError> {
        let mut members: Self = serde_json::from_str(json)
            .map_err(|error| EventError::malformed(format!("not an event in JSON: {error}")))?;
        match members.problem.take() {
            Some(problem) => Err(problem),
            None => Ok(members),
        }
    }

    /// Whether the member is there and null, which the JSON format reads as unset.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.others.iter().any(|other| other == name)
    }

    /// # Errors
    /// The first missing or invalid attribute.
    pub(crate) fn into_event(self) -> Result<Event<'a>, EventError> {
        match self.specversion.as_deref() {
            Some("1.0") => {}
            Some(_) => return Err(EventError::invalid("specversion", "specversion is not \"1.0\"")),
            None => return Err(missing("specversion")),
        }
        if self.data.is_some() && self.has_data_base64 {
            return Err(EventError::invalid("data_base64", "an event has either data or data_base64"));
        }
        let id = required(self.id, "id")?;
        let source = required(self.source, "source")?;
        if !is_uri_reference(&source) {
            return Err(EventError::invalid("source", "source is not a URI reference"));
        }
        let kind = required(self.kind, "type")?;
        if self.time.as_deref().is_some_and(|time| !is_rfc3339(time)) {
            return Err(EventError::invalid("time", "time is not an RFC 3339 timestamp"));
        }
        if self.runid.as_deref().is_some_and(|runid| runid.is_empty() || runid.len() > RUN_ID_BYTES_MAX) {
            return Err(EventError::invalid("runid", "runid has no or more than 128 bytes"));
        }
        let sequence = match (&self.runid, self.sequence) {
            (Some(_), Some(sequence)) => Some(sequence.as_sequence().ok_or_else(|| {
                EventError::invalid("sequence", "sequence of a run is not a whole number from 0 to 2^63 - 1")
            })?),
            _ => None,
        };
        Ok(Event {
            id,
            source,
            kind,
            time: self.time,
            runid: self.runid,
            sequence,
            traceparent: self.traceparent,
            data: self.data.map(RawValue::get),
        })
    }

    fn take_member<M: MapAccess<'a>>(&mut self, name: Cow<'a, str>, map: &mut M) -> Result<(), M::Error> {
        match name.as_ref() {
            "data" => return self.take_data(map),
            "data_base64" => {
                let is_new = !std::mem::replace(&mut self.has_data_base64, true);
                let value = map.next_value()?;
                return self.check(is_new && matches!(value, Scalar::String(_)), "data_base64");
            }
            "sequence" => {
                let value = map.next_value()?;
                let is_fine = self.sequence.is_none() && !matches!(value, Scalar::Other);
                self.sequence = (!matches!(value, Scalar::Null)).then_some(value);
                return self.check(is_fine, "sequence");
            }
            _ => {}
        }
        let value: Scalar<'a> = map.next_value()?;
        let slot = match name.as_ref() {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.kind,
            "time" => &mut self.time,
            "runid" => &mut self.runid,
            "traceparent" => &mut self.traceparent,
            _ => return self.take_other(name, &value),
        };
        let is_new = slot.is_none() && !self.others.contains(&name);
        let is_fine = is_new && matches!(value, Scalar::String(_) | Scalar::Null);
        match value {
            Scalar::String(text) => *slot = Some(text),
            _ => self.others.push(name.clone()),
        }
        self.check(is_fine, &name)
    }

    fn take_data<M: MapAccess<'a>>(&mut self, map: &mut M) -> Result<(), M::Error> {
        let is_new = self.data.replace(map.next_value()?).is_none();
        self.check(is_new, "data")
    }

    fn take_other<E>(&mut self, name: Cow<'a, str>, value: &Scalar<'a>) -> Result<(), E> {
        let is_new = !self.others.contains(&name);
        let must_be_string =
            matches!(name.as_ref(), "subject" | "datacontenttype" | "dataschema" | "tracestate");
        let is_fine = match value {
            Scalar::String(_) | Scalar::Null => true,
            Scalar::Boolean | Scalar::Integer(_) => !must_be_string,
            Scalar::Other => false,
        };
        if self.problem.is_none() && !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            self.problem =
                Some(EventError::invalid(&name, "attribute names consist of lowercase letters and digits"));
        }
        if matches!(name.as_ref(), "subject" | "datacontenttype")
            && matches!(value, Scalar::String(text) if text.is_empty())
        {
            self.problem.get_or_insert_with(|| EventError::invalid(&name, "the attribute is empty"));
        }
        self.check(is_new && is_fine, &name)?;
        self.others.push(name);
        Ok(())
    }

    fn check<E>(&mut self, is_fine: bool, field: &str) -> Result<(), E> {
        if !is_fine && self.problem.is_none() {
            let message = "the member is repeated or has the wrong JSON type";
            self.problem = Some(EventError::malformed(message).at(field));
        }
        Ok(())
    }
}

fn missing(field: &str) -> EventError {
    EventError::invalid(field, format!("{field} is missing"))
}

fn required<'a>(value: Option<Cow<'a, str>>, field: &str) -> Result<Cow<'a, str>, EventError> {
    let value = value.ok_or_else(|| missing(field))?;
    if value.is_empty() { Err(EventError::invalid(field, format!("{field} is empty"))) } else { Ok(value) }
}

/// The characters of RFC 3986, section 2; its structure is left to whoever resolves the reference.
fn is_uri_reference(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b))
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            members.take_member(name, &mut map)?;
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EventErrorKind::{Invalid, Malformed};

    fn error(json: &str) -> (crate::EventErrorKind, Option<String>) {
        let error = Event::parse(json).expect_err(json);
        (error.kind, error.field)
    }

    #[test]
    fn event_is_read_without_copying() {
        let json = r#"{"specversion":"1.0","id":"a","source":"/s","type":"t","time":"2026-01-01T00:00:00Z",
            "runid":"r","sequence":"17","data":{"value":2.5,"unit":"C"}}"#;
        let event = Event::parse(json).expect("valid");
        assert_eq!((event.id.as_ref(), event.source.as_ref(), event.kind.as_ref()), ("a", "/s", "t"));
        assert_eq!((event.runid.as_deref(), event.sequence), (Some("r"), Some(17)));
        assert_eq!(event.value(), Some(2.5));
        assert!(matches!(event.id, Cow::Borrowed(_)));
    }

    #[test]
    fn escapes_and_integer_sequences_are_understood() {
        let json = r#"{"specversion":"1.0","id":"\u0061\n","source":"/s","type":"t","runid":"r","sequence":3,"x":true}"#;
        let event = Event::parse(json).expect("valid");
        assert_eq!((event.id.as_ref(), event.sequence), ("a\n", Some(3)));
    }

    #[test]
    fn missing_attributes_are_named() {
        assert_eq!(error("{}"), (Invalid, Some("specversion".into())));
        assert_eq!(error(r#"{"specversion":"1.0","source":"/s","type":"t"}"#), (Invalid, Some("id".into())));
        assert_eq!(
            error(r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#),
            (Invalid, Some("id".into()))
        );
        assert_eq!(error(r#"{"specversion":"1.0","id":"1","type":"t"}"#), (Invalid, Some("source".into())));
        assert_eq!(error(r#"{"specversion":"1.0","id":"1","source":"/s"}"#), (Invalid, Some("type".into())));
    }

    #[test]
    fn violations_are_named() {
        let with =
            |member: &str| format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{member}}}"#);
        assert_eq!(error(&with(r#""time":"yesterday""#)), (Invalid, Some("time".into())));
        assert_eq!(error(&with(r#""Upper":"1""#)), (Invalid, Some("Upper".into())));
        assert_eq!(error(&with(r#""subject":"""#)), (Invalid, Some("subject".into())));
        assert_eq!(error(&with(r#""data":1,"data_base64":"AA==""#)), (Invalid, Some("data_base64".into())));
        assert_eq!(error(&with(r#""runid":"r","sequence":"x""#)), (Invalid, Some("sequence".into())));
        assert_eq!(error(&with(r#""ext":{"a":1}"#)), (Malformed, Some("ext".into())));
        assert_eq!(error(&with(r#""ext":1,"ext":2"#)), (Malformed, Some("ext".into())));
        assert_eq!(error(&with(r#""source":"/t""#)), (Malformed, Some("source".into())));
        assert_eq!(
            error(r#"{"specversion":1.0,"id":"1","source":"/s","type":"t"}"#),
            (Malformed, Some("specversion".into()))
        );
        assert_eq!(
            error(r#"{"specversion":"1.0","id":"1","source":"a b","type":"t"}"#),
            (Invalid, Some("source".into()))
        );
    }

    #[test]
    fn what_is_not_an_object_is_malformed() {
        for json in ["", "1", "[]", "{", "{\"id\":}", "null", "{} {}"] {
            assert_eq!(error(json), (Malformed, None), "{json:?}");
        }
    }

    #[test]
    fn value_is_only_a_finite_number() {
        for data in ["1", "{}", r#"{"value":"1"}"#, r#"{"value":null}"#, r#"{"value":1e999}"#, "[1]"] {
            let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{data}}}"#);
            assert_eq!(Event::parse(&json).ok().and_then(|event| event.value()), None, "{data}");
        }
    }
}

//! From the JSON of a request to the line that is stored.

use crate::cloudevent::Members;
use crate::error::EventError;
use crate::keys::partition_of;
use crate::trace_context::TraceContext;

/// What ingest adds to an event that lacks it.
pub struct Defaults<'a> {
    /// Fill in `specversion`, `id` and `time` where they are left out; without it they are required.
    pub fill_missing: bool,
    /// The time of acceptance, RFC 3339.
    pub now: &'a str,
    /// The `traceparent` of the request, for events that carry none.
    pub traceparent: Option<&'a str>,
    /// Makes ids (UUIDv7).
    pub new_id: &'a dyn Fn() -> String,
    /// Number of partitions of the streams.
    pub partitions: u16,
}

/// An event that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: String,
    pub partition: u8,
    /// The trace context that the event brought, where its trace is sampled.
    pub sampled: Option<TraceContext>,
}

/// Checks one event and appends it to `line` as one line without line break.
///
/// The sender's bytes are kept as they are: missing attributes are put in front of the first member, and line
/// breaks, which JSON allows only between tokens, become spaces.
///
/// # Errors
/// [`EventError`]; `line` is unchanged then.
pub fn accept(json: &str, defaults: &Defaults<'_>, line: &mut String) -> Result<Accepted, EventError> {
    let json = json.trim_ascii();
    let mut members = Members::parse(json)?;
    let mut added = String::new();
    if defaults.fill_missing {
        if let Some(name) = ["specversion", "id", "time"].into_iter().find(|name| members.is_null(name)) {
            return Err(EventError::invalid(
                name,
                format!("{name} is null: leave it out to have it filled in"),
            ));
        }
        if members.specversion.is_none() {
            add(&mut added, "specversion", "1.0");
            members.specversion = Some("1.0".into());
        }
        if members.id.is_none() {
            let id = (defaults.new_id)();
            add(&mut added, "id", &id);
            members.id = Some(id.into());
        }
        if members.time.is_none() {
            add(&mut added, "time", defaults.now);
        }
    }
    let sampled = members.traceparent.as_deref().and_then(TraceContext::parse_sampled);
    if let (None, Some(traceparent), false) =
        (&members.traceparent, defaults.traceparent, members.is_null("traceparent"))
    {
        add(&mut added, "traceparent", traceparent);
    }
    let event = members.into_event()?;
    write_line(json, &added, line);
    let partition = partition_of(&event.source, defaults.partitions);
    Ok(Accepted { partition, id: event.id.into_owned(), sampled })
}

/// Both are our own or hexadecimal text: nothing to escape.
fn add(added: &mut String, name: &str, value: &str) {
    added.extend(["\"", name, "\":\"", value, "\","]);
}

/// A valid event has members, so the added ones can end with a comma.
fn write_line(object: &str, added: &str, line: &mut String) {
    line.reserve(object.len() + added.len());
    line.push('{');
    line.push_str(added);
    let mut rest = &object[1..];
    while let Some(at) = rest.find(['\n', '\r']) {
        line.push_str(&rest[..at]);
        line.push(' ');
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Event;

    const NOW: &str = "2026-01-01T00:00:00.000001Z";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn accept_with(
        json: &str,
        fill_missing: bool,
        traceparent: Option<&str>,
    ) -> Result<(Accepted, String), EventError> {
        let defaults =
            Defaults { fill_missing, now: NOW, traceparent, new_id: &|| "new-id".to_owned(), partitions: 4 };
        let mut line = String::new();
        let accepted = accept(json, &defaults, &mut line)?;
        Ok((accepted, line))
    }

    #[test]
    fn complete_event_is_kept_byte_for_byte() {
        let json =
            r#"{ "source":"/s", "type":"t","specversion":"1.0","id":"a\u0062","data":{"b":1, "a":[2.50]}}"#;
        let (accepted, line) = accept_with(json, false, None).expect("valid");
        assert_eq!(line, json);
        assert_eq!(accepted.id, "ab");
    }

    #[test]
    fn missing_attributes_are_filled_in() {
        let (accepted, line) =
            accept_with(r#" {"source":"/s","type":"t"} "#, true, Some(PARENT)).expect("valid");
        let event = Event::parse(&line).expect("stored line is an event");
        assert_eq!((event.id.as_ref(), event.time.as_deref()), ("new-id", Some(NOW)));
        assert_eq!(event.traceparent.as_deref(), Some(PARENT));
        assert_eq!(accepted.id, "new-id");
    }

    #[test]
    fn null_is_never_joined_by_a_second_member() {
        let error = accept_with(r#"{"id":null,"source":"/s","type":"t"}"#, true, None).expect_err("null id");
        assert_eq!(error.field.as_deref(), Some("id"));
        let json =
            r#"{"specversion":"1.0","id":"1","time":null,"source":"/s","type":"t","traceparent":null}"#;
        assert_eq!(accept_with(json, false, Some(PARENT)).expect("valid").1, json);
    }

    #[test]
    fn senders_trace_context_wins() {
        let json = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","traceparent":"00-11111111111111111111111111111111-2222222222222222-00"}"#;
        let (_, line) = accept_with(json, false, Some(PARENT)).expect("valid");
        assert_eq!(line, json);
    }

    #[test]
    fn strict_formats_need_all_attributes() {
        let error =
            accept_with(r#"{"specversion":"1.0","source":"/s","type":"t"}"#, false, None).expect_err("no id");
        assert_eq!(error.field.as_deref(), Some("id"));
    }

    #[test]
    fn pretty_printed_event_becomes_one_line() {
        let json = "{\n \"source\":\"/s\",\r\n \"type\":\"t\",\n \"data\":\"a\\nb\"\n}";
        let (_, line) = accept_with(json, true, None).expect("valid");
        assert!(!line.contains(['\n', '\r']));
        assert_eq!(Event::parse(&line).expect("valid").data, Some(r#""a\nb""#));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_stored_as_one_valid_line(json in "\\PC{0,60}|\\{\"source\":\"/s\",\"type\":\"t\",\"data\":\\PC{0,20}\\}") {
            if let Ok((_, line)) = accept_with(&json, true, Some(PARENT)) {
                prop_assert!(Event::parse(&line).is_ok());
                prop_assert!(!line.contains('\n'));
            }
        }

        #[test]
        fn data_survives(data in any::<String>(), id in "\\PC{1,20}") {
            let json = serde_json::json!({"id": id, "source": "/s", "type": "t", "data": data}).to_string();
            let (accepted, line) = accept_with(&json, true, None).expect("valid");
            prop_assert_eq!(accepted.id, id);
            let event = Event::parse(&line).expect("valid");
            prop_assert_eq!(serde_json::from_str::<String>(event.data.expect("data")).expect("string"), data);
        }
    }
}

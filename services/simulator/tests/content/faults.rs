//! Malformed requests: refused by the receiver's own rules, each for one bad event.

use std::collections::BTreeMap;

use events::{Defaults, accept};
use serde_json::value::RawValue;

use super::*;

/// What the receiver says of an event in a format; with the same rules as ingest-api.
fn refusal(content_type: ContentType, event: &str) -> Option<String> {
    let defaults = Defaults {
        fill_missing: content_type == ContentType::Ndjson,
        now: "2026-01-01T00:00:00Z",
        traceparent: None,
        new_id: &|| "new-id".to_owned(),
        partitions: 1,
    };
    accept(event, &defaults, &mut String::new()).err().map(|error| match &error.field {
        Some(field) => format!("{field}: {error}"),
        None => "not JSON".to_owned(),
    })
}

/// Why a body is refused, and how many of its events are.
fn refusals(content_type: ContentType, body: &[u8]) -> (String, usize) {
    let Ok(text) = std::str::from_utf8(body) else { return ("not UTF-8".to_owned(), 1) };
    let events: Vec<&str> = match content_type {
        ContentType::Structured => vec![text],
        ContentType::Ndjson => text.lines().collect(),
        ContentType::Batch => match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(events) => events.into_iter().map(RawValue::get).collect(),
            Err(_) => return ("not JSON".to_owned(), 1),
        },
    };
    let found: Vec<_> = events.into_iter().filter_map(|event| refusal(content_type, event)).collect();
    (found.first().cloned().unwrap_or_default(), found.len())
}

#[test]
fn malformed_requests_are_refused_for_one_event_of_each_kind_of_fault() {
    for (content_type, events) in [
        (ContentType::Structured, 1),
        (ContentType::Batch, 1),
        (ContentType::Batch, 6),
        (ContentType::Ndjson, 6),
    ] {
        let writer = writer(&Plan { content_type, ..plan() });
        let mut reasons = BTreeMap::new();
        for index in 0..2000 {
            let good = arrival(index, events);
            assert_eq!(refusals(content_type, &body(&writer, &good)).1, 0);
            let body = body(&writer, &Arrival { kind: Kind::Malformed, ..good });
            let (reason, count) = refusals(content_type, &body);
            assert_eq!(count, 1, "{reason}: {}", String::from_utf8_lossy(&body));
            *reasons.entry(reason).or_insert(0) += 1;
        }
        let expected = [
            "id: the member is repeated or has the wrong JSON type",
            "not JSON",
            "not UTF-8",
            "source: source is missing",
            "specversion: specversion is not \"1.0\"",
        ];
        assert_eq!(reasons.keys().collect::<Vec<_>>(), expected.each_ref(), "{content_type:?}");
        assert!(reasons.values().all(|count| (300..500).contains(count)), "{reasons:?}");
    }
}

#[test]
fn malformed_request_is_the_same_each_time() {
    let plan = Plan { content_type: ContentType::Batch, ..plan() };
    let (here, elsewhere) = (writer(&plan), writer(&plan));
    for index in 0..50 {
        let malformed = Arrival { kind: Kind::Malformed, ..arrival(index, 3) };
        assert_eq!(here.make(&malformed), elsewhere.make(&malformed));
    }
}

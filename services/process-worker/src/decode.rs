//! Entries as Redis delivers them, and the events in them.

use events::entry::{EntryError, EventsEntry};
use events::{EntryId, Event, EventError};
use redis::Value;
use self_cell::self_cell;

/// An entry as it was delivered.
#[derive(Debug)]
pub(crate) struct RawEntry {
    pub(crate) id: EntryId,
    /// How often it has been delivered, this time included.
    pub(crate) deliveries: u64,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The parsed content of an entry: the entry, and each of its events.
pub(crate) type Content<'a> = Result<(EventsEntry<'a>, Vec<Result<Event<'a>, EventError>>), EntryError>;

self_cell!(
    /// An entry that travels between threads together with what was parsed out of it.
    pub(crate) struct Entry {
        owner: RawEntry,
        #[covariant]
        dependent: Content,
    }
);

impl RawEntry {
    /// Size of all fields, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The bytes that a person would want to see of an entry that could not be read.
    pub(crate) fn text(&self) -> Vec<u8> {
        let events = self.fields.iter().find(|(name, _)| name == b"events");
        events.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub(crate) fn decode(self) -> Entry {
        Entry::new(self, |raw| {
            let fields: Vec<_> = raw.fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            let entry = EventsEntry::decode(&fields)?;
            let events = entry.lines().map(Event::parse).collect();
            Ok((entry, events))
        })
    }
}

/// The reply of XREADGROUP for one stream.
pub(crate) fn read_reply(reply: Value) -> Vec<RawEntry> {
    let stream = match reply {
        Value::Array(streams) => streams.into_iter().next(),
        Value::Map(streams) => {
            return streams.into_iter().next().map(|(_, entries)| claim_reply(entries)).unwrap_or_default();
        }
        _ => None,
    };
    match stream {
        Some(Value::Array(mut pair)) => pair.pop().map(claim_reply).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The reply of XCLAIM: a list of entries. Entries that no longer exist are left out.
pub(crate) fn claim_reply(reply: Value) -> Vec<RawEntry> {
    match reply {
        Value::Array(entries) => entries.into_iter().filter_map(entry).collect(),
        _ => Vec::new(),
    }
}

fn entry(value: Value) -> Option<RawEntry> {
    let Value::Array(pair) = value else { return None };
    let [id, Value::Array(flat)] = <[Value; 2]>::try_from(pair).ok()? else { return None };
    let id = std::str::from_utf8(&bytes(id)?).ok()?.parse().ok()?;
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        fields.push((bytes(name)?, bytes(value)?));
    }
    Some(RawEntry { id, deliveries: 1, fields })
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An entry as [`EventsEntry`] writes it.
    pub(crate) fn raw(lines: &[&str]) -> RawEntry {
        let text = lines.join("\n");
        let entry = EventsEntry { count: lines.len(), accepted_us: 1, by: "ingest", events: &text };
        let fields = entry.fields().iter().map(|(n, v)| (n.as_bytes().to_vec(), v.to_vec())).collect();
        RawEntry { id: EntryId::new(1, 0), deliveries: 1, fields }
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_of_both_protocols_are_read() {
        let entries = Value::Array(vec![
            Value::Array(vec![bulk("5-1"), Value::Array(vec![bulk("v"), bulk("1")])]),
            Value::Nil,
        ]);
        let resp2 = Value::Array(vec![Value::Array(vec![bulk("stream"), entries.clone()])]);
        let resp3 = Value::Map(vec![(bulk("stream"), entries)]);
        for reply in [resp2, resp3] {
            let entries = read_reply(reply);
            assert_eq!((entries.len(), entries[0].id, entries[0].size()), (1, EntryId::new(5, 1), 2));
        }
        assert!(read_reply(Value::Nil).is_empty());
    }

    #[test]
    fn one_bad_event_does_not_hide_the_others() {
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let entry = raw(&[good, "{", good]).decode();
        let (_, events) = entry.borrow_dependent().as_ref().expect("entry is fine");
        assert_eq!(events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }
}

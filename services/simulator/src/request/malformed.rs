//! What is wrong with malformed requests: one event of theirs is spoilt after it was written, so that all others of the
//! request are good and those that are never spoilt cost nothing.

use memchr::memmem;
use rand::RngExt as _;

use crate::random::Stream;

/// What is wrong with which event of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Malformation {
    /// Counts the events of the request from 0.
    pub(super) event: u64,
    pub(super) fault: Fault,
}

/// What makes a receiver refuse an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// The JSON ends after this part of it.
    Truncated(f64),
    /// The attribute `source` is missing; another stands in its place.
    NoSource,
    /// A `specversion` that there is not.
    Specversion,
    /// The `id` is a number.
    NumericId,
    /// A byte that UTF-8 does not have.
    InvalidUtf8,
}

impl Malformation {
    /// One for a request of `events` events, each as likely as the others.
    pub(super) fn draw(events: u32, random: &mut Stream) -> Self {
        let event = random.random_range(0..u64::from(events.max(1)));
        let fault = match random.random_range(0..5) {
            0 => Fault::Truncated(random.random()),
            1 => Fault::NoSource,
            2 => Fault::Specversion,
            3 => Fault::NumericId,
            _ => Fault::InvalidUtf8,
        };
        Self { event, fault }
    }

    /// Spoils the last event of a buffer, which begins at `event_at`.
    pub(super) fn apply(self, event_at: usize, buffer: &mut Vec<u8>) {
        let length = buffer.len() - event_at;
        let event = &mut buffer[event_at..];
        match self.fault {
            Fault::Truncated(part) => {
                let kept = 1 + (part * (length - 1) as f64) as usize;
                buffer.truncate(event_at + kept.min(length - 1));
            }
            Fault::NoSource => replace(event, br#""source":"#, br#""origin":"#),
            Fault::Specversion => replace(event, br#""specversion":"1.0""#, br#""specversion":"9.9""#),
            Fault::NumericId => {
                let Some(at) = memmem::find(event, ID) else { return };
                let id = &mut event[at + ID.len()..];
                let end = id.iter().skip(1).position(|byte| *byte == b'"').map_or(0, |closing| closing + 2);
                id[..end].fill(b'7');
            }
            Fault::InvalidUtf8 => {
                let Some(at) = memmem::find(event, ID) else { return };
                event[at + ID.len() + 1] = 0xff;
            }
        }
    }
}

/// Stands before the text of an id with its quotes, which is not empty.
const ID: &[u8] = br#","id":"#;

/// Puts something of the same length in the place of the first occurrence.
fn replace(event: &mut [u8], text: &[u8], by: &[u8]) {
    if let Some(at) = memmem::find(event, text) {
        event[at..at + text.len()].copy_from_slice(by);
    }
}

//! Why an event was refused.

use std::borrow::Cow;

/// Whether the bytes could not be read as an event at all, or were read and break the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventErrorKind {
    /// Not JSON, not an object, a repeated member, or a member of the wrong JSON type.
    Malformed,
    /// A JSON object that is not a valid CloudEvent.
    Invalid,
}

/// A refused event; `field` is the attribute at fault where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EventError {
    pub kind: EventErrorKind,
    pub field: Option<String>,
    pub message: Cow<'static, str>,
}

impl EventError {
    pub(crate) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: EventErrorKind::Malformed, field: None, message: message.into() }
    }

    pub(crate) fn invalid(field: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: EventErrorKind::Invalid, field: Some(field.to_owned()), message: message.into() }
    }

    pub(crate) fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}

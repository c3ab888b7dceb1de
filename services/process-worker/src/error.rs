//! Why an event could not be processed.

use events::EventError;
use events::entry::EntryError;

use crate::work::WorkError;

/// One event's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The whole entry is not one of ours.
    #[error("entry: {0}")]
    Entry(#[from] EntryError),
    #[error("event: {0}")]
    Event(#[from] EventError),
    #[error("work: {0}")]
    Work(#[from] WorkError),
}

impl ProcessError {
    /// A bounded name, the `error.type` of spans.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Entry(_) => "entry",
            Self::Event(_) => "event",
            Self::Work(_) => "work",
        }
    }

    /// Bytes that cannot be read now will not be readable later; work may fail for reasons that pass.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Entry(_) | Self::Event(_))
    }
}

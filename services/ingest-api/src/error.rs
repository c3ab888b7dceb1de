//! Why a request is refused, and how that is answered.

use events::{EventError, EventErrorKind};
use service::problem::{Problem, ProblemKind};

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("content type {0:?} carries no events; {CONTENT_TYPES}")]
    MediaType(String),
    #[error("content encoding {0:?} is not supported; send the body as it is")]
    ContentEncoding(String),
    #[error("the body is not {0}")]
    Body(String),
    #[error("the element at index {index} is not JSON: {message}")]
    Element { index: usize, message: String },
    #[error("the request has no events")]
    Empty,
    #[error("the body has more than {0} bytes; send fewer events at a time")]
    BodyTooLarge(usize),
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the client went away before its body was complete")]
    BodyCut,
    #[error("{error}")]
    Event { index: usize, error: EventError },
    #[error("the event has {bytes} bytes, {max} are allowed")]
    EventTooLarge { index: usize, bytes: usize, max: usize },
    #[error("{0} accepted events wait for workers, which is the bound; send again later")]
    Backlog(u64),
    #[error("the queue to redis is full; send again later")]
    Queue,
    #[error("redis is unavailable: {0}; nothing was stored")]
    Unavailable(String),
    #[error("redis did not confirm the write: {0}; the events may be stored or not")]
    Unknown(String),
}

const CONTENT_TYPES: &str = "use application/cloudevents+json, application/cloudevents-batch+json, application/json, \
    application/x-ndjson, or ce-* headers";

impl IngestError {
    pub(crate) fn kind(&self) -> ProblemKind {
        match self {
            Self::MediaType(_) | Self::ContentEncoding(_) => ProblemKind::UnsupportedMediaType,
            Self::Body(_) | Self::Element { .. } | Self::Empty | Self::BodyCut => ProblemKind::Malformed,
            Self::BodyTooLarge(_) => ProblemKind::BodyTooLarge,
            Self::BodyTimeout => ProblemKind::RequestTimeout,
            Self::Event { error, .. } => match error.kind {
                EventErrorKind::Malformed => ProblemKind::Malformed,
                EventErrorKind::Invalid => ProblemKind::InvalidEvent,
            },
            Self::EventTooLarge { .. } => ProblemKind::EventTooLarge,
            Self::Backlog(_) | Self::Queue => ProblemKind::BacklogFull,
            Self::Unavailable(_) => ProblemKind::RedisUnavailable,
            Self::Unknown(_) => ProblemKind::OutcomeUnknown,
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let problem = Self::new(error.kind(), error.to_string());
        match error {
            IngestError::Event { index, error: EventError { field: Some(field), .. } } => {
                problem.at_index(index).at_field(field)
            }
            IngestError::Event { index, .. }
            | IngestError::Element { index, .. }
            | IngestError::EventTooLarge { index, .. } => problem.at_index(index),
            IngestError::Backlog(_) | IngestError::Queue | IngestError::Unavailable(_) => {
                problem.retry_after(1)
            }
            _ => problem,
        }
    }
}

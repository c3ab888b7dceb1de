//! Errors of the HTTP interfaces: problem details of RFC 9457, <https://www.rfc-editor.org/rfc/rfc9457>.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What went wrong; each kind has one status and one `type` URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request could not be read.
    Malformed,
    /// No or a wrong bearer token.
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    BodyTooLarge,
    EventTooLarge,
    UnsupportedMediaType,
    /// Not a valid CloudEvent.
    InvalidEvent,
    /// A query parameter that cannot be used.
    InvalidParameter,
    /// The backlog is over its bound; come back later.
    BacklogFull,
    /// Redis cannot be reached; nothing was stored.
    RedisUnavailable,
    /// The write was sent and not confirmed: the events may be stored or not.
    OutcomeUnknown,
    /// The service cannot answer yet.
    NotReady,
    /// The query took too long.
    DeadlineExceeded,
    /// A fault of the service; the log has the details.
    Internal,
}

impl ProblemKind {
    /// Last part of the `type` URI and value of `error.type`.
    pub fn name(self) -> &'static str {
        self.describe().0
    }

    pub fn status(self) -> StatusCode {
        self.describe().1
    }

    fn title(self) -> &'static str {
        self.describe().2
    }

    fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "the request could not be read"),
            Self::Unauthorized => {
                ("unauthorized", StatusCode::UNAUTHORIZED, "a valid bearer token is needed")
            }
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "there is no such resource"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "the resource has no such method")
            }
            Self::RequestTimeout => {
                ("request-timeout", StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
            }
            Self::BodyTooLarge => ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::EventTooLarge => {
                ("event-too-large", StatusCode::PAYLOAD_TOO_LARGE, "an event is too large")
            }
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type is none that carries events",
            ),
            Self::InvalidEvent => {
                ("invalid-event", StatusCode::UNPROCESSABLE_ENTITY, "the event is not a valid CloudEvent")
            }
            Self::InvalidParameter => {
                ("invalid-parameter", StatusCode::BAD_REQUEST, "a parameter cannot be used")
            }
            Self::BacklogFull => ("backlog-full", StatusCode::TOO_MANY_REQUESTS, "the backlog is full"),
            Self::RedisUnavailable => (
                "redis-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "redis is unavailable, nothing was stored",
            ),
            Self::OutcomeUnknown => (
                "outcome-unknown",
                StatusCode::SERVICE_UNAVAILABLE,
                "redis did not confirm the write, the events may be stored or not",
            ),
            Self::NotReady => ("not-ready", StatusCode::SERVICE_UNAVAILABLE, "the service is not ready"),
            Self::DeadlineExceeded => {
                ("deadline-exceeded", StatusCode::SERVICE_UNAVAILABLE, "the query took too long")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "the service failed"),
        }
    }
}

/// A problem as a client gets it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: ProblemKind,
    pub detail: String,
    /// The event at fault, counted from 0 within the request.
    pub index: Option<usize>,
    /// The attribute or parameter at fault.
    pub field: Option<String>,
    pub retry_after_s: Option<u32>,
}

/// The JSON document of a problem.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// `urn:testbed:problem:` and the kind.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
    /// The event at fault, counted from 0 within the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The attribute or parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), index: None, field: None, retry_after_s: None }
    }

    #[must_use]
    pub fn at_index(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }

    #[must_use]
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds the header `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let document = ProblemDocument {
            kind: format!("urn:testbed:problem:{}", self.kind.name()),
            title: self.kind.title().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            index: self.index,
            field: self.field,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unauthorized {
            headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self.kind);
        response
    }
}

/// Fallback of routers.
pub async fn not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is nothing at this path, see /openapi.json")
}

/// Fallback of routers for known paths.
pub async fn method_not_allowed() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "this path takes other methods, see /openapi.json")
}

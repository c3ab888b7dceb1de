//! Why a query was not answered, and what the client is told.

use cache::CacheError;
use service::problem::{Problem, ProblemKind};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{message}")]
    Parameter { name: String, message: String },
    /// Names what is not there.
    #[error("{0}")]
    NotFound(String),
    #[error("the cache is not there yet")]
    NoCache,
    /// In waiting for a reader or in reading.
    #[error("the query took longer than its deadline; narrow the filter or lower the limit")]
    Deadline,
    #[error("redis cannot be asked: {0}")]
    Redis(String),
    /// The log says what.
    #[error("the cache could not be read")]
    Internal,
}

impl ApiError {
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self::Parameter { name: name.to_owned(), message: message.into() }
    }

    pub(crate) fn kind(&self) -> ProblemKind {
        match self {
            Self::Parameter { .. } => ProblemKind::InvalidParameter,
            Self::NotFound(_) => ProblemKind::NotFound,
            Self::NoCache => ProblemKind::NotReady,
            Self::Deadline => ProblemKind::DeadlineExceeded,
            Self::Redis(_) => ProblemKind::RedisUnavailable,
            Self::Internal => ProblemKind::Internal,
        }
    }
}

impl From<CacheError> for ApiError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Deadline => Self::Deadline,
            CacheError::Cursor(error) => Self::parameter("cursor", error.to_string()),
            CacheError::Missing { .. } => Self::NoCache,
            _ => Self::Internal,
        }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let problem = Self::new(error.kind(), error.to_string());
        match error {
            ApiError::Parameter { name, .. } => problem.at_field(name),
            _ => problem,
        }
    }
}

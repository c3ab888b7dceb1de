//! What all endpoints do around their query: the span, the JSON, the problem.

use std::future::Future;

use axum::Json;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use events::TraceContext;
use observability::trace::{Span, SpanName};
use serde::Serialize;
use service::problem::Problem;

use crate::error::ApiError;

/// Answers a request with what the query gives, as JSON or as a problem.
pub(crate) async fn respond<T: Serialize>(
    route: &'static str,
    parts: &Parts,
    query: impl Future<Output = Result<T, ApiError>>,
) -> Response {
    let parent = parts.headers.get("traceparent").and_then(|value| TraceContext::parse(value.to_str().ok()?));
    let mut span = Span::request(SpanName::QueryRequest, route, parts.uri.path(), parent);
    match query.await {
        Ok(answer) => {
            span.set_response(StatusCode::OK.as_u16(), None);
            Json(answer).into_response()
        }
        Err(error) => {
            let kind = error.kind();
            span.set_response(kind.status().as_u16(), Some(kind.name()));
            Problem::from(error).into_response()
        }
    }
}

//! What all endpoints do around their query: the span, the JSON, the problem.

use std::future::Future;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use events::TraceContext;
use observability::trace::Span;
use serde::Serialize;
use service::problem::Problem;

use crate::error::ApiError;

/// Answers a request with what the query gives, as JSON or as a problem.
pub(crate) async fn respond<T: Serialize>(
    route: &'static str,
    headers: &HeaderMap,
    query: impl Future<Output = Result<T, ApiError>>,
) -> Response {
    let parent = headers.get("traceparent").and_then(|value| TraceContext::parse(value.to_str().ok()?));
    let mut span = Span::server("GET", route, parent);
    match query.await {
        Ok(answer) => {
            span.set_status_code(StatusCode::OK.as_u16());
            Json(answer).into_response()
        }
        Err(error) => {
            let kind = error.kind();
            span.set_status_code(kind.status().as_u16());
            span.fail(kind.name());
            Problem::from(error).into_response()
        }
    }
}

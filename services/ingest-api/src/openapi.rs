//! The OpenAPI document, generated from the handlers, and the schemas that only it needs.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::routes::post_events;

/// A CloudEvent 1.0 in JSON.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"specversion": "1.0", "id": "1", "source": "/sensors/1", "type": "testbed.reading", "data": {"value": 21.5}}))]
pub(crate) struct CloudEvent {
    #[schema(example = "1.0")]
    specversion: String,
    id: String,
    /// URI reference. Events of one source stay in order.
    source: String,
    r#type: String,
    /// RFC 3339.
    time: Option<String>,
    /// Media type of `data`.
    datacontenttype: Option<String>,
    /// The experiment run.
    runid: Option<String>,
    /// The sender's count within the run, from 0.
    sequence: Option<String>,
    /// W3C trace context.
    traceparent: Option<String>,
    data: Option<serde_json::Value>,
    data_base64: Option<String>,
}

/// A CloudEvent of which `specversion`, `id` and `time` may be left out.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"source": "/sensors/1", "type": "testbed.reading", "data": {"value": 21.5}}))]
pub(crate) struct PartialEvent {
    source: String,
    r#type: String,
    specversion: Option<String>,
    id: Option<String>,
    time: Option<String>,
    data: Option<serde_json::Value>,
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "testbed ingest-api",
    description = "Takes CloudEvents and writes them to Redis streams."
))]
struct Document;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(post_events::post_events))
}

/// The document as it is served at `/openapi.json`.
pub fn document() -> OpenApi {
    routes().into_openapi()
}

pub(crate) fn serve(document: OpenApi) -> Router {
    let document = Arc::new(document);
    Router::new().route("/openapi.json", get(async move || Json(document.as_ref().clone())))
}

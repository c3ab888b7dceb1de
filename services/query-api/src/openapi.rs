//! The OpenAPI document, generated from the handlers.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::routes::{audit, event, events, latest, pipeline, sources, summary};

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "testbed query-api",
    description = "Answers questions about processed events from a cache of its own."
))]
struct Document;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(events::list_events))
        .routes(routes!(event::find_event))
        .routes(routes!(sources::list_sources))
        .routes(routes!(latest::latest_event))
        .routes(routes!(summary::summary))
        .routes(routes!(audit::audit_run))
        .routes(routes!(pipeline::pipeline))
}

/// The document as it is served at `/openapi.json`.
pub fn document() -> OpenApi {
    routes().into_openapi()
}

pub(crate) fn serve(document: OpenApi) -> Router {
    let document = Arc::new(document);
    Router::new().route("/openapi.json", get(async move || Json(document.as_ref().clone())))
}

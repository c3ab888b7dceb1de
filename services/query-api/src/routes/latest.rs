//! `GET /v1/sources/{source}/latest`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use service::problem::ProblemDocument;

use crate::App;
use crate::error::ApiError;
use crate::parameters::{Parameters, PathText};
use crate::respond::respond;
use crate::rows::EventRow;

/// Find the latest event of a source
#[utoipa::path(
    get,
    path = "/v1/sources/{source}/latest",
    params(("source" = String, Path, description = "percent-encoded, with / as %2F", example = "%2Fsensors%2F1")),
    responses(
        (status = 200, description = "the event with the greatest position", body = EventRow),
        (status = 400, description = "not a source", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "the source has no events", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn latest_event(State(app): State<Arc<App>>, path: PathText, parts: Parts) -> Response {
    respond("/v1/sources/{source}/latest", &parts, async {
        Parameters::of(&parts.uri, &[])?;
        let source = path.text("source")?;
        let row =
            app.readers.read(move |snapshot| snapshot.latest(&source)?.map(EventRow::try_from).transpose());
        row.await?.ok_or_else(|| ApiError::NotFound("the source has no events".to_owned()))
    })
    .await
}

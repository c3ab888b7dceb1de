//! `GET /v1/events/{position}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use events::Position;
use service::problem::ProblemDocument;

use crate::App;
use crate::error::ApiError;
use crate::parameters::{Parameters, PathText};
use crate::respond::respond;
use crate::rows::EventRow;

/// Find an event by its position
#[utoipa::path(
    get,
    path = "/v1/events/{position}",
    params(("position" = String, Path, description = "as ingest answered it", example = "1700000000000-0.17")),
    responses(
        (status = 200, description = "the event", body = EventRow),
        (status = 400, description = "not a position", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "there is no event, or it is not processed yet", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn find_event(State(app): State<Arc<App>>, path: PathText, parts: Parts) -> Response {
    respond("/v1/events/{position}", &parts, async {
        Parameters::of(&parts.uri, &[])?;
        let position: Position = path.parsed("position")?;
        let row =
            app.readers.read(move |snapshot| snapshot.event(position)?.map(EventRow::try_from).transpose());
        row.await?.ok_or_else(|| ApiError::NotFound(format!("there is no event at {position}, or not yet")))
    })
    .await
}

//! `GET /v1/pipeline`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use events::rfc3339_from_unix_us;
use serde::Serialize;
use service::clock::unix_us;
use service::problem::ProblemDocument;
use utoipa::ToSchema;

use crate::App;
use crate::parameters::Parameters;
use crate::pipeline::PartitionState;
use crate::respond::respond;

/// How far events have come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelineState {
    /// As `/readyz` of this service.
    ready: bool,
    /// Whether the cache has everything that the results streams have.
    caught_up: bool,
    partitions: Vec<PartitionState>,
    cache: CacheState,
}

/// The cache of this service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CacheState {
    /// Stored events.
    rows: u64,
    /// Size of its files.
    bytes: u64,
    /// When the newest event was accepted, RFC 3339; null without events.
    newest_accepted_at: Option<String>,
    /// How long ago that was by this machine's clock.
    age_ms: Option<i64>,
}

/// Show how far events have come
#[utoipa::path(
    get,
    path = "/v1/pipeline",
    responses(
        (status = 200, description = "the state of the pipeline", body = PipelineState),
        (status = 400, description = "a parameter, of which there are none", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`redis-unavailable`, `not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pipeline(State(app): State<Arc<App>>, parts: Parts) -> Response {
    respond("/v1/pipeline", &parts, async {
        Parameters::of(&parts.uri, &[])?;
        let partitions = app.pipeline.partitions(app.progress.as_deref()).await?;
        let readers = app.readers.clone();
        let stats = app.readers.read(move |snapshot| Ok(readers.stats(snapshot))).await?;
        Ok(PipelineState {
            ready: app.readiness.report().ready,
            caught_up: partitions.iter().all(|partition| partition.results_behind == 0),
            partitions,
            cache: CacheState {
                rows: stats.rows,
                bytes: stats.file_bytes + stats.wal_bytes,
                newest_accepted_at: stats.last_accepted_us.map(rfc3339_from_unix_us),
                age_ms: stats.last_accepted_us.map(|newest| (unix_us() - newest) / 1000),
            },
        })
    })
    .await
}

//! `GET /v1/sources`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use events::rfc3339_from_unix_us;
use serde::Serialize;
use service::problem::ProblemDocument;
use utoipa::ToSchema;

use crate::App;
use crate::parameters::Parameters;
use crate::respond::respond;

/// A page of sources.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceList {
    sources: Vec<Source>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// A source of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    source: String,
    /// Number of its events.
    events: u64,
    /// Position of its latest event.
    last_position: String,
    /// RFC 3339 with microseconds.
    last_accepted_at: String,
}

/// List sources
///
/// In the order of the bytes of their names.
#[utoipa::path(
    get,
    path = "/v1/sources",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "most sources of the page, default 100"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "a page of sources", body = SourceList),
        (status = 400, description = "a parameter that cannot be used", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_sources(State(app): State<Arc<App>>, parts: Parts) -> Response {
    respond("/v1/sources", &parts, async {
        let parameters = Parameters::of(&parts.uri, &["limit", "after"])?;
        let (limit, after) = (parameters.limit()?, parameters.text("after").map(str::to_owned));
        app.readers
            .read(move |snapshot| {
                let page = snapshot.sources(after.as_deref(), limit)?;
                Ok(SourceList {
                    sources: page.sources.into_iter().map(Source::from).collect(),
                    next: page.next,
                })
            })
            .await
    })
    .await
}

impl From<cache::SourceRow> for Source {
    fn from(row: cache::SourceRow) -> Self {
        Self {
            source: row.source,
            events: row.events,
            last_position: row.last_position.to_string(),
            last_accepted_at: rfc3339_from_unix_us(row.last_accepted_us),
        }
    }
}

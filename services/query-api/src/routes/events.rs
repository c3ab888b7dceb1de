//! `GET /v1/events`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use cache::{Cursor, EventFilter, Order};
use serde::Serialize;
use service::problem::ProblemDocument;
use utoipa::ToSchema;

use crate::App;
use crate::error::ApiError;
use crate::parameters::Parameters;
use crate::respond::respond;
use crate::rows::EventRow;

const PARAMETERS: [&str; 8] = ["source", "type", "runid", "since", "until", "cursor", "order", "limit"];

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<EventRow>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
}

struct EventQuery {
    filter: EventFilter,
    order: Order,
    cursor: Option<Cursor>,
    limit: usize,
}

impl EventQuery {
    fn read(parameters: &Parameters) -> Result<Self, ApiError> {
        let (since_us, until_us) = parameters.range()?;
        let text = |name| parameters.text(name).map(str::to_owned);
        let orders = [("asc", Order::Ascending), ("desc", Order::Descending)];
        Ok(Self {
            filter: EventFilter {
                source: text("source"),
                kind: text("type"),
                runid: text("runid"),
                since_us,
                until_us,
            },
            order: parameters.choice("order", &orders)?.unwrap_or_default(),
            cursor: parameters.parsed("cursor")?,
            limit: parameters.limit()?,
        })
    }
}

/// List events
///
/// In the order of their positions, newest first unless `order` says otherwise. For the next page repeat the
/// parameters with `cursor` set to `next`: a walk sees every event that was there when it began exactly once,
/// while others arrive.
#[utoipa::path(
    get,
    path = "/v1/events",
    params(
        ("source" = Option<String>, Query, description = "events of this source"),
        ("type" = Option<String>, Query, description = "events of this type"),
        ("runid" = Option<String>, Query, description = "events of this experiment run"),
        ("since" = Option<String>, Query, description = "accepted at or after this time: RFC 3339, or unix seconds with an optional fraction"),
        ("until" = Option<String>, Query, description = "accepted before this time: RFC 3339, or unix seconds with an optional fraction"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`, the default"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "most events of the page, default 100"),
    ),
    responses(
        (status = 200, description = "a page of events", body = EventList),
        (status = 400, description = "a parameter that cannot be used", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_events(State(app): State<Arc<App>>, parts: Parts) -> Response {
    respond("/v1/events", &parts, async {
        let EventQuery { filter, order, cursor, limit } =
            EventQuery::read(&Parameters::of(&parts.uri, &PARAMETERS)?)?;
        app.readers
            .read(move |snapshot| {
                let page = snapshot.events(&filter, order, cursor.as_ref(), limit)?;
                let events = page.events.into_iter().map(EventRow::try_from).collect::<Result<_, _>>()?;
                Ok(EventList { events, next: page.next.map(|cursor| cursor.to_string()) })
            })
            .await
    })
    .await
}

//! `POST /v1/events`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use events::{Defaults, Position, TraceContext, rfc3339_from_unix_us};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use observability::trace::{Span, SpanName};
use serde::Serialize;
use service::clock::unix_us;
use service::problem::{Problem, ProblemDocument};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;
use crate::body::{self, Accepted, Format};
use crate::error::IngestError;

/// What was stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// Number of events.
    accepted: usize,
    /// In the order of the request.
    events: Vec<ReceiptEvent>,
}

/// One stored event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptEvent {
    id: String,
    /// Where the event stands in the streams, and the key under which it can be queried.
    #[schema(example = "1700000000000-0.17")]
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    position: Position,
}

/// Take events
///
/// A request is accepted whole or refused whole. `202` means that Redis has confirmed every event of it.
#[utoipa::path(
    post,
    path = "/v1/events",
    request_body(
        content(
            (crate::openapi::CloudEvent = "application/cloudevents+json"),
            (Vec<crate::openapi::CloudEvent> = "application/cloudevents-batch+json"),
            (crate::openapi::PartialEvent = "application/json"),
            (String = "application/x-ndjson"),
            (Vec<u8> = "*/*"),
        ),
        description = "One event, an array of events, or one event a line. With `ce-*` headers (binary mode) the body \
            is the event's data, of any content type. `application/json` (an object or an array) and \
            `application/x-ndjson` may leave out `specversion`, `id` and `time`."
    ),
    responses(
        (status = 202, description = "Redis has confirmed every event", body = Receipt),
        (status = 400, description = "not JSON, or a member of the wrong type", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "the body did not arrive in time", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "the body or an event is too large", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "the content type carries no events", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "not a valid CloudEvent", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 429, description = "the backlog is full; see Retry-After", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`redis-unavailable`: nothing was stored; `outcome-unknown`: the events may be stored or not", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_events(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let parent = parts.headers.get("traceparent").and_then(|value| TraceContext::parse(value.to_str().ok()?));
    let mut span = Span::request(SpanName::IngestRequest, "/v1/events", parts.uri.path(), parent);
    match take(&app, &parts.headers, body, &mut span).await {
        Ok((accepted, positions)) => {
            span.set_response(StatusCode::ACCEPTED.as_u16(), None);
            receipt(accepted, &positions)
        }
        Err(error) => {
            let kind = error.kind();
            span.set_response(kind.status().as_u16(), Some(kind.name()));
            Problem::from(error).into_response()
        }
    }
}

async fn take(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    span: &mut Span,
) -> Result<(Accepted, Vec<Vec<Position>>), IngestError> {
    let backlog = app.partitions.iter().map(|partition| partition.backlog_events()).sum();
    if backlog >= app.config.backlog_events_max {
        return Err(IngestError::Backlog(backlog));
    }
    let format = Format::of(headers)?;
    let body = read_body(app, headers, body).await?;
    let mut accepted = check(app, format, headers, &body, span.context())?;
    span.link_all(accepted.lines.iter().flat_map(|(_, lines)| lines.sampled.iter().copied()));
    let positions = store(app, &mut accepted, span).await?;
    Ok((accepted, positions))
}

fn check(
    app: &App,
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
    context: TraceContext,
) -> Result<Accepted, IngestError> {
    let now = if format.fills_missing() { rfc3339_from_unix_us(unix_us()) } else { String::new() };
    let defaults = Defaults {
        fill_missing: format.fills_missing(),
        now: &now,
        traceparent: Some(&context.to_string()),
        new_id: &|| uuid::Uuid::now_v7().to_string(),
        partitions: app.config.partitions,
    };
    body::read(format, headers, body, &defaults, app.config.event_bytes_max, context.trace_id)
}

async fn read_body(app: &App, headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, IngestError> {
    let max = app.config.body_bytes_max;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(IngestError::BodyTooLarge(max));
    }
    let collected = timeout(app.config.http.body_timeout, Limited::new(body, max).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(IngestError::BodyTooLarge(max)),
        Ok(Err(_)) => Err(IngestError::BodyCut),
        Err(_) => Err(IngestError::BodyTimeout),
    }
}

/// Hands the lines to the writers and waits for all of them. Where one partition has written and another has not,
/// the outcome of the whole request is unknown.
async fn store(
    app: &App,
    accepted: &mut Accepted,
    span: &mut Span,
) -> Result<Vec<Vec<Position>>, IngestError> {
    let mut waiting = Vec::with_capacity(accepted.lines.len());
    for (partition, lines) in &mut accepted.lines {
        let answered = app.partitions[usize::from(*partition)].submit(std::mem::take(lines), span.context());
        waiting.push((*partition, answered));
    }
    let mut positions = vec![Vec::new(); app.partitions.len()];
    let mut failures = Vec::new();
    for (partition, answered) in waiting {
        let answer = match answered {
            Ok(answered) => {
                answered.await.unwrap_or_else(|_| Err(IngestError::Unknown("the writer ended".to_owned())))
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok(written) => {
                positions[usize::from(partition)] = written.positions;
                written.span.into_iter().for_each(|context| span.link(context));
            }
            Err(error) => failures.push(error),
        }
    }
    match failures.pop() {
        None => Ok(positions),
        Some(error) if failures.len() + 1 == accepted.lines.len() && !failures.iter().any(is_unknown) => {
            Err(error)
        }
        Some(error) => Err(IngestError::Unknown(error.to_string())),
    }
}

fn is_unknown(error: &IngestError) -> bool {
    matches!(error, IngestError::Unknown(_))
}

fn receipt(accepted: Accepted, positions: &[Vec<Position>]) -> Response {
    let events: Vec<_> = accepted
        .events
        .into_iter()
        .map(|(id, partition, index)| ReceiptEvent { id, position: positions[usize::from(partition)][index] })
        .collect();
    let receipt = Receipt { accepted: events.len(), events };
    let mut json = Vec::with_capacity(32 + receipt.events.len() * 96);
    serde_json::to_writer(&mut json, &receipt).expect("a receipt is plain data");
    (StatusCode::ACCEPTED, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json)
        .into_response()
}

fn as_text<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(position)
}

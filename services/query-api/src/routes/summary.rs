//! `GET /v1/summary`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use cache::{Aggregate, SummaryBy, SummaryRange};
use events::rfc3339_from_unix_us;
use serde::Serialize;
use service::problem::ProblemDocument;
use utoipa::ToSchema;

use crate::App;
use crate::parameters::Parameters;
use crate::respond::respond;

const PARAMETERS: [&str; 4] = ["by", "since", "until", "limit"];

const MINUTE_US: i64 = 60_000_000;

const CHOICES: [(&str, SummaryBy); 5] = [
    ("source", SummaryBy::Source),
    ("type", SummaryBy::Type),
    ("worker", SummaryBy::Worker),
    ("arch", SummaryBy::Arch),
    ("minute", SummaryBy::Minute),
];

/// Counts, rates, values and latencies of groups of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    /// What the events are grouped by.
    by: &'static str,
    /// First accepted time that is covered, RFC 3339: the minute of `since`, or the first event; null without
    /// events.
    from: Option<String>,
    /// End of the accepted times that are covered, RFC 3339: the minute after `until`, or the last event.
    to: Option<String>,
    /// Those with the most events first; minutes in their order.
    groups: Vec<Group>,
    /// Number of groups, of which `limit` are listed.
    groups_total: u64,
    total: Totals,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Group {
    /// The source, type, worker or architecture, or when the minute began.
    key: String,
    #[serde(flatten)]
    totals: Totals,
}

/// What events add up to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Totals {
    events: u64,
    /// Events a second over the covered time, at least one second.
    rate_per_s: f64,
    value: Values,
    latency: Latency,
}

/// The numbers that `data.value` of the events carried.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Values {
    count: u64,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
}

/// From acceptance to the end of processing, across the clocks of two nodes. Percentiles are within 6 %.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Latency {
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Exact.
    max_ms: Option<f64>,
    /// Events whose worker's clock was behind that of ingest; the percentiles count them as 0.
    negative: u64,
}

/// Sum up events
///
/// `since` and `until` are widened to whole minutes; `from` and `to` say what was covered.
#[utoipa::path(
    get,
    path = "/v1/summary",
    params(
        ("by" = Option<String>, Query, description = "`source` (the default), `type`, `worker`, `arch` or `minute`"),
        ("since" = Option<String>, Query, description = "accepted at or after the minute of this time: RFC 3339, or unix seconds"),
        ("until" = Option<String>, Query, description = "accepted before the end of the minute of this time: RFC 3339, or unix seconds"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "most groups, default 100"),
    ),
    responses(
        (status = 200, description = "the groups and their total", body = Summary),
        (status = 400, description = "a parameter that cannot be used", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "no or a wrong bearer token", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`not-ready` or `deadline-exceeded`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn summary(State(app): State<Arc<App>>, parts: Parts) -> Response {
    respond("/v1/summary", &parts, async {
        let parameters = Parameters::of(&parts.uri, &PARAMETERS)?;
        let by = parameters.choice("by", &CHOICES)?.unwrap_or(SummaryBy::Source);
        let (since_us, until_us) = parameters.range()?;
        let limit = parameters.limit()?;
        let range = SummaryRange { since_us, until_us };
        app.readers.read(move |snapshot| Ok(Summary::new(by, snapshot.summary(by, range, limit)?))).await
    })
    .await
}

impl Summary {
    fn new(by: SummaryBy, summary: cache::Summary) -> Self {
        let covered = summary.covered_us.unwrap_or_default();
        let group = |group: cache::SummaryGroup| {
            let of_group = match by {
                SummaryBy::Minute => {
                    (group.minute_us.max(covered.0), (group.minute_us + MINUTE_US).min(covered.1))
                }
                _ => covered,
            };
            Group { key: group.key, totals: Totals::new(&group.aggregate, of_group) }
        };
        Self {
            by: CHOICES.iter().find(|(_, choice)| *choice == by).map_or("", |(name, _)| name),
            from: summary.covered_us.map(|(from, _)| rfc3339_from_unix_us(from)),
            to: summary.covered_us.map(|(_, to)| rfc3339_from_unix_us(to)),
            groups: summary.groups.into_iter().map(group).collect(),
            groups_total: summary.groups_total,
            total: Totals::new(&summary.total, covered),
        }
    }
}

impl Totals {
    fn new(aggregate: &Aggregate, (from_us, to_us): (i64, i64)) -> Self {
        let Aggregate { events, values, latency, latency_max_us } = aggregate;
        let covered_s = (to_us.saturating_sub(from_us) as f64 / 1e6).max(1.0);
        let quantile_ms = |quantile| latency.quantile_us(quantile).map(|us| us / 1000.0);
        Self {
            events: *events,
            rate_per_s: *events as f64 / covered_s,
            value: Values {
                count: values.count,
                min: (values.count > 0).then_some(values.min),
                mean: values.mean(),
                max: (values.count > 0).then_some(values.max),
            },
            latency: Latency {
                p50_ms: quantile_ms(0.5),
                p90_ms: quantile_ms(0.9),
                p99_ms: quantile_ms(0.99),
                max_ms: (*events > 0).then_some(*latency_max_us as f64 / 1000.0),
                negative: latency.negative(),
            },
        }
    }
}

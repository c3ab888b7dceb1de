//! `POST /v1/events`: checks CloudEvents, packs concurrent requests into stream entries, answers once Redis has
//! confirmed them.

mod body;
mod commit;
pub mod config;
mod error;
mod openapi;
mod routes;
mod telemetry;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use events::Keys;
use observability::metrics::{Registry, log_statistics};
use service::health::Readiness;
use service::redis::Link;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::commit::{Committer, Partition};
use crate::config::Config;
use crate::telemetry::Instruments;

pub use openapi::document as openapi_document;

/// What the handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) instruments: Instruments,
}

/// Serves until `shutdown` is cancelled; returns when the requests in flight are answered.
///
/// # Errors
/// None after the start: a Redis that is down is waited for.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let registry = Registry::new();
    let readiness = Readiness::default();
    // Writers go on until the requests in flight have their answers.
    let stop_writing = CancellationToken::new();
    let (app, _writers) = start(config, &registry, &readiness, &stop_writing);
    let _statistics = AbortOnDropHandle::new(tokio::spawn(log_statistics(
        registry.clone(),
        app.config.common.statistics_interval,
    )));
    let _gauges = AbortOnDropHandle::new(tokio::spawn(app.instruments.clone().watch(app.partitions.clone())));
    let (instance, token) = (&app.config.common.instance, app.config.token.as_ref());
    let health = service::health::routes("ingest-api", instance, &readiness, &registry, token);
    let router = router(&app, &registry).merge(health);
    tracing::info!(address = %listener.local_addr()?, "listening");
    service::http::serve(listener, router, &app.config.http, &readiness, shutdown).await;
    stop_writing.cancel();
    Ok(())
}

fn start(
    config: Config,
    registry: &Registry,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> (Arc<App>, Vec<AbortOnDropHandle<()>>) {
    let instruments = Instruments::new(registry, &config);
    let partitions: Vec<_> = Keys::all(config.partitions)
        .iter()
        .map(|_| Arc::new(Partition::new(config.queue_bytes_max)))
        .collect();
    let writers = Keys::all(config.partitions).into_iter().zip(&partitions).map(|(keys, partition)| {
        let condition = readiness.condition("redis", "connecting");
        let committer = Committer {
            keys,
            partition: Arc::clone(partition),
            link: Link::new(&config.redis, config.write_timeout, registry, Some(condition)),
            instance: config.common.instance.clone(),
            instruments: instruments.clone(),
        };
        AbortOnDropHandle::new(tokio::spawn(committer.run(stop.clone())))
    });
    let writers = writers.collect();
    (Arc::new(App { config, partitions, instruments }), writers)
}

fn router(app: &Arc<App>, registry: &Registry) -> Router {
    let metrics = service::http_metrics::HttpMetrics::new(
        registry,
        &[(Method::POST, "/v1/events", StatusCode::ACCEPTED)],
    );
    let (api, document) = openapi::routes().split_for_parts();
    service::auth::protect(api, app.config.token.as_ref())
        .with_state(Arc::clone(app))
        .merge(openapi::serve(document))
        .fallback(service::problem::not_found)
        .method_not_allowed_fallback(service::problem::method_not_allowed)
        .layer(axum::middleware::map_response_with_state(Arc::clone(app), telemetry::count_refusal))
        .layer(axum::middleware::from_fn_with_state(metrics, service::http_metrics::record))
}

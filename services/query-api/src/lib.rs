//! Answers questions about processed events: follows the results streams into a cache of its own, or reads
//! the cache of a worker on the same machine.

pub mod config;
mod error;
mod follow;
mod openapi;
mod parameters;
mod pipeline;
mod readers;
mod respond;
mod routes;
mod rows;
mod streams;
mod telemetry;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use events::EntryId;
use observability::metrics::{Registry, log_statistics};
use service::health::{Condition, Readiness};
use tokio::net::TcpListener;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Config, Follow};
use crate::follow::{Following, Progress};
use crate::pipeline::Pipeline;
use crate::readers::Readers;

pub use openapi::document as openapi_document;

/// How often a missing cache is looked for: short against a start, long against its cost.
const OPEN_INTERVAL: Duration = Duration::from_millis(100);

/// What the handlers share.
pub(crate) struct App {
    pub(crate) readers: Readers,
    pub(crate) pipeline: Pipeline,
    /// `None` where a worker fills the cache.
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) readiness: Readiness,
}

impl App {
    fn new(config: &Config, progress: Option<Arc<Progress>>, readiness: &Readiness) -> Arc<Self> {
        Arc::new(Self {
            readers: Readers::new(config),
            pipeline: Pipeline::new(&config.redis, config.partitions),
            progress,
            readiness: readiness.clone(),
        })
    }

    /// Partitions of which results were missed, and up to which one.
    pub(crate) fn gaps(&self) -> Vec<(u8, EntryId)> {
        self.progress.iter().flat_map(|progress| progress.gaps()).collect()
    }
}

/// Serves until `shutdown` is cancelled; returns when the requests in flight are answered and what was read
/// is stored.
///
/// # Errors
/// A cache that cannot be opened, or that turns out to be damaged. A Redis that is down is waited for.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let registry = Registry::new();
    let readiness = Readiness::default();
    // Following goes on until the requests in flight have their answers.
    let stop = CancellationToken::new();
    let following = match config.cache_follow {
        Follow::On => {
            let condition = readiness.condition("caught-up", "the results have not been read yet");
            Some(Following::start(&config, &registry, condition, &stop)?)
        }
        Follow::Off => None,
    };
    let progress = following.as_ref().map(|following| Arc::clone(&following.progress));
    let app = App::new(&config, progress, &readiness);
    let condition = readiness.condition("cache", "the cache is not there yet");
    let _opening = AbortOnDropHandle::new(tokio::spawn(wait_for_cache(app.readers.clone(), condition)));
    let _statistics = AbortOnDropHandle::new(tokio::spawn(log_statistics(
        registry.clone(),
        config.common.statistics_interval,
    )));
    let (instance, token) = (&config.common.instance, config.token.as_ref());
    let health = service::health::routes("query-api", instance, &readiness, &registry, token);
    let router = router(&app, &config, &registry).merge(health);
    tracing::info!(address = %listener.local_addr()?, "listening");
    let serving = service::http::serve(listener, router, &config.http, &readiness, either(&shutdown, &stop));
    serving.await;
    stop.cancel();
    match following {
        Some(following) => following.finish().await,
        None => Ok(()),
    }
}

/// The endpoints.
fn router(app: &Arc<App>, config: &Config, registry: &Registry) -> Router {
    let metrics =
        service::http_metrics::HttpMetrics::new(registry, &[(Method::GET, "/v1/events", StatusCode::OK)]);
    let (api, document) = openapi::routes().split_for_parts();
    service::auth::protect(api, config.token.as_ref())
        .with_state(Arc::clone(app))
        .merge(openapi::serve(document))
        .fallback(service::problem::not_found)
        .method_not_allowed_fallback(service::problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(metrics, service::http_metrics::record))
}

async fn wait_for_cache(readers: Readers, condition: Condition) {
    let mut ticks = interval(OPEN_INTERVAL);
    loop {
        ticks.tick().await;
        if readers.is_open().await {
            return condition.set_ready();
        }
    }
}

/// Cancelled as soon as one of both is.
fn either(a: &CancellationToken, b: &CancellationToken) -> CancellationToken {
    let either = a.child_token();
    let (cancelled, b) = (either.clone(), b.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = b.cancelled() => cancelled.cancel(),
            () = cancelled.cancelled() => {}
        }
    });
    either
}

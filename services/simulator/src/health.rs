//! Health and statistics of a run, where they are asked for.

use std::time::Duration;

use axum::Router;
use observability::metrics::Registry;
use service::config::HttpConfig;
use service::health::{self, Condition, Readiness};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::error::RunError;

/// Serves for as long as it lives.
pub(crate) struct Health {
    ready: Option<Condition>,
    _serving: DropGuard,
}

impl Health {
    /// Listens, not ready yet.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(crate) async fn start(
        config: &Config,
        registry: &Registry,
        shutdown: &CancellationToken,
    ) -> Result<Self, RunError> {
        let stop = shutdown.child_token();
        let Some(address) = config.listen else {
            return Ok(Self { ready: None, _serving: stop.drop_guard() });
        };
        let listener = TcpListener::bind(address).await.map_err(RunError::Listen)?;
        let readiness = Readiness::default();
        let ready = readiness.condition("target", "connecting");
        let router: Router = health::routes("simulator", &config.common.instance, &readiness, registry, None);
        let until = stop.clone();
        tokio::spawn(async move {
            let limits = HttpConfig {
                header_timeout: Duration::from_secs(10),
                body_timeout: Duration::from_secs(10),
                connections_max: 16,
                drain_delay: Duration::ZERO,
                drain_timeout: Duration::from_secs(1),
            };
            service::http::serve(listener, router, &limits, &readiness, until).await;
        });
        Ok(Self { ready: Some(ready), _serving: stop.drop_guard() })
    }

    /// The run begins.
    pub(crate) fn is_ready(&self) {
        if let Some(ready) = &self.ready {
            ready.set_ready();
        }
    }
}

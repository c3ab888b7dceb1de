//! `/livez`, `/readyz`, `/statz` and `/loglevel` of every service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use observability::metrics::{Registry, Snapshot};
use serde::Serialize;

use crate::config::Secret;
use crate::{auth, build, log_level};

/// Whether a service is ready: when all its conditions are. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Vec<ConditionState>>>);

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ConditionState {
    pub name: &'static str,
    pub ready: bool,
    /// Why it is not ready.
    pub reason: Option<String>,
}

/// One thing that must be right before the service is ready. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Condition {
    readiness: Readiness,
    index: usize,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReadinessReport {
    pub ready: bool,
    pub conditions: Vec<ConditionState>,
}

/// The answer of `/statz`.
#[derive(Serialize)]
struct StatisticsReport {
    service: &'static str,
    instance: String,
    version: &'static str,
    revision: Option<&'static str>,
    arch: &'static str,
    #[serde(flatten)]
    metrics: Snapshot,
}

impl Readiness {
    /// Adds a condition that is not met yet.
    pub fn condition(&self, name: &'static str, reason: &str) -> Condition {
        let mut conditions = self.lock();
        conditions.push(ConditionState { name, ready: false, reason: Some(reason.to_owned()) });
        Condition { readiness: self.clone(), index: conditions.len() - 1 }
    }

    pub fn report(&self) -> ReadinessReport {
        let conditions = self.lock().clone();
        ReadinessReport { ready: conditions.iter().all(|condition| condition.ready), conditions }
    }

    /// From now on not ready, for the last time.
    pub fn begin_shutdown(&self) {
        self.condition("running", "shutting down");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ConditionState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    pub fn set_ready(&self) {
        self.set(true, None);
    }

    /// `reason` is shown to whoever asks: no secrets.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        self.set(false, Some(reason.into()));
    }

    fn set(&self, ready: bool, reason: Option<String>) {
        let condition = &mut self.readiness.lock()[self.index];
        condition.ready = ready;
        condition.reason = reason;
    }
}

#[derive(Clone)]
struct HealthState {
    service: &'static str,
    instance: String,
    readiness: Readiness,
    registry: Registry,
}

/// The health routes. Reading them needs no token; the log level needs `token` where there is one.
pub fn routes(
    service: &'static str,
    instance: &str,
    readiness: &Readiness,
    registry: &Registry,
    token: Option<&Secret>,
) -> Router {
    let state = HealthState {
        service,
        instance: instance.to_owned(),
        readiness: readiness.clone(),
        registry: registry.clone(),
    };
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/statz", get(statz))
        .with_state(state)
        .merge(auth::protect(log_level::routes(), token))
}

async fn readyz(State(state): State<HealthState>) -> (StatusCode, Json<ReadinessReport>) {
    let report = state.readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

async fn statz(State(state): State<HealthState>) -> Json<StatisticsReport> {
    observability::read_usage();
    Json(StatisticsReport {
        service: state.service,
        instance: state.instance,
        version: build::VERSION,
        revision: build::REVISION,
        arch: build::ARCH,
        metrics: state.registry.snapshot(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_condition_is() {
        let readiness = Readiness::default();
        let redis = readiness.condition("redis", "connecting");
        let cache = readiness.condition("cache", "opening");
        redis.set_ready();
        assert!(!readiness.report().ready);
        cache.set_ready();
        assert!(readiness.report().ready);
        redis.set_not_ready("connection refused");
        assert_eq!(readiness.report().conditions[0].reason.as_deref(), Some("connection refused"));
    }

    #[test]
    fn shutdown_ends_readiness() {
        let readiness = Readiness::default();
        readiness.begin_shutdown();
        assert!(!readiness.report().ready);
    }
}

//! Rate, errors and duration of HTTP requests.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use observability::metrics::{Gauge, Histogram, Metric, Registry};
use tokio::time::Instant;

/// One histogram for each method, route and status that has occurred: few enough to search without hashing. Cloning
/// shares them.
#[derive(Clone)]
pub struct HttpMetrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    active: Gauge,
    bound: RwLock<Vec<(Method, String, StatusCode, Histogram)>>,
}

impl HttpMetrics {
    /// The series of `expected` exist before their first request.
    pub fn new(registry: &Registry, expected: &[(Method, &str, StatusCode)]) -> Self {
        let active = registry.gauge(Metric::HttpRequestsActive, &[]);
        let metrics = Self(Arc::new(Inner { registry: registry.clone(), active, bound: RwLock::default() }));
        for (method, route, status) in expected {
            metrics.bind(method, route, *status);
        }
        metrics
    }

    fn record(&self, method: &Method, route: &str, status: StatusCode, duration: Duration) {
        let bound = self.0.bound.read().unwrap_or_else(PoisonError::into_inner);
        let same = |(a, b, c, _): &&(Method, String, StatusCode, Histogram)| {
            a == method && b == route && *c == status
        };
        if let Some((.., histogram)) = bound.iter().find(same) {
            return histogram.record(duration);
        }
        drop(bound);
        self.bind(method, route, status).record(duration);
    }

    fn bind(&self, method: &Method, route: &str, status: StatusCode) -> Histogram {
        let labels = [
            ("http.request.method", method.as_str()),
            ("http.route", route),
            ("http.response.status_code", status.as_str()),
        ];
        // The registry gives the same series to whoever else is here now.
        let histogram = self.0.registry.histogram(Metric::HttpRequestDuration, &labels);
        let mut bound = self.0.bound.write().unwrap_or_else(PoisonError::into_inner);
        bound.push((method.clone(), route.to_owned(), status, histogram.clone()));
        histogram
    }
}

/// A request that has no response yet. Dropped also where the client hangs up.
struct Active(Gauge);

impl Active {
    fn begin(active: &Gauge) -> Self {
        active.add(1.0);
        Self(active.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}

/// Middleware that records the duration of a request, up to the response's head.
pub async fn record(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _active = Active::begin(&metrics.0.active);
    // Methods that the standard does not know would be unbounded labels.
    let method = match request.method() {
        method @ (&Method::GET | &Method::POST | &Method::HEAD | &Method::PUT | &Method::DELETE) => {
            method.clone()
        }
        _ => Method::OPTIONS,
    };
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    metrics.record(&method, route, response.status(), started.elapsed());
    response
}

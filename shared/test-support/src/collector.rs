//! A receiver of OTLP/HTTP that keeps what it gets.

mod otlp;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use prost::Message as _;

use crate::running::Running;
use crate::wait::eventually;

/// All bodies by path.
type Received = Arc<Mutex<HashMap<String, Vec<Bytes>>>>;

/// Accepts all signals at their usual paths, without compression.
pub struct Collector {
    received: Received,
    service: Running,
}

/// A span as it was exported.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSpan {
    pub trace_id: u128,
    pub span_id: u64,
    /// 0 for the root of a trace.
    pub parent_id: u64,
    pub name: String,
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: &'static str,
    /// Unix nanoseconds.
    pub start_ns: u64,
    pub end_ns: u64,
    /// Values as text.
    pub attributes: BTreeMap<String, String>,
    pub links: Vec<ReceivedLink>,
    pub is_error: bool,
    /// Attributes of the resource.
    pub resource: BTreeMap<String, String>,
}

/// A link of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedLink {
    pub trace_id: u128,
    pub span_id: u64,
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    pub async fn start() -> Self {
        let received = Received::default();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&received));
        let service = Running::start(|listener, shutdown| async move {
            Ok(axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await?)
        })
        .await;
        Self { received, service }
    }

    /// The endpoint for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        self.service.url("")
    }

    /// Whether a body that was posted to the path contains these bytes: strings and ids stand in protobuf messages as
    /// they are.
    pub fn has(&self, path: &str, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let has = |body: &Bytes| body.windows(bytes.len()).any(|window| window == bytes);
        self.lock().get(path).is_some_and(|bodies| bodies.iter().any(has))
    }

    /// All spans so far.
    ///
    /// # Panics
    /// Where something else than spans was posted as such.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        let bodies = self.lock().get("/v1/traces").cloned().unwrap_or_default();
        bodies.iter().flat_map(|body| otlp::Request::decode(body.as_ref()).expect("spans").spans()).collect()
    }

    /// Waits until the spans are as expected.
    ///
    /// # Panics
    /// After 30 s.
    pub async fn spans_where<T>(
        &self,
        what: &str,
        mut condition: impl FnMut(&[ReceivedSpan]) -> Option<T>,
    ) -> T {
        eventually(what, async || condition(&self.spans())).await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Bytes>>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReceivedSpan {
    /// An attribute, or an empty text.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The name of its service.
    pub fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", String::as_str)
    }

    pub fn links_to(&self, other: &Self) -> bool {
        self.links_to_context(other.trace_id, other.span_id)
    }

    pub fn links_to_context(&self, trace_id: u128, span_id: u64) -> bool {
        self.links.iter().any(|link| (link.trace_id, link.span_id) == (trace_id, span_id))
    }

    pub fn is_child_of(&self, other: &Self) -> bool {
        (self.trace_id, self.parent_id) == (other.trace_id, other.span_id)
    }
}

async fn receive(State(received): State<Received>, uri: Uri, body: Bytes) {
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    received.entry(uri.path().to_owned()).or_default().push(body);
}

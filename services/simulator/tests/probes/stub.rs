//! A query API with one event a phase.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use test_support::Running;

/// What it says of an event. Others are absent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    FoundAt(Instant),
    /// At once, accepted and processed at these unix microseconds.
    Stamped(i64, i64),
    Status(u16),
}

pub(crate) struct Stub {
    running: Running,
    state: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    says: HashMap<String, Says>,
    clients: HashSet<SocketAddr>,
    token: String,
}

type Shared = State<Arc<Mutex<Seen>>>;

/// Where the event of a phase stands.
pub(crate) fn position(phase: u16) -> String {
    format!("17-{phase}.0")
}

impl Stub {
    pub(crate) async fn start() -> Self {
        let state = Arc::<Mutex<Seen>>::default();
        let router = Router::new().route("/v1/events/{position}", get(event)).with_state(Arc::clone(&state));
        let running = Running::start(async |listener, shutdown| {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
            Ok(())
        });
        Self { running: running.await, state }
    }

    pub(crate) fn url(&self) -> String {
        self.running.url("")
    }

    pub(crate) fn says(&self, phase: u16, says: Says) {
        self.state.lock().expect("no test has panicked").says.insert(position(phase), says);
    }

    /// How many connections have been used.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().expect("no test has panicked").clients.len()
    }

    pub(crate) fn token(&self) -> String {
        self.state.lock().expect("no test has panicked").token.clone()
    }
}

async fn event(
    State(state): Shared,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Path(position): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let mut seen = state.lock().expect("no test has panicked");
    seen.clients.insert(client);
    seen.token = headers["authorization"].to_str().expect("text").to_owned();
    let status = match seen.says.get(&position) {
        Some(Says::FoundAt(at)) if *at <= Instant::now() => StatusCode::OK,
        Some(Says::Stamped(..)) => StatusCode::OK,
        Some(Says::Status(status)) => StatusCode::from_u16(*status).expect("a status"),
        _ => StatusCode::NOT_FOUND,
    };
    let body = match seen.says.get(&position) {
        Some(Says::Stamped(accepted_us, processed_us)) => serde_json::json!({
            "accepted_at": events::rfc3339_from_unix_us(*accepted_us),
            "processed_at": events::rfc3339_from_unix_us(*processed_us),
            "work": { "result": 1, "duration_ns": 15_000 },
            "event": { "data": "x".repeat(1000) },
        })
        .to_string(),
        // More than what comes with the head.
        _ => "x".repeat(200_000),
    };
    (status, body)
}

//! Waiting for a condition instead of sleeping for a guess.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::{Instant, interval};

/// Generous: these tests also run on shared two-core machines.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until the answer is `Some`.
///
/// # Panics
/// After 30 s, naming what did not happen.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut ticks = interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
    }
}

/// A port of the loopback address that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has free ports");
    listener.local_addr().expect("a bound socket has an address").port()
}

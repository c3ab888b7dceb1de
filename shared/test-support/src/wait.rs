//! Waiting for a condition instead of sleeping for a guess.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval};

/// Below those for outgoing connections (Linux: ip_local_port_range), and beside those that `testbed` takes for itself.
const PORTS: Range<u16> = 9_500..12_000;

/// Generous: these tests also run on shared two-core machines.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until the answer is `Some`.
///
/// # Panics
/// After 30 s, naming what did not happen.
pub async fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, condition).await
}

/// As [`eventually`], for what takes long by itself.
pub async fn eventually_within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    let mut ticks = interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < deadline, "not within {deadline:?}: {what}");
    }
}

/// A port of the loopback address that nobody listens on now. None of those that the system gives to outgoing connections, so that
/// nobody gets it by chance before it is used.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Processes begin at different ones.
    let begin = std::process::id().wrapping_mul(97);
    let candidate = || {
        let offset = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32;
        PORTS.start + offset as u16
    };
    let free = PORTS.map(|_| candidate()).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("the loopback address has free ports")
}

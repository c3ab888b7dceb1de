//! Where the target is. Names are looked up again now and then while connections fail: it may have moved.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::error::RunError;
use crate::target::Target;

/// Often enough to find a target that has moved within a few seconds.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(2);

/// The addresses of a target.
#[derive(Debug)]
pub(crate) struct Addresses {
    host: String,
    port: u16,
    current: RwLock<Vec<SocketAddr>>,
    has_failed: AtomicBool,
}

impl Addresses {
    /// Looks the target's name up, again and again for `patience`: a service that is just being started has none yet.
    ///
    /// # Errors
    /// The name has no address.
    pub(crate) async fn look_up(target: &Target, patience: Duration) -> Result<Self, RunError> {
        let (host, port) = target.address();
        let addresses = Self {
            host: host.to_owned(),
            port,
            current: RwLock::default(),
            has_failed: AtomicBool::new(false),
        };
        let begin = Instant::now();
        while let Err(error) = addresses.refresh().await {
            let Some(rest) = patience.checked_sub(begin.elapsed()) else {
                return Err(RunError::Unreachable {
                    target: format!("{target:?}"),
                    waited_s: patience.as_secs_f64(),
                    reason: format!("cannot look {host} up: {error}"),
                });
            };
            sleep(rest.min(LOOKUP_INTERVAL)).await;
        }
        Ok(addresses)
    }

    /// The address that connection `index` goes to; connections are spread over all there are.
    pub(crate) fn get(&self, index: usize) -> Option<SocketAddr> {
        let current = self.current.read().ok()?;
        (!current.is_empty()).then(|| current[index % current.len()])
    }

    /// An attempt to connect failed.
    pub(crate) fn report(&self, _error: &io::Error) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Looks the name up again after failures, until it is dropped.
    pub(crate) async fn keep_current(self: Arc<Self>) {
        let mut ticks = interval(LOOKUP_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.has_failed.swap(false, Ordering::Relaxed)
                && let Err(error) = self.refresh().await
            {
                tracing::debug!(%error, host = self.host, "cannot look the target up again");
            }
        }
    }

    async fn refresh(&self) -> io::Result<()> {
        let found: Vec<_> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        if let Ok(mut current) = self.current.write() {
            *current = found;
        }
        Ok(())
    }
}

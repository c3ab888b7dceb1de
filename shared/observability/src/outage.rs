//! One log line when something starts to fail and one when it works again, however often it fails in between.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::log::OUTAGE;

/// How often a lasting outage is reported again.
const REMIND_AFTER: Duration = Duration::from_secs(600);

/// The failure state of one dependency, such as the connection to Redis.
#[derive(Debug)]
pub struct Outage {
    what: String,
    state: Mutex<Option<Failing>>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    reported: Instant,
    failures: u64,
}

impl Outage {
    /// `what` names the dependency in the log.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), state: Mutex::new(None) }
    }

    /// Logs the first failure and one every ten minutes; counts the others.
    pub fn failed(&self, error: &dyn Display) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match state.as_mut() {
            None => {
                tracing::warn!(target: OUTAGE, dependency = %self.what, %error, "dependency fails, retrying");
                *state = Some(Failing { since: now, reported: now, failures: 1 });
            }
            Some(failing) => {
                failing.failures += 1;
                if now - failing.reported >= REMIND_AFTER {
                    failing.reported = now;
                    let (failures, failing_s) = (failing.failures, (now - failing.since).as_secs());
                    tracing::warn!(target: OUTAGE, dependency = %self.what, %error, failures, failing_s, "dependency still fails");
                }
            }
        }
    }

    /// Logs the end of an outage; does nothing where there was none.
    pub fn recovered(&self) {
        let failing = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(failing) = failing {
            let (failures, failing_ms) = (failing.failures, failing.since.elapsed().as_millis() as u64);
            tracing::info!(target: OUTAGE, dependency = %self.what, failures, failing_ms, "dependency works again");
        }
    }
}

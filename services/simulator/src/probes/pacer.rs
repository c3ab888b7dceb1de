//! A bound on the rate of requests to the query API, which is a part of what is measured.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Gives turns to those who wait, in their order.
#[derive(Debug)]
pub(super) struct Pacer {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(super) fn new(per_second: f64) -> Self {
        Self { gap: Duration::from_secs_f64(1.0 / per_second), next: Mutex::default() }
    }

    /// Waits for the next free turn.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let turn = self.take(now);
        if turn > now {
            sleep_until(turn).await;
        }
    }

    /// When it is the turn of somebody who comes now.
    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.gap);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_gap_apart_and_are_not_saved_up() {
        let (pacer, began) = (Pacer::new(100.0), Instant::now());
        for came in [began, began + Duration::from_secs(1)] {
            for turn in 0..10 {
                assert_eq!(pacer.take(came), came + Duration::from_millis(10) * turn);
            }
        }
    }
}

//! A bound on the rate of requests to the query API, which is a part of what is measured.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::sleep::sleep;

/// Turns that nobody took are saved up for this long: looks for one event are closer to each other than the rate is.
const SAVES_UP_TO: Duration = Duration::from_millis(50);

/// Gives turns to those who wait, in their order.
#[derive(Debug)]
pub(super) struct Pacer {
    gap: Duration,
    /// When the next turn is due, by the rate alone.
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
            sleep(turn - now).await;
        }
    }

    /// When it is the turn of somebody who comes now.
    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.map_or(now, |next| next.max(now.checked_sub(SAVES_UP_TO).unwrap_or(next)));
        *next = Some(due + self.gap);
        due.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_gap_apart_and_saved_up_for_a_while() {
        let (pacer, began) = (Pacer::new(100.0), Instant::now());
        let turns = |came: Instant, saved: u32| {
            for turn in 0..10_u32 {
                let after = Duration::from_millis(10) * turn.saturating_sub(saved);
                assert_eq!(pacer.take(came), came + after, "turn {turn}");
            }
        };
        turns(began, 0);
        turns(began + Duration::from_secs(1), 5);
    }
}

//! Waiting for an absolute moment with microsecond accuracy: sleep to just before it, then spin.

use std::hint::spin_loop;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest single sleep, so that a stop is noticed soon.
const SLEEP_MAX: Duration = Duration::from_millis(20);
/// Spinning takes a processor away from others, perhaps from the receiver under test: never for longer than this …
const SPIN_MAX: Duration = Duration::from_micros(25);
/// … and never for more than one part in this many of a wait, so that a dense schedule sleeps as well.
const SPIN_DIVISOR: u32 = 4;
const SPIN_MIN: Duration = Duration::from_micros(1);
/// Up nine times as far as down, so that the spin settles where nine of ten wake-ups are in time.
const STEP_UP: Duration = Duration::from_nanos(450);
const STEP_DOWN: Duration = Duration::from_nanos(50);

/// Learns how much later than asked the system wakes this thread, and spins for about that long.
#[derive(Debug)]
pub(crate) struct Waiter {
    spin: Duration,
}

impl Waiter {
    /// A waiter for the calling thread.
    pub(crate) fn new() -> Self {
        reduce_timer_slack();
        Self { spin: SPIN_MAX }
    }

    /// Returns at `deadline` or, where it is far away, some time before it.
    pub(crate) fn wait_until(&mut self, deadline: Instant) {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let asleep = (left - self.spin.min(left / SPIN_DIVISOR)).min(SLEEP_MAX);
        if !asleep.is_zero() {
            sleep(asleep);
            let woken = Instant::now();
            self.learn(woken.saturating_duration_since(now).saturating_sub(asleep));
            if deadline.saturating_duration_since(woken) > SPIN_MAX {
                return;
            }
        }
        while Instant::now() < deadline {
            spin_loop();
        }
    }

    fn learn(&mut self, overslept: Duration) {
        self.spin = if overslept > self.spin {
            (self.spin + STEP_UP).min(SPIN_MAX)
        } else {
            self.spin.saturating_sub(STEP_DOWN).max(SPIN_MIN)
        };
    }
}

/// Linux delays wake-ups by up to 50 µs to save power, unless a thread asks otherwise.
fn reduce_timer_slack() {
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timer slack is unchanged, sends may be up to 50 µs late");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_returns_late_moments_early() {
        let mut waiter = Waiter::new();
        for distance_us in [0, 1, 10, 150, 1_000, 5_000] {
            let deadline = Instant::now() + Duration::from_micros(distance_us);
            while Instant::now() < deadline {
                waiter.wait_until(deadline);
            }
            assert!(Instant::now() >= deadline, "{distance_us} us");
        }
    }

    #[test]
    fn spin_settles_where_most_wake_ups_are_in_time() {
        let mut waiter = Waiter::new();
        // One wake-up in twenty is very late, the others by 3 to 11 µs: the ninetieth percentile is near 11 µs.
        for index in 0..10_000_u64 {
            let overslept_us = if index % 20 == 0 { 500 } else { 3 + index * 7 % 9 };
            waiter.learn(Duration::from_micros(overslept_us));
        }
        assert!((9..=12).contains(&waiter.spin.as_micros()), "{:?}", waiter.spin);
        (0..10_000).for_each(|_| waiter.learn(Duration::from_secs(1)));
        assert_eq!(waiter.spin, SPIN_MAX);
        (0..10_000).for_each(|_| waiter.learn(Duration::ZERO));
        assert_eq!(waiter.spin, SPIN_MIN);
    }
}

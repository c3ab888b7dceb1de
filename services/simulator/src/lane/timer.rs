//! Waiting for sockets until an absolute moment with microsecond accuracy: asleep to just before it, then polling.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use measurement::Histogram;
use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// Polling takes a processor away from others, perhaps from the receiver under test: never for longer than this …
const SPIN_MAX: Duration = Duration::from_micros(25);
/// … and never for more than one part in this many of a wait, so that a dense schedule sleeps as well.
const SPIN_DIVISOR: u32 = 4;
const SPIN_MIN: Duration = Duration::from_micros(1);
/// Up nine times as far as down, so that the spin settles where nine of ten wake-ups are in time.
const STEP_UP: Duration = Duration::from_nanos(450);
const STEP_DOWN: Duration = Duration::from_nanos(50);

/// Wakes an event loop at a moment. The timeout of `epoll_wait` has milliseconds only, a timerfd has nanoseconds.
pub(super) struct Timer {
    descriptor: OwnedFd,
    token: Token,
    /// How much before a moment the sleep ends; learned from how late the system wakes this thread.
    spin: Duration,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// How much later than asked the thread was woken.
    overslept: Histogram,
}

impl Timer {
    /// A timer of the calling thread, whose events carry `token`.
    ///
    /// # Errors
    /// The system has no timer left.
    pub(super) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
        reduce_timer_slack();
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        SourceFd(&descriptor.as_raw_fd()).register(poll.registry(), token, Interest::READABLE)?;
        Ok(Self { descriptor, token, spin: SPIN_MAX, armed: None, overslept: Histogram::new() })
    }

    /// Waits until something happens, or until `deadline`; it may return somewhat before that.
    ///
    /// # Errors
    /// Polling fails, which it does only where the system is broken.
    pub(super) fn wait(&mut self, poll: &mut Poll, events: &mut Events, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let spin = self.spin.min(left / SPIN_DIVISOR);
        if left <= SPIN_MIN || left <= self.spin {
            return poll_once(poll, events, Some(Duration::ZERO));
        }
        let wake_at = deadline - spin;
        self.arm(wake_at)?;
        poll_once(poll, events, None)?;
        if events.iter().any(|event| event.token() == self.token) {
            let asked_for = self.armed.take().unwrap_or(wake_at);
            self.learn(Instant::now().saturating_duration_since(asked_for));
        }
        Ok(())
    }

    /// How much later than asked this thread was woken.
    pub(super) fn into_overslept(self) -> Histogram {
        self.overslept
    }

    fn arm(&mut self, wake_at: Instant) -> io::Result<()> {
        // A timer that is set to somewhat earlier costs one wake-up; setting it anew would cost a system call each time.
        if self.armed.is_some_and(|armed| armed <= wake_at && armed > Instant::now()) {
            return Ok(());
        }
        let left = wake_at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let it_value = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        self.armed = Some(wake_at);
        Ok(())
    }

    fn learn(&mut self, overslept: Duration) {
        self.overslept.record(overslept);
        self.spin = if overslept > self.spin {
            (self.spin + STEP_UP).min(SPIN_MAX)
        } else {
            self.spin.saturating_sub(STEP_DOWN).max(SPIN_MIN)
        };
    }
}

fn poll_once(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        result => result,
    }
}

/// Linux delays wake-ups by up to 50 µs to save power, unless a thread asks otherwise.
fn reduce_timer_slack() {
    if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
        tracing::debug!(%error, "timer slack is unchanged, sends may be up to 50 µs late");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> (Poll, Events, Timer) {
        let poll = Poll::new().unwrap();
        let timer = Timer::new(&poll, Token(0)).unwrap();
        (poll, Events::with_capacity(8), timer)
    }

    #[test]
    fn waits_until_the_deadline_and_not_long_before() {
        let (mut poll, mut events, mut timer) = timer();
        for distance_us in [0, 1, 10, 150, 1_000, 5_000, 30_000] {
            let deadline = Instant::now() + Duration::from_micros(distance_us);
            let mut waits = 0;
            while Instant::now() < deadline {
                timer.wait(&mut poll, &mut events, deadline).unwrap();
                waits += 1;
            }
            // One sleep, perhaps one of an earlier setting, then polling.
            assert!(waits < 1_000, "{distance_us} us: {waits}");
        }
        assert!(timer.into_overslept().count() >= 3);
    }

    #[test]
    fn earlier_deadline_after_a_later_one_is_kept() {
        let (mut poll, mut events, mut timer) = timer();
        timer.arm(Instant::now() + Duration::from_secs(3600)).unwrap();
        let deadline = Instant::now() + Duration::from_millis(5);
        while Instant::now() < deadline {
            timer.wait(&mut poll, &mut events, deadline).unwrap();
        }
        assert!(deadline.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn spin_settles_where_most_wake_ups_are_in_time() {
        let (_poll, _events, mut timer) = timer();
        // One wake-up in twenty is very late, the others by 3 to 11 µs: the ninetieth percentile is near 11 µs.
        for index in 0..10_000_u64 {
            let overslept_us = if index % 20 == 0 { 500 } else { 3 + index * 7 % 9 };
            timer.learn(Duration::from_micros(overslept_us));
        }
        assert!((9..=12).contains(&timer.spin.as_micros()), "{:?}", timer.spin);
        (0..10_000).for_each(|_| timer.learn(Duration::from_secs(1)));
        assert_eq!(timer.spin, SPIN_MAX);
        (0..10_000).for_each(|_| timer.learn(Duration::ZERO));
        assert_eq!(timer.spin, SPIN_MIN);
    }
}

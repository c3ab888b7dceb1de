//! The two ways of ending a run early.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use mio::Waker;

const SENDING: u8 = 1;
const WAITING: u8 = 2;

/// Tells lanes to end, and wakes them.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    level: AtomicU8,
    wakers: Mutex<Vec<Waker>>,
}

impl Stop {
    /// Nothing more is sent; what waits is unsent.
    pub(crate) fn end_sending(&self) {
        self.raise(SENDING);
    }

    /// Nobody waits for answers any more; what is open is unknown.
    pub(crate) fn end_waiting(&self) {
        self.raise(WAITING);
    }

    pub(super) fn ends_sending(&self) -> bool {
        self.level.load(Ordering::Relaxed) >= SENDING
    }

    pub(super) fn ends_waiting(&self) -> bool {
        self.level.load(Ordering::Relaxed) >= WAITING
    }

    /// Wakes this one too.
    pub(super) fn register(&self, waker: Waker) {
        if let Ok(mut wakers) = self.wakers.lock() {
            wakers.push(waker);
        }
    }

    fn raise(&self, level: u8) {
        self.level.fetch_max(level, Ordering::Relaxed);
        if let Ok(wakers) = self.wakers.lock() {
            for waker in wakers.iter() {
                // A lane that cannot be woken looks by itself within a tenth of a second.
                waker.wake().ok();
            }
        }
    }
}

//! Wall-clock time as the event contract writes it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix microseconds by this machine's clock.
pub fn unix_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

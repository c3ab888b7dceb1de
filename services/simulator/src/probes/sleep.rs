//! Sleeping for less than the runtime's timer can.

use std::time::Duration;

use tokio::task::spawn_blocking;

/// Up to this long a thread sleeps; it is another one for each that does.
const SHORT: Duration = Duration::from_millis(2);

/// As [`tokio::time::sleep`], which has milliseconds and rounds up, but to the step of the system where it is short.
pub(super) async fn sleep(duration: Duration) {
    if duration > SHORT || spawn_blocking(move || std::thread::sleep(duration)).await.is_err() {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn sleeps_are_never_shorter_than_asked_for() {
        for asked_for in (0..4000).step_by(100).map(Duration::from_micros) {
            let began = Instant::now();
            sleep(asked_for).await;
            assert!(began.elapsed() >= asked_for);
        }
    }
}

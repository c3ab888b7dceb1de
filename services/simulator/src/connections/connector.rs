//! Makes the connections of one task: bounded attempts, backoff between failures.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::plan::Plan;
use crate::random::{CONNECTIONS, Stream, stream};
use crate::target::Target;

/// An attempt that takes longer has failed: a SYN was lost twice, or something drops them.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Short enough that a receiver that comes back is loaded again within a second.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Connects to the target, again and again.
pub(super) struct Connector {
    target: Arc<Target>,
    attempt_max: Duration,
    backoff: Duration,
    /// No attempt before this.
    retry_at: Instant,
    last_error: Option<String>,
    jitter: Stream,
}

impl Connector {
    pub(super) fn new(target: Arc<Target>, plan: &Plan, index: u64) -> Self {
        Self {
            target,
            attempt_max: plan.timeout().min(ATTEMPT_MAX),
            backoff: BACKOFF_MIN,
            retry_at: Instant::now(),
            last_error: None,
            jitter: stream(plan.seed, CONNECTIONS, index),
        }
    }

    /// What the last failed attempt said.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// One attempt, now. A failure makes the next [`Connector::reconnect`] wait.
    pub(super) async fn connect(&mut self) -> Option<TcpStream> {
        let attempt = async {
            let stream = TcpStream::connect(self.target.address()).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(stream)
        };
        let error = match timeout(self.attempt_max, attempt).await {
            Ok(Ok(stream)) => {
                self.backoff = BACKOFF_MIN;
                return Some(stream);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer to the attempt".to_owned(),
        };
        self.last_error = Some(error);
        // Many connections must not come back at the same moment.
        self.retry_at = Instant::now() + self.backoff.mul_f64(self.jitter.random_range(0.5..=1.0));
        self.backoff = (2 * self.backoff).min(BACKOFF_MAX);
        None
    }

    /// Attempts until one succeeds. May be dropped at any time.
    pub(super) async fn reconnect(&mut self) -> TcpStream {
        loop {
            sleep_until(self.retry_at).await;
            if let Some(stream) = self.connect().await {
                return stream;
            }
        }
    }
}

//! What waits for the next write of a partition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::Position;
use observability::trace::TraceContext;
use tokio::sync::{Notify, oneshot};

use crate::body::Lines;
use crate::error::IngestError;

/// The lines of a request in one partition, once they are written.
#[derive(Debug)]
pub(crate) struct Written {
    /// In their order.
    pub(crate) positions: Vec<Position>,
    /// The span of the write, where it has one.
    pub(crate) span: Option<TraceContext>,
}

/// The lines of one request for one partition, and who waits for their positions.
pub(crate) struct Submission {
    pub(crate) lines: Lines,
    pub(crate) context: TraceContext,
    answer: oneshot::Sender<Result<Written, IngestError>>,
}

impl Submission {
    /// The request may be gone by now: its client has hung up.
    pub(crate) fn answer(self, answer: Result<Written, IngestError>) {
        drop(self.answer.send(answer));
    }
}

/// The queue between the handlers and the writer of one partition.
#[derive(Debug)]
pub(crate) struct Partition {
    queue: Mutex<Queue>,
    filled: Notify,
    bytes_max: usize,
    accepted: AtomicU64,
    settled: AtomicU64,
}

#[derive(Default)]
struct Queue {
    submissions: Vec<Submission>,
    bytes: usize,
    events: usize,
    /// Why nothing can be written now.
    closed: Option<String>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events, {} bytes, closed: {:?}", self.events, self.bytes, self.closed)
    }
}

impl Partition {
    /// Closed until the first connection. `bytes_max` bounds the lines that wait.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let queue = Queue { closed: Some("connecting".to_owned()), ..Queue::default() };
        Self {
            queue: Mutex::new(queue),
            filled: Notify::new(),
            bytes_max,
            accepted: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }

    /// Queues lines for the next write.
    ///
    /// # Errors
    /// Redis is unavailable, or the queue is full.
    pub(crate) fn submit(
        &self,
        lines: Lines,
        context: TraceContext,
    ) -> Result<oneshot::Receiver<Result<Written, IngestError>>, IngestError> {
        let (answer, answered) = oneshot::channel();
        let mut queue = self.lock();
        if let Some(reason) = &queue.closed {
            return Err(IngestError::Unavailable(reason.clone()));
        }
        if queue.bytes + lines.text.len() > self.bytes_max {
            return Err(IngestError::Queue);
        }
        queue.bytes += lines.text.len();
        queue.events += lines.ends.len();
        queue.submissions.push(Submission { lines, context, answer });
        drop(queue);
        self.filled.notify_one();
        Ok(answered)
    }

    /// Resolves when something has been submitted since the last [`Partition::take`].
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// All that waits.
    pub(crate) fn take(&self) -> Vec<Submission> {
        let mut queue = self.lock();
        queue.bytes = 0;
        queue.events = 0;
        std::mem::take(&mut queue.submissions)
    }

    pub(crate) fn open(&self) {
        self.lock().closed = None;
    }

    /// Refuses what waits and what comes, until it is opened again.
    pub(crate) fn close(&self, reason: &str) {
        self.lock().closed = Some(reason.to_owned());
        for submission in self.take() {
            submission.answer(Err(IngestError::Unavailable(reason.to_owned())));
        }
    }

    /// What waits, in events and in bytes.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.events, queue.bytes)
    }

    /// Both counters as Redis has them.
    pub(crate) fn set_counters(&self, accepted: u64, settled: Option<u64>) {
        self.accepted.store(accepted, Ordering::Relaxed);
        self.settled.store(settled.unwrap_or(0), Ordering::Relaxed);
    }

    /// Events that Redis has and no worker has settled, as far as known.
    pub(crate) fn backlog_events(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed).saturating_sub(self.settled.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

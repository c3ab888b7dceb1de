//! The bounded queue between the pacing thread and the connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, mpsc};

use crate::schedule::Arrival;

/// Requests that were made ahead may wait with their bytes up to this much; beyond it only their arrivals wait,
/// and the connection makes the request once more. Bounds the memory of a queue of large requests.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A request that is due.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) arrival: Arrival,
    /// Its bytes, where they were made ahead.
    pub(crate) request: Option<Vec<u8>>,
}

/// The pacing thread's end. Dropping it ends the run once the queue is empty.
#[derive(Debug)]
pub(crate) struct JobSender {
    jobs: mpsc::Sender<Job>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// The connections' end. They take turns, so that all get the same share of requests.
#[derive(Debug)]
pub(crate) struct JobReceiver {
    jobs: Mutex<mpsc::Receiver<Job>>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// A queue of at most `requests_max` requests.
pub(crate) fn queue(requests_max: usize) -> (JobSender, JobReceiver) {
    let (sender, receiver) = mpsc::channel(requests_max);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    (
        JobSender { jobs: sender, waiting_bytes: Arc::clone(&waiting_bytes) },
        JobReceiver { jobs: Mutex::new(receiver), waiting_bytes },
    )
}

impl JobSender {
    /// Hands a request over at once. Gives its arrival back where the queue is full, or nobody listens any more.
    pub(crate) fn try_send(&self, mut job: Job) -> Result<(), Arrival> {
        self.admit(&mut job);
        self.jobs.try_send(job).map_err(|error| self.take_back(error.into_inner()))
    }

    fn admit(&self, job: &mut Job) {
        let Some(bytes) = job.request.as_ref().map(Vec::len) else { return };
        if self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_BYTES_MAX {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            job.request = None;
        }
    }

    fn take_back(&self, job: Job) -> Arrival {
        self.waiting_bytes.fetch_sub(job.request.map_or(0, |request| request.len()), Ordering::Relaxed);
        job.arrival
    }
}

impl JobReceiver {
    /// The next request; none once the sender is gone and the queue is empty.
    pub(crate) async fn next(&self) -> Option<Job> {
        let job = self.jobs.lock().await.recv().await?;
        let bytes = job.request.as_ref().map_or(0, Vec::len);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job(index: u64, bytes: usize) -> Job {
        Job { arrival: Arrival { index, offset: Duration::ZERO }, request: Some(vec![0; bytes]) }
    }

    #[tokio::test]
    async fn full_queue_gives_the_arrival_back() {
        let (sender, receiver) = queue(2);
        for index in 0..2 {
            sender.try_send(job(index, 10)).unwrap();
        }
        assert_eq!(sender.try_send(job(2, 10)).unwrap_err().index, 2);
        drop(sender);
        assert_eq!(receiver.next().await.unwrap().arrival.index, 0);
        assert_eq!(receiver.next().await.unwrap().arrival.index, 1);
        assert!(receiver.next().await.is_none());
        assert_eq!(receiver.waiting_bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn large_requests_wait_without_their_bytes() {
        let (sender, receiver) = queue(100);
        for index in 0..20 {
            sender.try_send(job(index, WAITING_BYTES_MAX / 10)).unwrap();
        }
        assert!(sender.waiting_bytes.load(Ordering::Relaxed) <= WAITING_BYTES_MAX);
        let mut with_bytes = 0;
        for _ in 0..20 {
            with_bytes += usize::from(receiver.next().await.unwrap().request.is_some());
        }
        assert_eq!(with_bytes, 10);
        sender.try_send(job(20, WAITING_BYTES_MAX / 10)).unwrap();
        assert!(receiver.next().await.unwrap().request.is_some());
    }
}

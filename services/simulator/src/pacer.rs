//! The pacing thread: hands every request of the schedule over at its time, never early, and never waits for the
//! receiver. It has a thread of its own, so that nothing that connections do can delay an arrival.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use measurement::{Histogram, SequenceSet};
use observability::metrics::Counter;
use tokio_util::sync::CancellationToken;

use crate::plan::Plan;
use crate::queue::{Job, JobSender};
use crate::request::RequestWriter;
use crate::schedule::Schedule;
use crate::waiter::Waiter;

/// Requests are made ahead of their time while there is nothing else to do, up to this many …
const AHEAD_REQUESTS_MAX: usize = 256;
/// … and up to this many bytes. Covers the clusters of a Poisson schedule.
const AHEAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What the pacing thread works with.
pub(crate) struct Pace {
    pub(crate) plan: Plan,
    pub(crate) writer: RequestWriter,
    pub(crate) jobs: JobSender,
    /// The moment that all offsets count from.
    pub(crate) start: Instant,
    /// Ends the schedule early.
    pub(crate) stop: CancellationToken,
    /// Counts the events that found the queue full.
    pub(crate) unsent_events: Counter,
}

/// What the pacing thread found.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    /// From the intended time to the handing over: what the generator itself is late.
    pub(crate) pacing_lateness: Histogram,
    /// Events that found the queue full.
    pub(crate) unsent: SequenceSet,
    /// Requests that found the queue full.
    pub(crate) unsent_requests: u64,
}

/// The work of the pacing thread.
pub(crate) struct Pacer {
    pace: Pace,
    schedule: Schedule,
    ahead: VecDeque<Job>,
    ahead_bytes: usize,
    /// How long the last request took to make.
    making: Duration,
    paced: Paced,
}

impl Pacer {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            schedule: Schedule::new(&pace.plan),
            pace,
            ahead: VecDeque::with_capacity(AHEAD_REQUESTS_MAX),
            ahead_bytes: 0,
            making: Duration::ZERO,
            paced: Paced::default(),
        }
    }

    /// Works through the schedule. Blocks for as long as it lasts, or until it is stopped.
    pub(crate) fn run(mut self) -> Paced {
        let mut waiter = Waiter::new();
        while let Some(deadline) = self.next_deadline() {
            if self.pace.stop.is_cancelled() {
                break;
            }
            let now = Instant::now();
            match deadline.checked_duration_since(now) {
                None | Some(Duration::ZERO) => self.hand_over(now.saturating_duration_since(deadline)),
                Some(left) if self.has_time_to_make(left) && self.make_ahead() => {}
                Some(_) => waiter.wait_until(deadline),
            }
        }
        self.paced
    }

    /// When the next request is due; none at the end of the schedule.
    fn next_deadline(&mut self) -> Option<Instant> {
        if self.ahead.is_empty() && !self.make_ahead() {
            return None;
        }
        self.ahead.front().map(|job| self.pace.start + job.arrival.offset)
    }

    fn has_time_to_make(&self, left: Duration) -> bool {
        let has_room = self.ahead.len() < AHEAD_REQUESTS_MAX && self.ahead_bytes < AHEAD_BYTES_MAX;
        has_room && left > 2 * self.making
    }

    /// Makes the next request of the schedule; false at its end.
    fn make_ahead(&mut self) -> bool {
        let Some(arrival) = self.schedule.next() else { return false };
        let begun = Instant::now();
        let request = self.pace.writer.make(arrival);
        self.making = begun.elapsed();
        self.ahead_bytes += request.len();
        self.ahead.push_back(Job { arrival, request: Some(request) });
        true
    }

    fn hand_over(&mut self, lateness: Duration) {
        let Some(job) = self.ahead.pop_front() else { return };
        self.ahead_bytes -= job.request.as_ref().map_or(0, Vec::len);
        self.paced.pacing_lateness.record(lateness);
        if let Err(arrival) = self.pace.jobs.try_send(job) {
            let sequences = self.pace.plan.sequences(arrival.index);
            self.pace.unsent_events.add(self.paced.unsent.insert_range(sequences));
            self.paced.unsent_requests += 1;
        }
    }
}

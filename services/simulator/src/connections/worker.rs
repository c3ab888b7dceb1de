//! One connection: takes requests from the queue, sends them, records what became of them. Never sends one twice.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep_until;

use super::Shared;
use super::connector::Connector;
use super::exchange::{ExchangeError, exchange, is_stale};
use super::response::Response;
use super::trace::end_span;
use crate::outcome::{Outcome, Refusal, Unknown, classify};
use crate::queue::Job;
use crate::recorder::Timing;
use crate::schedule::Arrival;

/// The task of one connection.
pub(super) struct Worker {
    shared: Rc<Shared>,
    connector: Connector,
    stream: Option<TcpStream>,
    /// Scratch space for responses.
    buffer: Vec<u8>,
}

/// How an exchange ended.
enum End {
    Answered(Result<Response, ExchangeError>),
    TimedOut,
    Interrupted,
}

impl Worker {
    /// The caller has counted `stream` as connected.
    pub(super) fn new(shared: Rc<Shared>, connector: Connector, stream: Option<TcpStream>) -> Self {
        Self { shared, connector, stream, buffer: Vec::new() }
    }

    /// Works until the queue is at its end.
    pub(super) async fn run(mut self) {
        loop {
            if self.stream.is_none() && !self.come_up().await {
                break;
            }
            let Some(job) = self.shared.next_job().await else { break };
            let sequences = self.shared.plan.sequences(job.arrival.index);
            if self.shared.stop.sending.is_cancelled() {
                self.shared.recorder.borrow_mut().record_unsent(sequences);
                continue;
            }
            let (outcome, timing) = self.send(job).await;
            self.shared.recorder.borrow_mut().record(sequences, &outcome, timing);
        }
        self.shared.at_end.cancel();
    }

    /// Connects. Meanwhile, and while no other connection is up either, takes requests and refuses them: those of a
    /// schedule must not wait for a receiver that is not there. False where the run comes to its end first.
    async fn come_up(&mut self) -> bool {
        let shared = Rc::clone(&self.shared);
        let stream = {
            let mut reconnect = pin!(self.connector.reconnect());
            loop {
                let takes_jobs = shared.connected.get() == 0 && !shared.plan.is_closed();
                tokio::select! {
                    biased;
                    stream = &mut reconnect => break stream,
                    () = shared.at_end.cancelled() => return false,
                    () = shared.stop.sending.cancelled(), if shared.plan.is_closed() => return false,
                    () = shared.came_up.notified(), if takes_jobs => {}
                    job = shared.next_job(), if takes_jobs => match job {
                        Some(job) => shared.refuse(&job),
                        None => return false,
                    },
                }
            }
        };
        self.set_stream(Some(stream));
        true
    }

    async fn send(&mut self, job: Job) -> (Outcome, Option<Timing>) {
        let shared = Rc::clone(&self.shared);
        if self.stream.as_ref().is_some_and(is_stale) {
            self.set_stream(None);
            let stream = self.connector.connect().await;
            self.set_stream(stream);
        }
        let Some(stream) = self.stream.as_mut() else {
            return (Outcome::Refused(Refusal::NotConnected), None);
        };
        let mut request = job.request.unwrap_or_else(|| shared.begin.writer.make(job.arrival));
        let intended = shared.intended(job.arrival);
        let span = shared.begin_span(&mut request);
        let sent = Instant::now();
        let lateness = intended.map_or(Duration::ZERO, |intended| sent.saturating_duration_since(intended));
        shared.recorder.borrow_mut().record_sending(intended, sent);
        let end = tokio::select! {
            biased;
            result = exchange(stream, &request, &mut self.buffer) => End::Answered(result),
            () = sleep_until((sent + shared.plan.timeout()).into()) => End::TimedOut,
            () = shared.stop.waiting.cancelled() => End::Interrupted,
        };
        let timing = Timing { intended, sent, answered: Instant::now() };
        shared.recorder.borrow_mut().record_end();
        if !matches!(&end, End::Answered(Ok(response)) if response.is_reusable) {
            self.set_stream(None);
        }
        let status = match &end {
            End::Answered(Ok(response)) => Some(response.status),
            _ => None,
        };
        let (outcome, timing) = match end {
            End::Answered(Ok(response)) => {
                (classify(response.status, &response.body, shared.plan.batch_events), Some(timing))
            }
            End::Answered(Err(ExchangeError::NotWritten)) => (Outcome::Refused(Refusal::NotConnected), None),
            End::Answered(Err(ExchangeError::Broken)) => (Outcome::Unknown(Unknown::Broken), None),
            End::Answered(Err(ExchangeError::Malformed)) => (Outcome::Unknown(Unknown::Protocol), None),
            End::TimedOut => (Outcome::Unknown(Unknown::Timeout), Some(timing)),
            End::Interrupted => (Outcome::Unknown(Unknown::Interrupted), None),
        };
        end_span(span, status, &outcome, lateness);
        (outcome, timing)
    }

    fn set_stream(&mut self, stream: Option<TcpStream>) {
        let connected = &self.shared.connected;
        connected.set(connected.get() - usize::from(self.stream.is_some()) + usize::from(stream.is_some()));
        if stream.is_some() {
            self.shared.came_up.notify_waiters();
        }
        self.stream = stream;
    }
}

impl Shared {
    /// When the request was meant to be sent; in a closed loop that is whenever it is.
    fn intended(&self, arrival: Arrival) -> Option<Instant> {
        (!self.plan.is_closed()).then(|| self.begin.start + arrival.offset)
    }

    /// The next request: in an open loop from the schedule, in a closed one whenever a connection wants it.
    /// None at the end of the run.
    async fn next_job(&self) -> Option<Job> {
        if !self.plan.is_closed() {
            return self.jobs.next().await;
        }
        if self.stop.sending.is_cancelled() {
            return None;
        }
        let index = self.closed_loop_requests.get();
        self.closed_loop_requests.set(index + 1);
        Some(Job { arrival: Arrival { index, offset: self.begin.start.elapsed() }, request: None })
    }

    fn refuse(&self, job: &Job) {
        let sequences = self.plan.sequences(job.arrival.index);
        let mut recorder = self.recorder.borrow_mut();
        if self.stop.sending.is_cancelled() {
            recorder.record_unsent(sequences);
        } else {
            recorder.record(sequences, &Outcome::Refused(Refusal::NotConnected), None);
        }
    }
}

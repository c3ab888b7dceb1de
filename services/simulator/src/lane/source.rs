//! What a lane has to send next: the arrivals of its share of the schedule, made ahead of their time while there is
//! nothing else to do, and those of closed loops whenever a connection wants one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::arrival::Arrival;
use crate::plan::Plan;
use crate::request::RequestWriter;
use crate::schedule::{ClosedArrivals, Schedule};

/// Requests are made ahead up to this many …
const AHEAD_REQUESTS_MAX: usize = 256;
/// … and up to this many bytes. Covers the clusters of a Poisson schedule.
const AHEAD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// An answer that comes while a request is made is noticed this much late.
const MAKING_MAX: Duration = Duration::from_micros(20);

/// The requests of a lane.
pub(super) struct Source {
    plan: Plan,
    writer: RequestWriter,
    start: Instant,
    schedule: Schedule,
    /// The next arrival of the schedule that is not made yet.
    next: Option<Arrival>,
    ahead: VecDeque<(Arrival, Vec<u8>)>,
    ahead_bytes: usize,
    /// How long the last request took to make.
    making: Duration,
    /// Buffers of requests that have been sent.
    spare: Vec<Vec<u8>>,
    /// Those of each phase that is a closed loop, with its end.
    closed: VecDeque<Closed>,
}

struct Closed {
    begin: Duration,
    end: Option<Duration>,
    arrivals: ClosedArrivals,
}

/// A request that has come due; without its bytes where they were not made ahead.
pub(super) struct Due {
    pub(super) arrival: Arrival,
    pub(super) request: Option<Vec<u8>>,
}

impl Source {
    /// The share of lane `lane`, counted over all shards.
    pub(super) fn new(plan: &Plan, writer: RequestWriter, lane: u64, start: Instant) -> Self {
        let mut schedule = Schedule::lane(plan, lane);
        let closed = (0..plan.phases.len()).filter(|phase| plan.phases[*phase].is_closed());
        let closed = closed.map(|phase| Closed {
            begin: plan.phase_start(phase),
            end: plan.phase_end(phase),
            arrivals: ClosedArrivals::new(plan, phase, lane),
        });
        Self {
            next: schedule.next(),
            schedule,
            closed: closed.collect(),
            plan: plan.clone(),
            writer,
            start,
            ahead: VecDeque::with_capacity(AHEAD_REQUESTS_MAX),
            ahead_bytes: 0,
            making: Duration::ZERO,
            spare: Vec::new(),
        }
    }

    /// When there is next something to do: an arrival, or the beginning or the end of a closed loop. None at the end.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        let arrival =
            self.ahead.front().map(|(arrival, _)| arrival.offset).or(self.next.map(|next| next.offset));
        let elapsed = now.saturating_duration_since(self.start);
        let closed = self
            .closed
            .front()
            .and_then(|closed| if closed.begin > elapsed { Some(closed.begin) } else { closed.end });
        let offset = match (arrival, closed) {
            (Some(arrival), Some(closed)) => Some(arrival.min(closed)),
            (arrival, closed) => arrival.or(closed),
        };
        offset.map(|offset| self.start + offset)
    }

    /// Whether nothing will ever come due again.
    pub(super) fn is_at_end(&mut self, now: Instant) -> bool {
        self.drop_ended(now);
        self.next.is_none() && self.ahead.is_empty() && self.closed.is_empty()
    }

    /// The next arrival of the schedule, where it is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let elapsed = now.saturating_duration_since(self.start);
        if let Some((arrival, _)) = self.ahead.front() {
            if arrival.offset > elapsed {
                return None;
            }
            let (arrival, request) = self.ahead.pop_front()?;
            self.ahead_bytes -= request.len();
            return Some(Due { arrival, request: Some(request) });
        }
        let arrival = self.next.filter(|arrival| arrival.offset <= elapsed)?;
        self.next = self.schedule.next();
        Some(Due { arrival, request: None })
    }

    /// Whether a closed loop is going on.
    pub(super) fn has_closed(&mut self, now: Instant) -> bool {
        self.drop_ended(now);
        let elapsed = now.saturating_duration_since(self.start);
        self.closed.front().is_some_and(|closed| closed.begin <= elapsed)
    }

    /// A request of the closed loop that is going on.
    pub(super) fn take_closed(&mut self, now: Instant) -> Option<Arrival> {
        let elapsed = now.saturating_duration_since(self.start);
        self.closed.front_mut().map(|closed| closed.arrivals.next(elapsed))
    }

    /// Makes a request ahead, where there is room and time for it until `deadline`; false where there is not.
    /// While answers are expected (`is_hurried`) only what takes a moment.
    pub(super) fn make_ahead(&mut self, now: Instant, deadline: Instant, is_hurried: bool) -> bool {
        if is_hurried && self.making > MAKING_MAX {
            return false;
        }
        let has_room = self.ahead.len() < AHEAD_REQUESTS_MAX && self.ahead_bytes < AHEAD_BYTES_MAX;
        let has_time = deadline.saturating_duration_since(now) > 2 * self.making;
        let Some(arrival) = self.next.filter(|_| has_room && has_time) else { return false };
        self.next = self.schedule.next();
        let request = self.make(&arrival);
        self.making = now.elapsed();
        self.ahead_bytes += request.len();
        self.ahead.push_back((arrival, request));
        true
    }

    /// The bytes of a request.
    pub(super) fn make(&mut self, arrival: &Arrival) -> Vec<u8> {
        let mut request = self.spare.pop().unwrap_or_default();
        request.clear();
        self.writer.write(arrival, &mut request);
        request
    }

    /// Takes the buffer of a request that is not needed any more.
    pub(super) fn recycle(&mut self, request: Vec<u8>) {
        if self.spare.len() < self.plan.connections
            && request.capacity() <= AHEAD_BYTES_MAX / self.plan.connections
        {
            self.spare.push(request);
        }
    }

    fn drop_ended(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        while self.closed.front().is_some_and(|closed| closed.end.is_some_and(|end| end <= elapsed)) {
            self.closed.pop_front();
        }
    }
}

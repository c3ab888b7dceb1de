//! A lane: one thread that sends its share of a run. Pacing and connections live in one event loop, so that a request
//! that is due needs no other thread to be sent, and an answer none to be noticed.

mod connection;
mod recorder;
mod response;
mod source;
mod start;
mod stop;
mod timer;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measurement::{Histogram, Ledger};
use mio::{Events, Poll, Token};

use crate::addresses::Addresses;
use crate::arrival::Arrival;
use crate::outcome::{Outcome, Unknown};
use crate::plan::Plan;
use crate::probes::ProbeSender;
use crate::target::Target;
use crate::telemetry::{OpenGauges, begin_span, end_span};
use crate::usage::{ThreadUsage, UsageWatch};
use connection::{Change, Connection, End, Ended, Exchange};
use recorder::Recorder;
use source::Source;
use timer::Timer;

pub(crate) use start::{Begin, LaneConfig, Spawned, spawn};
pub(crate) use stop::Stop;

/// Arrivals that are dealt with before answers are looked at again.
const DUE_MAX: usize = 64;
/// A connection that has been idle for longer is looked at before it is used: the receiver may have closed it.
const IDLE_UNCHECKED_MAX: Duration = Duration::from_millis(1);
/// How exact timeouts are …
const SWEEP_SHARE: u32 = 100;
/// … within these bounds.
const SWEEP_MIN: Duration = Duration::from_millis(1);
const SWEEP_MAX: Duration = Duration::from_millis(100);
/// How often connections that are down are looked at.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What a lane gives at its end.
#[derive(Debug)]
pub(crate) struct LaneReport {
    /// The fates of its events that it has not handed over before.
    pub(crate) ledger: Ledger,
    /// How much later than asked the system woke it.
    pub(crate) overslept: Histogram,
    /// What it used of its processor.
    pub(crate) usage: ThreadUsage,
}

/// The state of a lane.
struct Lane {
    plan: Plan,
    target: Arc<Target>,
    addresses: Arc<Addresses>,
    start: Instant,
    poll: Poll,
    timer: Timer,
    stop: Arc<Stop>,
    source: Source,
    recorder: Recorder,
    probes: Option<ProbeSender>,
    connections: Vec<Connection>,
    /// Connections without anything to do. They take turns, so that all get the same share of requests.
    idle: VecDeque<usize>,
    /// Arrivals that came due while no connection was free.
    waiting: VecDeque<Arrival>,
    waiting_max: usize,
    in_flight: usize,
    /// Whether even what waited for a connection has waited too long.
    is_over: bool,
    /// When timeouts and lost connections are looked at next.
    sweep_at: Instant,
    usage: UsageWatch,
    open: OpenGauges,
    /// Space to read into.
    scratch: Vec<u8>,
}

impl Lane {
    /// Works until everything is sent and answered, or given up.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            if self.recorder.turn(now) {
                self.end_second();
            }
            self.sweep(now);
            self.dispatch(now);
            if self.is_done(now) {
                return Ok(());
            }
            let deadline = self.deadline(now);
            // Making a large request takes long, and an answer that comes meanwhile would be noticed late.
            let made = self.source.make_ahead(now, deadline, self.in_flight > 0);
            self.timer.wait(&mut self.poll, &mut events, if made { now } else { deadline })?;
            for event in &events {
                let Token(index) = event.token();
                if index < self.connections.len() {
                    let change = self.connections[index].on_event(&mut self.scratch, event.is_read_closed());
                    self.apply(index, change);
                    // What came due meanwhile must not wait for the other answers.
                    self.dispatch(Instant::now());
                }
            }
        }
    }

    /// The phase that the run is in.
    fn phase(&self) -> usize {
        self.plan.phase_at(Instant::now().saturating_duration_since(self.start))
    }

    fn end_second(&mut self) {
        self.usage.end_lap(self.plan.phases[self.phase()].is_measured);
        let up = self.connections.iter().filter(|connection| connection.is_up()).count();
        self.open.set(self.in_flight, up);
    }

    /// When there is next something to do, whatever the connections report.
    fn deadline(&self, now: Instant) -> Instant {
        if now < self.start {
            return self.start;
        }
        match self.source.next_at(now) {
            Some(next_at) if !self.stop.ends_sending() => next_at.min(self.sweep_at),
            _ => self.sweep_at,
        }
    }

    /// Ends what has taken too long, and connects what is down.
    fn sweep(&mut self, now: Instant) {
        if now < self.sweep_at {
            return;
        }
        let timeout = self.plan.timeout();
        self.sweep_at = now + (timeout / SWEEP_SHARE).clamp(SWEEP_MIN, SWEEP_MAX);
        for index in 0..self.connections.len() {
            let change = self.connections[index].expire(now, timeout);
            self.apply(index, change);
            self.connect(index);
            if self.stop.ends_waiting() {
                let change = self.connections[index].give_up(Unknown::Interrupted);
                self.apply(index, change);
            }
        }
        self.is_over = self.plan.duration().is_some_and(|length| now > self.start + length + timeout);
        if self.is_over || self.stop.ends_sending() {
            self.drain_waiting(Recorder::unsent);
        }
        if !self.has_hope() {
            self.drain_waiting(Recorder::refused);
        }
    }

    fn drain_waiting(&mut self, settle: impl Fn(&mut Recorder, &Arrival)) {
        for arrival in self.waiting.drain(..) {
            settle(&mut self.recorder, &arrival);
        }
    }

    fn connect(&mut self, index: usize) {
        if self.connections[index].is_up() {
            return;
        }
        let now = Instant::now();
        self.sweep_at = self.sweep_at.min(now + RETRY_INTERVAL);
        let Some(address) = self.addresses.get(index) else { return };
        let change = self.connections[index].connect_if_due(address, self.poll.registry(), Token(index), now);
        self.apply(index, change);
    }

    /// Requests of a schedule must not wait for a receiver that is not there.
    fn has_hope(&self) -> bool {
        self.connections.iter().any(Connection::is_hopeful)
    }

    fn is_done(&mut self, now: Instant) -> bool {
        let has_more = !self.stop.ends_sending() && !self.source.is_at_end(now);
        !has_more && self.waiting.is_empty() && self.in_flight == 0
    }

    /// Sends what is due as far as connections are free.
    fn dispatch(&mut self, now: Instant) {
        if now < self.start {
            return;
        }
        while !self.waiting.is_empty()
            && let Some(index) = self.take_idle(now)
            && let Some(arrival) = self.waiting.pop_front()
        {
            self.send(index, arrival, None);
        }
        if self.stop.ends_sending() {
            return;
        }
        if self.is_over {
            return self.give_up_due(now);
        }
        for _ in 0..DUE_MAX {
            let Some(due) = self.source.take_due(now) else { break };
            self.take_up(due.arrival, due.request, now);
        }
        while self.source.has_closed(now)
            && let Some(index) = self.take_idle(now)
            && let Some(arrival) = self.source.take_closed(now)
        {
            self.recorder.due(&arrival, None);
            self.send(index, arrival, None);
        }
    }

    /// The schedule has long ended, and the lane has not come to all of it: nobody wants it now.
    fn give_up_due(&mut self, now: Instant) {
        while let Some(due) = self.source.take_due(now) {
            self.recorder.due(&due.arrival, None);
            self.recorder.unsent(&due.arrival);
        }
    }

    /// An arrival of the schedule: sent, or kept until a connection is free.
    fn take_up(&mut self, arrival: Arrival, request: Option<Vec<u8>>, now: Instant) {
        let lateness = now.saturating_duration_since(self.start + arrival.offset);
        self.recorder.due(&arrival, Some(lateness));
        if let Some(index) = self.take_idle(now) {
            self.send(index, arrival, request);
            return;
        }
        if !self.has_hope() {
            self.recorder.refused(&arrival);
        } else if self.waiting.len() < self.waiting_max {
            self.waiting.push_back(arrival);
        } else {
            self.recorder.unsent(&arrival);
        }
        if let Some(request) = request {
            self.source.recycle(request);
        }
    }

    /// A connection that can carry a request now.
    fn take_idle(&mut self, now: Instant) -> Option<usize> {
        while let Some(index) = self.idle.pop_front() {
            let connection = &mut self.connections[index];
            let Some(since) = connection.idle_since() else { continue };
            if now.saturating_duration_since(since) <= IDLE_UNCHECKED_MAX || !connection.is_stale() {
                return Some(index);
            }
            connection.reset();
            self.connect(index);
        }
        None
    }

    fn send(&mut self, index: usize, arrival: Arrival, request: Option<Vec<u8>>) {
        let is_closed = self.plan.phases[usize::from(arrival.phase)].is_closed();
        let intended = (!is_closed).then(|| self.start + arrival.offset);
        let mut request = request.unwrap_or_else(|| self.source.make(&arrival));
        let span = begin_span(&self.target, &arrival, &mut request);
        let is_probed = self.probes.as_ref().is_some_and(|probes| probes.wants(&arrival));
        let exchange = Exchange::new(arrival, request, span, is_probed, intended);
        self.recorder.sending(&exchange);
        self.in_flight += 1;
        let change = self.connections[index].send(exchange);
        self.apply(index, change);
    }

    /// Deals with what a connection has come to.
    fn apply(&mut self, index: usize, change: Change) {
        match change {
            Change::None => {}
            Change::Up => {
                self.recorder.connecting(self.phase(), true);
                self.idle.push_back(index);
            }
            Change::Failed(error) => {
                self.recorder.connecting(self.phase(), false);
                self.addresses.report(&error);
            }
            Change::Closed => {
                self.idle.retain(|idle| *idle != index);
                self.connect(index);
            }
            Change::Ended(ended) => {
                self.in_flight -= 1;
                self.finish(ended);
                if self.connections[index].idle_since().is_some() {
                    self.idle.push_back(index);
                } else {
                    self.connect(index);
                }
            }
        }
    }

    fn finish(&mut self, ended: Ended) {
        let Ended { exchange, end: End { status, outcome, body, at: answered, .. } } = ended;
        let is_timed = status.is_some() || outcome == Outcome::Unknown(Unknown::Timeout);
        self.recorder.ended(&exchange, &outcome, is_timed.then_some(answered));
        let Exchange { arrival, request, intended, sent, span, .. } = *exchange;
        if let (Some(probes), Some(body), Outcome::Accepted) = (&self.probes, body, &outcome) {
            probes.offer_accepted(&arrival, &body, intended.unwrap_or(sent), sent, answered);
        }
        end_span(span, status, &outcome, sent.saturating_duration_since(intended.unwrap_or(sent)));
        self.source.recycle(request);
    }
}

//! One connection: makes itself, sends a request, reads the answer. Never sends a request twice.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use observability::trace::Span;
use rand::RngExt as _;

use super::response::parse;
use crate::arrival::Arrival;
use crate::outcome::{Outcome, Refusal, Unknown, classify};
use crate::random::Stream;

/// An attempt that takes longer has failed: a SYN was lost twice, or something drops them.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Short enough that a receiver that comes back is loaded again within a second.
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// An answer that came in pieces leaves at most this much memory behind.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// A connection, or what is to become one.
pub(super) struct Connection {
    state: State,
    stream: Option<TcpStream>,
    /// Failed attempts since the last one that succeeded.
    failures: u32,
    backoff: Duration,
    /// Many connections must not come back at the same moment.
    jitter: Stream,
    /// The beginning of an answer that comes in pieces.
    received: Vec<u8>,
}

/// What a connection is doing.
enum State {
    Down { retry_at: Instant },
    Connecting { since: Instant },
    Idle { since: Instant },
    Busy(Box<Exchange>),
}

/// A request on its way.
pub(super) struct Exchange {
    pub(super) arrival: Arrival,
    pub(super) request: Vec<u8>,
    /// When it was meant to be sent; none in a closed loop, which sends as soon as it can.
    pub(super) intended: Option<Instant>,
    pub(super) sent: Instant,
    pub(super) span: Span,
    /// Whether the position of its first event is wanted.
    pub(super) is_probed: bool,
    written: usize,
    is_write_broken: bool,
}

/// A request that has come to its end.
pub(super) struct Ended {
    pub(super) exchange: Box<Exchange>,
    pub(super) end: End,
}

/// What a request has come to.
pub(super) struct End {
    /// None without an answer.
    pub(super) status: Option<u16>,
    pub(super) outcome: Outcome,
    /// The answer's body, where it is wanted.
    pub(super) body: Option<Vec<u8>>,
    /// When the answer was complete, or when nobody waited for one any longer.
    pub(super) at: Instant,
    /// Whether the connection can carry another request.
    is_reusable: bool,
}

impl End {
    /// Without an answer.
    fn without(outcome: Outcome) -> Self {
        Self { status: None, outcome, body: None, at: Instant::now(), is_reusable: false }
    }
}

/// What an event on a connection led to.
pub(super) enum Change {
    /// Nothing that concerns anybody else.
    None,
    /// It can carry a request.
    Up,
    /// An attempt to connect failed.
    Failed(io::Error),
    /// The request has ended; the connection is idle or is being made anew.
    Ended(Ended),
    /// The receiver closed it while it was idle.
    Closed,
}

impl Exchange {
    /// A request that is sent now.
    pub(super) fn new(
        arrival: Arrival,
        request: Vec<u8>,
        span: Span,
        is_probed: bool,
        intended: Option<Instant>,
    ) -> Box<Self> {
        let sent = Instant::now();
        Box::new(Self {
            arrival,
            request,
            intended,
            sent,
            span,
            is_probed,
            written: 0,
            is_write_broken: false,
        })
    }

    /// Writes as much as fits into the socket.
    fn write(&mut self, stream: &mut TcpStream) {
        while self.written < self.request.len() && !self.is_write_broken {
            match stream.write(&self.request[self.written..]) {
                Ok(0) => self.is_write_broken = true,
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // A receiver that refuses a request and closes makes the rest of the writing fail; its answer is there.
                Err(_) => self.is_write_broken = true,
            }
        }
    }
}

impl Connection {
    pub(super) fn new(jitter: Stream) -> Self {
        Self {
            state: State::Down { retry_at: Instant::now() },
            stream: None,
            failures: 0,
            backoff: BACKOFF_MIN,
            jitter,
            received: Vec::new(),
        }
    }

    /// Whether it can carry a request now or, for all that is known, in a moment.
    pub(super) fn is_hopeful(&self) -> bool {
        self.failures == 0
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Idle { .. } | State::Busy(_))
    }

    /// Since when it has had nothing to do, where it is idle.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.state {
            State::Idle { since } => Some(since),
            _ => None,
        }
    }

    /// Begins an attempt to connect, where one is due.
    pub(super) fn connect_if_due(
        &mut self,
        address: SocketAddr,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Change {
        if !matches!(self.state, State::Down { retry_at } if retry_at <= now) {
            return Change::None;
        }
        match open(address, registry, token) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.state = State::Connecting { since: now };
                Change::None
            }
            Err(error) => self.fail(error),
        }
    }

    /// Sends a request on an idle connection. Ends at once where not a byte of it leaves.
    pub(super) fn send(&mut self, mut exchange: Box<Exchange>) -> Change {
        let Some(stream) = self.stream.as_mut() else { return self.end_unwritten(exchange) };
        exchange.write(stream);
        if exchange.is_write_broken && exchange.written == 0 {
            return self.end_unwritten(exchange);
        }
        self.received.clear();
        self.state = State::Busy(exchange);
        Change::None
    }

    /// Whether the receiver has closed an idle connection, or sent something that nobody asked for.
    pub(super) fn is_stale(&mut self) -> bool {
        let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let Some(stream) = self.stream.as_mut() else { return true };
        !matches!(stream.read(&mut [0]), Err(error) if would_block(&error))
    }

    /// Gives the connection up and makes a new one at once.
    pub(super) fn reset(&mut self) {
        self.stream = None;
        self.state = State::Down { retry_at: Instant::now() };
    }

    /// Deals with what the socket reported. `scratch` is space to read into; `is_closed` says that the receiver has
    /// closed its side, which may have been reported together with its last answer.
    pub(super) fn on_event(&mut self, scratch: &mut [u8], is_closed: bool) -> Change {
        match &mut self.state {
            State::Down { .. } => Change::None,
            State::Connecting { .. } => self.finish_connecting(),
            State::Idle { .. } => {
                if !self.is_stale() {
                    return Change::None;
                }
                self.reset();
                Change::Closed
            }
            State::Busy(exchange) => {
                if let Some(stream) = self.stream.as_mut() {
                    exchange.write(stream);
                }
                match self.receive(scratch, is_closed) {
                    Some(end) => self.end(End { is_reusable: end.is_reusable && !is_closed, ..end }),
                    None => Change::None,
                }
            }
        }
    }

    /// Ends what has taken too long.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) -> Change {
        match &self.state {
            State::Connecting { since } if now - *since > timeout.min(ATTEMPT_MAX) => {
                self.fail(io::Error::new(io::ErrorKind::TimedOut, "no answer to the attempt"))
            }
            State::Busy(exchange) if now.saturating_duration_since(exchange.sent) >= timeout => {
                self.give_up(Unknown::Timeout)
            }
            _ => Change::None,
        }
    }

    /// Ends a request that nobody waits for any longer.
    pub(super) fn give_up(&mut self, reason: Unknown) -> Change {
        self.end(End::without(Outcome::Unknown(reason)))
    }

    fn finish_connecting(&mut self) -> Change {
        let Some(stream) = self.stream.as_ref() else { return Change::None };
        if let Ok(Some(error)) | Err(error) = stream.take_error() {
            return self.fail(error);
        }
        match stream.peer_addr() {
            Ok(_) => {}
            // Not there yet: this was some other event.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Change::None,
            Err(error) => return self.fail(error),
        }
        // Without it small requests would wait for the acknowledgement of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            return self.fail(error);
        }
        self.failures = 0;
        self.backoff = BACKOFF_MIN;
        self.state = State::Idle { since: Instant::now() };
        Change::Up
    }

    fn fail(&mut self, error: io::Error) -> Change {
        self.stream = None;
        self.failures += 1;
        let retry_at = Instant::now() + self.backoff.mul_f64(self.jitter.random_range(0.5..=1.0));
        self.backoff = (2 * self.backoff).min(BACKOFF_MAX);
        self.state = State::Down { retry_at };
        Change::Failed(error)
    }

    fn end_unwritten(&mut self, exchange: Box<Exchange>) -> Change {
        self.reset();
        let end = End::without(Outcome::Refused(Refusal::NotConnected));
        Change::Ended(Ended { exchange, end })
    }

    fn end(&mut self, end: End) -> Change {
        let state = std::mem::replace(&mut self.state, State::Idle { since: Instant::now() });
        let State::Busy(exchange) = state else {
            self.state = state;
            return Change::None;
        };
        if !end.is_reusable || exchange.written < exchange.request.len() {
            self.reset();
        }
        self.received.clear();
        self.received.shrink_to(KEPT_BYTES_MAX);
        Change::Ended(Ended { exchange, end })
    }

    /// Reads until the answer is complete or nothing more is there. Reads while it writes: a receiver may answer
    /// before it has read the request, and close.
    fn receive(&mut self, scratch: &mut [u8], is_closed: bool) -> Option<End> {
        let unknown = |reason| Some(End::without(Outcome::Unknown(reason)));
        let (State::Busy(exchange), Some(stream)) = (&self.state, self.stream.as_mut()) else { return None };
        loop {
            let count = match stream.read(scratch) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return unknown(Unknown::Broken),
            };
            let at = Instant::now();
            let is_whole = self.received.is_empty();
            if !is_whole {
                self.received.extend_from_slice(&scratch[..count]);
            }
            let received = if is_whole { &scratch[..count] } else { &self.received[..] };
            match parse(received, count == 0) {
                Ok(Some(response)) => {
                    let outcome = classify(response.status, &response.body, exchange.arrival.content.events);
                    let body = exchange.is_probed.then(|| response.body.to_vec());
                    let is_reusable = response.is_reusable;
                    return Some(End { status: Some(response.status), outcome, body, at, is_reusable });
                }
                Ok(None) if count == 0 => return unknown(Unknown::Broken),
                Ok(None) if is_whole => self.received.extend_from_slice(&scratch[..count]),
                Ok(None) => {}
                Err(_) => return unknown(Unknown::Protocol),
            }
            // A socket that gave less than it was asked for is empty, and will report what comes next. Only an end that
            // it has reported already it will not report again.
            if count < scratch.len() && !is_closed {
                return None;
            }
        }
    }
}

fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

//! How a lane begins: its thread, its connections, and the wait for the start of the run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use tokio::sync::oneshot;

use super::connection::{Change, Connection};
use super::{Lane, LaneReport, RETRY_INTERVAL, Recorder, Source, Stop, Timer};
use crate::addresses::Addresses;
use crate::aggregate::Update;
use crate::error::RunError;
use crate::plan::Plan;
use crate::probes::ProbeSender;
use crate::random::{CONNECTIONS, stream};
use crate::request::RequestWriter;
use crate::target::Target;
use crate::telemetry::OpenGauges;
use crate::usage::UsageWatch;

/// An answer to one event has about 250 bytes; one to a large batch comes in pieces.
const SCRATCH_BYTES: usize = 64 * 1024;

/// What a lane works on.
pub(crate) struct LaneConfig {
    pub(crate) plan: Plan,
    pub(crate) target: Arc<Target>,
    pub(crate) addresses: Arc<Addresses>,
    /// Number among the threads of this process.
    pub(crate) thread: usize,
    /// How long to try for a first connection; zero to begin without one.
    pub(crate) start_timeout: Duration,
    pub(crate) stop: Arc<Stop>,
}

/// What a lane needs once the start of the run is set.
pub(crate) struct Begin {
    pub(crate) start: Instant,
    pub(crate) writer: RequestWriter,
    pub(crate) aggregator: SyncSender<Update>,
    pub(crate) probes: Option<ProbeSender>,
    pub(crate) open: OpenGauges,
}

/// A lane that has its thread.
pub(crate) struct Spawned {
    /// Told once it is connected, or cannot be.
    pub(crate) connected: oneshot::Receiver<Result<(), RunError>>,
    /// Lets it begin; dropping it ends the lane.
    pub(crate) begin: oneshot::Sender<Begin>,
    /// What it gives at its end; closed where it panicked.
    pub(crate) report: oneshot::Receiver<Result<LaneReport, RunError>>,
}

/// Starts the thread of a lane, which connects and waits.
///
/// # Errors
/// The system has no thread left.
pub(crate) fn spawn(config: LaneConfig) -> Result<Spawned, RunError> {
    let (connected_sender, connected) = oneshot::channel();
    let (begin, begin_receiver) = oneshot::channel();
    let (report_sender, report) = oneshot::channel();
    thread::Builder::new()
        .name(format!("lane-{}", config.thread))
        .spawn(move || {
            let report = match Starting::new(config).and_then(Starting::connect) {
                Ok(starting) => {
                    // Nobody to tell where the run has been given up.
                    connected_sender.send(Ok(())).ok();
                    begin_receiver
                        .blocking_recv()
                        .map_or(Err(RunError::StoppedEarly), |begin| starting.run(begin))
                }
                Err(error) => {
                    connected_sender.send(Err(error)).ok();
                    Err(RunError::StoppedEarly)
                }
            };
            report_sender.send(report).ok();
        })
        .map_err(RunError::Thread)?;
    Ok(Spawned { connected, begin, report })
}

/// A lane before its start.
struct Starting {
    config: LaneConfig,
    poll: Poll,
    timer: Timer,
    connections: Vec<Connection>,
}

impl Starting {
    fn new(config: LaneConfig) -> Result<Self, RunError> {
        let poll = Poll::new().map_err(RunError::EventLoop)?;
        let own = share(config.plan.connections, config.plan.threads, config.thread);
        let timer = Timer::new(&poll, Token(own)).map_err(RunError::EventLoop)?;
        config.stop.register(Waker::new(poll.registry(), Token(own + 1)).map_err(RunError::EventLoop)?);
        let first: usize =
            (0..config.thread).map(|other| share(config.plan.connections, config.plan.threads, other)).sum();
        let connections = (first..first + own)
            .map(|number| Connection::new(stream(config.plan.seed, CONNECTIONS, number as u64)))
            .collect();
        Ok(Self { config, poll, timer, connections })
    }

    /// Opens all connections, and goes on trying until the time is over.
    fn connect(mut self) -> Result<Self, RunError> {
        let begun = Instant::now();
        let deadline = begun + self.config.start_timeout;
        let mut events = Events::with_capacity(self.connections.len() + 2);
        let mut reason = None;
        loop {
            let now = Instant::now();
            for (index, connection) in self.connections.iter_mut().enumerate() {
                let Some(address) = self.config.addresses.get(index) else { continue };
                let begun = connection.connect_if_due(address, self.poll.registry(), Token(index), now);
                for change in [begun, connection.expire(now, self.config.plan.timeout())] {
                    reason = failure(change).or(reason);
                }
            }
            let has_all = self.connections.iter().all(Connection::is_up);
            let has_tried =
                self.connections.iter().all(|connection| connection.is_up() || !connection.is_hopeful());
            if has_all || (now >= deadline && has_tried) {
                break;
            }
            if self.config.stop.ends_sending() {
                return Err(RunError::StoppedEarly);
            }
            let retry_at = now + RETRY_INTERVAL;
            self.timer.wait(&mut self.poll, &mut events, retry_at).map_err(RunError::EventLoop)?;
            for event in &events {
                let Token(index) = event.token();
                if let Some(connection) = self.connections.get_mut(index) {
                    reason = failure(connection.on_event(&mut [0], false)).or(reason);
                }
            }
        }
        if self.connections.iter().any(Connection::is_up) || self.config.start_timeout.is_zero() {
            return Ok(self);
        }
        Err(RunError::Unreachable {
            target: format!("{:?}", self.config.target),
            waited_s: self.config.start_timeout.as_secs_f64(),
            reason: reason.unwrap_or_else(|| "no attempt was made".to_owned()),
        })
    }

    fn run(self, begin: Begin) -> Result<LaneReport, RunError> {
        let Self { config, poll, timer, connections } = self;
        let LaneConfig { plan, target, addresses, thread, stop, .. } = config;
        let lane = u64::from(plan.shard.index) * plan.threads as u64 + thread as u64;
        let Begin { start, writer, aggregator, probes, open } = begin;
        let mut lane = Lane {
            source: Source::new(&plan, writer, lane, start),
            recorder: Recorder::new(&plan, thread, start, aggregator),
            waiting_max: plan.queue_requests_max.div_ceil(plan.threads),
            plan,
            target,
            addresses,
            start,
            poll,
            timer,
            stop,
            probes,
            idle: (0..connections.len()).filter(|index| connections[*index].is_up()).collect(),
            connections,
            waiting: VecDeque::new(),
            in_flight: 0,
            is_over: false,
            sweep_at: Instant::now(),
            usage: UsageWatch::start(),
            open,
            scratch: vec![0; SCRATCH_BYTES],
        };
        lane.run().map_err(RunError::EventLoop)?;
        lane.open.set(0, 0);
        Ok(LaneReport {
            ledger: lane.recorder.finish(),
            overslept: lane.timer.into_overslept(),
            usage: lane.usage.finish(),
        })
    }
}

/// How many of `total` belong to number `index` of `parts`.
fn share(total: usize, parts: usize, index: usize) -> usize {
    total / parts + usize::from(index < total % parts)
}

fn failure(change: Change) -> Option<String> {
    match change {
        Change::Failed(error) => Some(error.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up() {
        for (total, parts) in [(1, 1), (16, 3), (7, 7), (5, 8)] {
            assert_eq!((0..parts).map(|index| share(total, parts, index)).sum::<usize>(), total);
        }
    }
}

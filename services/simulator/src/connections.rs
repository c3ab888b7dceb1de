//! The connections of a run: one thread with an event loop of its own, on which each connection is a task.

mod connector;
mod exchange;
mod response;
mod trace;
mod worker;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::LocalSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::error::RunError;
use crate::plan::Plan;
use crate::queue::JobReceiver;
use crate::recorder::{Recorder, Tally};
use crate::request::RequestWriter;
use crate::target::Target;
use connector::Connector;
use worker::Worker;

/// What the connections' thread works on.
pub(crate) struct Connections {
    pub(crate) plan: Plan,
    pub(crate) target: Arc<Target>,
    /// How long to try for a first connection; zero to begin without one.
    pub(crate) start_timeout: std::time::Duration,
    pub(crate) jobs: JobReceiver,
    pub(crate) recorder: Recorder,
    pub(crate) stop: Stop,
}

/// The two ways of ending early.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Nothing more is sent; what waits is unsent.
    pub(crate) sending: CancellationToken,
    /// Nobody waits for answers any more; what is open is unknown.
    pub(crate) waiting: CancellationToken,
}

/// What the connections need once the start of the run is set.
pub(crate) struct Begin {
    pub(crate) start: Instant,
    pub(crate) writer: RequestWriter,
}

/// What the tasks of the connections share.
struct Shared {
    plan: Plan,
    target: Arc<Target>,
    begin: Begin,
    jobs: JobReceiver,
    /// How many requests were made without a schedule.
    closed_loop_requests: Cell<u64>,
    recorder: RefCell<Recorder>,
    stop: Stop,
    /// Connections that are up. Those that are down take requests, to refuse them, only while it is zero.
    connected: Cell<usize>,
    /// Wakes the connections that are down when one comes up.
    came_up: Notify,
    /// Cancelled by the connection that finds the queue at its end.
    at_end: CancellationToken,
}

impl Connections {
    /// Connects, says so, waits for the beginning, and works until the queue is at its end. Blocks.
    pub(crate) fn run(
        self,
        connected: oneshot::Sender<Result<(), RunError>>,
        begin: oneshot::Receiver<Begin>,
    ) -> Option<Tally> {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                // Nobody to tell where the run has been given up.
                connected.send(Err(RunError::Thread(error))).ok();
                return None;
            }
        };
        LocalSet::new().block_on(&runtime, self.run_tasks(connected, begin))
    }

    async fn run_tasks(
        self,
        connected: oneshot::Sender<Result<(), RunError>>,
        begin: oneshot::Receiver<Begin>,
    ) -> Option<Tally> {
        let connectors: Vec<Connector> = (0..self.plan.connections)
            .map(|index| Connector::new(Arc::clone(&self.target), &self.plan, index as u64))
            .collect();
        let opened = self.connect_all(connectors).await;
        let (opened, told) = match opened {
            Ok(opened) => (opened, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        connected.send(told).ok();
        let begin = begin.await.ok()?;
        let shared = Rc::new(Shared {
            plan: self.plan,
            target: self.target,
            begin,
            jobs: self.jobs,
            closed_loop_requests: Cell::new(0),
            recorder: RefCell::new(self.recorder),
            stop: self.stop,
            connected: Cell::new(opened.iter().filter(|(_, stream)| stream.is_some()).count()),
            came_up: Notify::new(),
            at_end: CancellationToken::new(),
        });
        let tasks: Vec<_> = opened
            .into_iter()
            .map(|(connector, stream)| {
                tokio::task::spawn_local(Worker::new(Rc::clone(&shared), connector, stream).run())
            })
            .collect();
        for task in tasks {
            // A panic of one connection would leave requests without an outcome: no result rather than a wrong one.
            task.await.ok()?;
        }
        let shared = Rc::into_inner(shared)?;
        Some(shared.recorder.into_inner().tally)
    }

    /// Opens all connections, and goes on trying until there is at least one or the time is over.
    async fn connect_all(
        &self,
        connectors: Vec<Connector>,
    ) -> Result<Vec<(Connector, Option<TcpStream>)>, RunError> {
        let deadline = tokio::time::Instant::now() + self.start_timeout;
        let tasks: Vec<_> = connectors
            .into_iter()
            .map(|mut connector| {
                tokio::task::spawn_local(async move {
                    let first = connector.connect().await;
                    let stream = match first {
                        Some(stream) => Some(stream),
                        None => tokio::select! {
                            stream = connector.reconnect() => Some(stream),
                            () = sleep_until(deadline) => None,
                        },
                    };
                    (connector, stream)
                })
            })
            .collect();
        let mut opened = Vec::with_capacity(tasks.len());
        for task in tasks {
            opened.push(task.await.map_err(|_| RunError::ThreadFailed)?);
        }
        let is_up = opened.iter().any(|(_, stream)| stream.is_some());
        if is_up || self.start_timeout.is_zero() {
            return Ok(opened);
        }
        let reason = opened.first().and_then(|(connector, _)| connector.last_error());
        Err(RunError::Unreachable {
            target: format!("{:?}", self.target),
            waited_s: self.start_timeout.as_secs_f64(),
            reason: reason.unwrap_or("no attempt was made").to_owned(),
        })
    }
}

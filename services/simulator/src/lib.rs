//! A reproducible load: an open loop from a seeded schedule, a ledger of what was sent and what became of it,
//! and latencies that count from the moment a request was meant to be sent.

pub mod config;
mod connections;
mod error;
mod outcome;
mod pacer;
mod plan;
mod progress;
mod queue;
mod random;
mod recorder;
mod report;
mod request;
mod result;
mod schedule;
mod target;
mod telemetry;
mod text;
mod waiter;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use observability::metrics::{Metric, Registry};
use service::clock::unix_us;
use service::config::HttpConfig;
use service::health::{self, Condition, Readiness};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use connections::{Begin, Connections, Stop};
use pacer::{Pace, Paced, Pacer};
use recorder::{Recorder, Tally};
use result::Finished;
use telemetry::{Phase, Phases};

pub use config::Config;
pub use error::RunError;
pub use plan::{Arrivals, ContentType, Plan};
pub use recorder::Requests;
pub use report::summary;
pub use request::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MIN, RequestWriter};
pub use result::{Environment, EventCounts, Late, Latencies, RESULT_VERSION, Rates, RunResult};
pub use schedule::{Arrival, Schedule};
pub use target::Target;

/// Between the last preparation and the first arrival, so that the first is not late.
const START_LEAD: Duration = Duration::from_millis(20);
/// How long an interrupted run waits for the answers that are still to come.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);

/// Carries out the plan, writes `result.json` and `ledger.json`, and returns the result. Cancelling `shutdown` ends
/// the run early, with the results so far.
///
/// Bounds: an arrival waits at most until the schedule's end plus the timeout, an answer at most the timeout.
///
/// # Errors
/// The run could not begin, or its results could not be written. Failing requests are no error.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<RunResult, RunError> {
    let directory = result::create_directory(&config.results_dir, &config.plan.run_id)?;
    let registry = Registry::new();
    let phases = Phases::new(&registry);
    let health = Health::start(&config, &registry, &shutdown).await?;
    let (job_sender, jobs) = queue::queue(config.plan.queue_requests_max);
    let stop = Stop::default();
    let target = Arc::new(config.target.clone());
    let connections = Connections {
        plan: config.plan.clone(),
        target: Arc::clone(&target),
        start_timeout: config.start_timeout,
        jobs,
        recorder: Recorder::new(&registry),
        stop: stop.clone(),
    };
    let (begin, tally) = connect(connections, &shutdown).await?;
    let start = Instant::now() + START_LEAD;
    let start_unix_us = unix_us() + START_LEAD.as_micros() as i64;
    let writer = RequestWriter::new(&config.plan, &target, start_unix_us)?;
    health.is_ready();
    phases.enter(Phase::Run);
    begin.send(Begin { start, writer: writer.clone() }).map_err(|_| RunError::ThreadFailed)?;
    let pace = Pace {
        plan: config.plan.clone(),
        writer,
        jobs: job_sender,
        start,
        stop: stop.sending.clone(),
        unsent_events: registry.counter(Metric::SimulatorEventsUnsent, &[]),
    };
    let (tally, paced) = supervise(&config, (registry, phases), pace, tally, &stop, &shutdown).await?;
    let finished = Finished {
        plan: config.plan,
        instance: config.common.instance,
        directory,
        start,
        start_unix_us,
        is_interrupted: shutdown.is_cancelled(),
        tally,
        paced,
    };
    let (result, ledger) = finished.into_result();
    result::write_files(&result, &ledger)?;
    ledger.check()?;
    Ok(result)
}

/// Starts the connections' thread and waits until it is connected. What it counts comes at its end.
async fn connect(
    connections: Connections,
    shutdown: &CancellationToken,
) -> Result<(oneshot::Sender<Begin>, oneshot::Receiver<Option<Tally>>), RunError> {
    let (connected_sender, connected) = oneshot::channel();
    let (begin_sender, begin) = oneshot::channel();
    let tally = spawn("connections", move || connections.run(connected_sender, begin))?;
    tokio::select! {
        connected = connected => connected.map_err(|_| RunError::ThreadFailed)??,
        () = shutdown.cancelled() => return Err(RunError::StoppedEarly),
    }
    Ok((begin_sender, tally))
}

/// Lets the run take its course, and ends it where it has to be ended.
async fn supervise(
    config: &Config,
    (registry, phases): (Registry, Phases),
    pace: Pace,
    tally: oneshot::Receiver<Option<Tally>>,
    stop: &Stop,
    shutdown: &CancellationToken,
) -> Result<(Tally, Paced), RunError> {
    let start = pace.start;
    let timeout = config.plan.timeout();
    let schedule_ended = CancellationToken::new();
    let guard = schedule_ended.clone().drop_guard();
    let paced = spawn("pacer", move || {
        let _guard = guard;
        if pace.plan.is_closed() { Paced::default() } else { Pacer::new(pace).run() }
    })?;
    let drain = async {
        if config.plan.is_closed() {
            sleep_until((start + config.plan.duration()).into()).await;
            phases.enter(Phase::Drain);
        } else {
            schedule_ended.cancelled().await;
            phases.enter(Phase::Drain);
            sleep(timeout).await;
        }
        stop.sending.cancel();
        std::future::pending::<()>().await;
    };
    let interrupt = async {
        shutdown.cancelled().await;
        phases.enter(Phase::Drain);
        stop.sending.cancel();
        sleep(timeout.min(INTERRUPT_GRACE)).await;
        stop.waiting.cancel();
        std::future::pending::<()>().await;
    };
    let progress = async {
        if config.shows_progress {
            progress::show_progress(registry, start, config.plan.duration()).await;
        }
        std::future::pending::<()>().await;
    };
    let tally = tokio::select! {
        tally = tally => tally,
        () = drain => unreachable!("it never ends"),
        () = interrupt => unreachable!("it never ends"),
        () = progress => unreachable!("it never ends"),
    };
    // The connections end only once the pacing thread has.
    let tally = tally.ok().flatten().ok_or(RunError::ThreadFailed)?;
    Ok((tally, paced.await.map_err(|_| RunError::ThreadFailed)?))
}

/// Runs `work` on a thread of its own; its result arrives on the channel, or the channel closes where it panics.
fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, RunError> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Nobody to tell where the run has been given up.
            sender.send(work()).ok();
        })
        .map_err(RunError::Thread)?;
    Ok(receiver)
}

/// Health endpoints for as long as it lives, where they are asked for.
struct Health {
    ready: Option<Condition>,
    _serving: tokio_util::sync::DropGuard,
}

impl Health {
    async fn start(
        config: &Config,
        registry: &Registry,
        shutdown: &CancellationToken,
    ) -> Result<Self, RunError> {
        let stop = shutdown.child_token();
        let Some(address) = config.listen else {
            return Ok(Self { ready: None, _serving: stop.drop_guard() });
        };
        let listener = TcpListener::bind(address).await.map_err(RunError::Listen)?;
        let readiness = Readiness::default();
        let ready = readiness.condition("target", "connecting");
        let router: Router = health::routes("simulator", &config.common.instance, &readiness, registry, None);
        let until = stop.clone();
        tokio::spawn(async move {
            let limits = HttpConfig {
                header_timeout: Duration::from_secs(10),
                body_timeout: Duration::from_secs(10),
                connections_max: 16,
                drain_delay: Duration::ZERO,
                drain_timeout: Duration::from_secs(1),
            };
            service::http::serve(listener, router, &limits, &readiness, until).await;
        });
        Ok(Self { ready: Some(ready), _serving: stop.drop_guard() })
    }

    fn is_ready(&self) {
        if let Some(ready) = &self.ready {
            ready.set_ready();
        }
    }
}

//! One run from its first connection to its published result.

mod crew;
mod meeting;
mod observation;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use measurement::Histogram;
use observability::metrics::Registry;
use service::clock::unix_us;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::addresses::Addresses;
use crate::aggregate::{Aggregator, Ending};
use crate::config::Config;
use crate::error::RunError;
use crate::health::Health;
use crate::lane::{Begin, LaneReport};
use crate::plan::Plan;
use crate::probes::{self, ProbeSender, ProbeTally, Prober};
use crate::request::RequestWriter;
use crate::result::{Generator, ResultDirectory, RunResult};
use crate::telemetry::Instruments;
use crate::usage::{process_cpu, timer_resolution};
use crew::{Crew, Working};
use meeting::Meeting;
use observation::Observation;

/// How long an interrupted run waits for the answers that are still to come.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);

/// Carries out the plan, publishes the directory of its results, and returns the result. Cancelling `shutdown` ends
/// the run early, with the results so far; an endless run ends only so.
///
/// Bounds: an arrival waits at most until the schedule's end plus the timeout, an answer at most the timeout.
///
/// # Errors
/// The run could not begin, or its results could not be written. Failing requests are no error.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<RunResult, RunError> {
    let plan = &config.plan;
    let directory = ResultDirectory::of_run(&config.results_dir, plan)?;
    let registry = Registry::new();
    let instruments = Arc::new(Instruments::new(&registry));
    let observation = Observation::begin(&config, &registry, &instruments);
    // Whoever asks finds every metric.
    let health = Health::start(&config, &registry, &shutdown).await?;
    // Before the start is agreed on: readings of the host take a while.
    let writer = RequestWriter::new(plan, &config.target, unix_us())?;
    let addresses = tokio::select! {
        addresses = Addresses::look_up(&config.target, config.start_timeout) => Arc::new(addresses?),
        () = shutdown.cancelled() => return Err(RunError::StoppedEarly),
    };
    let _current = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&addresses).keep_current()));
    let crew = Crew::connect(&config, &addresses, &shutdown).await?;
    observation.waits_for("the other shards");
    let mut meeting = Meeting::attend(&config, &shutdown).await?;
    let Meeting { start, start_unix_us, .. } = meeting;
    let writer = writer.starting_at(start_unix_us);
    let (probe_sender, prober) = start_probes(&config, &registry)?.unzip();
    let aggregator = Aggregator::start(plan, directory, start_unix_us, observation.observer())?;
    let facts = Facts::before();
    health.is_ready();
    observation.start(start, prober.as_ref().map(Prober::view));
    let open = instruments.open.clone();
    let updates = aggregator.sender();
    let working = crew.begin(move || Begin {
        start,
        writer: writer.clone(),
        aggregator: updates.clone(),
        probes: probe_sender.clone(),
        open: open.clone(),
    })?;
    let failed = aggregator.failed();
    let (reports, stopped_after) = supervise(working, plan, start, &[&shutdown, &failed]).await?;
    let elapsed = Instant::now().saturating_duration_since(start);
    let generator = facts.after(plan, &reports, elapsed);
    let probes = finish_probes(prober, &shutdown).await;
    observation.end().await;
    let shards = meeting.end(&shutdown).await;
    let ending = Ending {
        instance: config.common.instance.clone(),
        elapsed,
        stopped_after,
        ledgers: reports.into_iter().map(|report| report.ledger).collect(),
        generator,
        probes,
        shards,
    };
    // Writing a large ledger takes a while, and nothing else waits for this thread.
    let result = tokio::task::spawn_blocking(move || aggregator.finish(ending))
        .await
        .map_err(|_| RunError::ThreadFailed)??;
    observation::end_phases(&result, start_unix_us);
    meeting.publish(&result.directory).await?;
    Ok(result)
}

/// Waits for the lanes. Where one of `stops` comes first, tells them to end, and gives when that was, from the start of
/// the run.
async fn supervise(
    working: Working,
    plan: &Plan,
    start: Instant,
    stops: &[&CancellationToken; 2],
) -> Result<(Vec<LaneReport>, Option<Duration>), RunError> {
    let stop = Arc::clone(&working.stop);
    let stopped_after = OnceLock::new();
    let interrupt = async {
        tokio::select! {
            () = stops[0].cancelled() => {}
            () = stops[1].cancelled() => {}
        }
        stopped_after.get_or_init(|| Instant::now().saturating_duration_since(start));
        stop.end_sending();
        sleep(plan.timeout().min(INTERRUPT_GRACE)).await;
        stop.end_waiting();
        std::future::pending::<()>().await;
    };
    let reports = tokio::select! {
        reports = working.finish() => reports?,
        () = interrupt => unreachable!("it never ends"),
    };
    Ok((reports, stopped_after.into_inner()))
}

type Probing = Option<(ProbeSender, Prober)>;

fn start_probes(config: &Config, registry: &Registry) -> Result<Probing, RunError> {
    let start = |probes| probes::start(probes, &config.plan, probes::DEADLINE, registry);
    Ok(config.probes.as_ref().map(start).transpose()?)
}

async fn finish_probes(prober: Option<Prober>, shutdown: &CancellationToken) -> Vec<ProbeTally> {
    match prober {
        Some(prober) => prober.finish(shutdown).await,
        None => Vec::new(),
    }
}

/// What the load generator uses, and how its clocks go, from the start of the run.
struct Facts {
    cpu: Duration,
    monotonic: Instant,
    unix_us: i64,
}

impl Facts {
    fn before() -> Self {
        Self { cpu: process_cpu(), monotonic: Instant::now(), unix_us: unix_us() }
    }

    fn after(self, plan: &Plan, reports: &[LaneReport], elapsed: Duration) -> Generator {
        let cpu_s = process_cpu().saturating_sub(self.cpu).as_secs_f64();
        let by_monotonic_us = self.monotonic.elapsed().as_micros() as f64;
        let mut overslept = Histogram::new();
        reports.iter().for_each(|report| overslept.merge(&report.overslept));
        let usages = || reports.iter().map(|report| report.usage);
        Generator {
            threads: plan.threads,
            cpu_s,
            cpu_s_per_s: cpu_s / elapsed.as_secs_f64().max(f64::MIN_POSITIVE),
            lane_cpu_share_max: usages().map(|usage| usage.share_max).fold(0.0, f64::max),
            timer_resolution_us: timer_resolution().as_nanos() as f64 / 1e3,
            wakeup_overshoot_p99_us: overslept.quantile(0.99).as_nanos() as f64 / 1e3,
            clock_step_us: (unix_us() - self.unix_us) as f64 - by_monotonic_us,
            involuntary_switches: usages().filter_map(|usage| usage.involuntary_switches).sum(),
        }
    }
}

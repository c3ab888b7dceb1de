//! One run: a fresh testbed, a look for noise, the load, the audit, and a record that says how far all of it is to be trusted.

mod audit;
mod gates;
mod latencies;
mod meter;
mod moments;
mod outcome;
mod quiet;
pub mod settings;
mod simulator_result;
mod steadiness;
#[cfg(test)]
mod tests;
mod usage;
mod verdict;
pub mod workload;

use crate::experiment::target::{Load, Target, Testbed};
use anyhow::{Context, anyhow};
use experiment::bundle::{ENVIRONMENT_FILE, SAMPLES_FILE, STATISTICS_FILE};
use experiment::cell::Cell;
use experiment::environment::Environments;
use experiment::order::PlannedRun;
use experiment::plan::Plan;
use experiment::record::{Gate, RECORD_VERSION, RunRecord, Status};
use experiment::sample::{self, Sample};
use jiff::Timestamp;
use moments::LoadClock;
use outcome::Outcome;
use quiet::Quiet;
use serde::Serialize;
use settings::CellSettings;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

/// The workload in the directory of a run.
const WORKLOAD_FILE: &str = "workload.toml";
/// A run id has 64 bytes at most, of which the numbers of the run take up to 16.
const RUN_ID_NAME_BYTES_MAX: usize = 48;

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest<'a> {
    pub plan: &'a Plan,
    pub planned: &'a PlannedRun,
    /// That of `planned`.
    pub cell: &'a Cell,
    /// From 1.
    pub attempt: u32,
    /// Where its files go; made where it is missing.
    pub directory: &'a Path,
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Everything that is run is being started.
    Starting,
    /// The load waits for others on the machine to be quiet.
    Waiting {
        /// What is above its limit.
        noise: &'a [Gate],
        waited: Duration,
    },
    /// A second of the load.
    Load(&'a Sample),
    /// What was sent is compared with what can be queried.
    Auditing,
    /// Everything is stopped.
    Ended,
}

/// Carries out a run; leaves all that its record was made of in the directory. A load waits for `patience` until nodes are quiet;
/// one that begins in spite of noise has a record that says so.
///
/// # Errors
/// A run that could not be carried out. One that was, and is not to be trusted, is a record that says so.
pub async fn run<T: Target>(
    target: &mut T,
    request: RunRequest<'_>,
    patience: Duration,
    progress: &mut dyn FnMut(Progress<'_>),
) -> anyhow::Result<RunRecord> {
    let started_at = Timestamp::now();
    progress(Progress::Starting);
    fs::create_dir_all(request.directory)
        .with_context(|| format!("cannot make {}", request.directory.display()))?;
    let started = target.start(request.cell, request.directory).await;
    let (carried_out, stopped) = match started {
        Ok(mut testbed) => {
            let carried_out = carry_out(&mut testbed, request, patience, progress).await;
            (carried_out, testbed.stop().await)
        }
        Err(error) => (Err(error), Ok(())),
    };
    progress(Progress::Ended);
    let trouble = stopped.err().map(|error| format!("{error:#}"));
    match (carried_out, trouble) {
        (Ok(outcome), trouble) => Ok(record(request, &outcome, started_at, trouble)),
        (Err(error), None) => Err(error),
        (Err(error), Some(trouble)) => Err(anyhow!("{error:#}; nor could it be stopped: {trouble}")),
    }
}

async fn carry_out<B: Testbed>(
    testbed: &mut B,
    request: RunRequest<'_>,
    patience: Duration,
    progress: &mut dyn FnMut(Progress<'_>),
) -> anyhow::Result<Outcome> {
    let RunRequest { plan, planned, cell, attempt, directory } = request;
    let name: String = plan.name.chars().take(RUN_ID_NAME_BYTES_MAX).collect();
    let run_id = format!("{name}-{:04}-{attempt}", planned.number);
    let workload = directory.join(WORKLOAD_FILE);
    let text = workload::text(&CellSettings::of(cell)?, &plan.timing, planned.seed)?;
    fs::write(&workload, text).with_context(|| format!("cannot write {}", workload.display()))?;
    let services = testbed.services().await?;
    let clocks_before = testbed.clocks().await?;
    let Quiet { idle, before, idle_s, waited_s } = quiet::wait(testbed, patience, progress).await?;
    let clock = LoadClock::ahead_by(&testbed.load_clock().await?, Timestamp::now());
    let load_from = Instant::now();
    let mut samples: Vec<(Instant, Sample)> = Vec::new();
    let load =
        Load { workload: &workload, run_id: &run_id, probes_per_s: workload::probes_per_s(&plan.timing) };
    let mut take = |sample: Sample| {
        progress(Progress::Load(&sample));
        samples.push((Instant::now(), sample));
    };
    testbed.load(&load, directory, &mut take).await?;
    let mut unseen = Vec::new();
    let nodes = (Status::Invalid, "noise-unknown", "the noise on the nodes");
    let after = outcome::seen(testbed.environments().await, nodes, &mut unseen).unwrap_or_default();
    let load_s = load_from.elapsed().as_secs_f64();
    let environments = Environments { idle, before, after, idle_s, load_s, waited_s };
    write_json(&directory.join(ENVIRONMENT_FILE), &environments)?;
    let statistics = testbed.statistics().await;
    write_json(&directory.join(STATISTICS_FILE), &statistics)?;
    progress(Progress::Auditing);
    let drain_timeout_s = if testbed.deaths().is_empty() { plan.timing.drain_timeout_s } else { 0.0 };
    let audit = audit::carry_out(testbed, directory, &run_id, drain_timeout_s).await;
    let clocks = (Status::Invalid, "clock-unknown", "the clocks of the nodes");
    let clocks_after = outcome::seen(testbed.clocks().await, clocks, &mut unseen).unwrap_or_default();
    let restarts = (Status::Suspect, "restarts-unknown", "whether a service was restarted");
    let services = outcome::seen(testbed.services().await, restarts, &mut unseen).unwrap_or(services);
    let wanted = services.iter().map(|facts| testbed.wanted_architecture(&facts.name).map(str::to_owned));
    let wanted = wanted.collect();
    let mut outcome = Outcome {
        result: simulator_result::read(directory)?,
        run_id,
        samples: Vec::new(),
        environments,
        statistics,
        audit,
        wanted,
        services,
        deaths: testbed.deaths(),
        clocks: outcome::clocks(clocks_before, clocks_after),
        unseen,
    };
    outcome.samples = clock.since_begin(samples, outcome.result.started_at);
    let path = directory.join(SAMPLES_FILE);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    sample::write_csv(BufWriter::new(file), &outcome.samples)?;
    Ok(outcome)
}

fn record(
    request: RunRequest<'_>,
    outcome: &Outcome,
    started_at: Timestamp,
    trouble: Option<String>,
) -> RunRecord {
    let RunRequest { plan, planned, attempt, directory, .. } = request;
    let steadiness = steadiness::judge(directory, &outcome.result, plan.timing.measure_s);
    let window = outcome.window(steadiness.from_s);
    let gates = gates::gates(outcome);
    let mut metrics = latencies::metrics(directory, window);
    metrics.extend(usage::metrics(&outcome.samples, window));
    metrics.extend(outcome.refused_share());
    metrics.extend(meter::energy_per_event(&outcome.environments, &outcome.samples));
    experiment::clocks::bound(&mut metrics, &outcome.clocks, &outcome.services);
    RunRecord {
        version: RECORD_VERSION,
        number: planned.number,
        block: planned.block,
        cell: planned.cell.clone(),
        attempt,
        seed: planned.seed,
        run_id: outcome.run_id.clone(),
        started_at,
        ended_at: Timestamp::now(),
        verdict: verdict::verdict(outcome, &gates, &steadiness, &metrics, trouble),
        steady_from_s: steadiness.from_s,
        metrics,
        services: outcome.services.clone(),
        audit: outcome.audit.facts.clone(),
        gates,
        clocks: outcome.clocks.clone(),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

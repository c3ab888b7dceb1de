//! Puts together what the sending threads count: adds it up by second and phase, writes the series as the run goes on,
//! and makes the result at its end. Takes the same memory however long a run is.

mod pending;
mod row;
mod series;

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use measurement::{Histogram, Ledger};
use tokio_util::sync::CancellationToken;

use pending::Pending;
pub(crate) use row::SeriesRow;
pub(crate) use series::{Series, write_logs};

use crate::error::RunError;
use crate::plan::{PhasePlan, Plan};
use crate::probes::ProbeTally;
use crate::result::{
    Circumstances, Environment, Generator, PhaseTotals, RESULT_FILE, ResultDirectory, RunResult, SERIES_FILE,
    ShardsSummary, write_json, write_ledger,
};
use crate::tally::Tally;

/// Updates that may wait, for each sending thread: several seconds' worth, so that a slow disk holds nobody up.
const UPDATES_MAX: usize = 16;

/// What a sending thread says once a second.
#[derive(Debug)]
pub enum Update {
    /// Counts of a second.
    Slice(Box<Slice>),
    /// The fates of events since the last time.
    Ledger(Box<Ledger>),
    /// All slices of a second, and of those before, have been sent.
    Passed {
        /// Which thread of this process, from 0.
        lane: usize,
        /// Whole seconds from the start of the run.
        second: u64,
    },
    /// The thread sends nothing more.
    Ended {
        /// Which thread of this process, from 0.
        lane: usize,
    },
}

/// What one thread counted of one phase in one second.
#[derive(Debug)]
pub struct Slice {
    /// Which second, from the start of the run. One whose row has been written already counts for the next row.
    pub second: u64,
    /// Which phase of the plan.
    pub phase: usize,
    /// What was counted.
    pub tally: Tally,
}

/// What is known only when a run has ended.
#[derive(Debug)]
pub struct Ending {
    /// Name of this instance.
    pub instance: String,
    /// From the start of the run to the last outcome.
    pub elapsed: Duration,
    /// When the run was stopped before its time, from its start; none where it took its course. An endless run that
    /// was stopped has taken its course.
    pub stopped_after: Option<Duration>,
    /// What each thread recorded and has not handed over before its end.
    pub ledgers: Vec<Ledger>,
    /// What the load generator found out about itself.
    pub generator: Generator,
    /// The probes of each phase, in the order of the plan; empty without probes.
    pub probes: Vec<ProbeTally>,
    /// What is known of the other shards; none where there are no others.
    pub shards: Option<ShardsSummary>,
}

/// Adds up the slices of all threads, on a thread of its own.
pub struct Aggregator {
    plan: Plan,
    directory: ResultDirectory,
    started_unix_us: i64,
    updates: SyncSender<Update>,
    failed: CancellationToken,
    thread: JoinHandle<Aggregated>,
}

impl Aggregator {
    /// Begins the files of a run in `directory`. `started_unix_us` is when the first phase begins. `observe` is given
    /// every second of every phase once it is complete.
    ///
    /// # Errors
    /// A file or the thread cannot be made.
    pub fn start(
        plan: &Plan,
        directory: ResultDirectory,
        started_unix_us: i64,
        observe: impl FnMut(u64, usize, &Tally) + Send + 'static,
    ) -> Result<Self, RunError> {
        // An endless run would fill any disk.
        let series = match plan.is_endless {
            true => None,
            false => Some(Series::create(directory.path(), plan, started_unix_us)?),
        };
        let (updates, received) = sync_channel(UPDATES_MAX * plan.threads);
        let failed = CancellationToken::new();
        let worker = Worker {
            is_closed: plan.phases.iter().map(PhasePlan::is_closed).collect(),
            pending: Pending::new(plan.threads),
            totals: vec![Tally::default(); plan.phases.len()],
            series,
            ledger: Ledger::default(),
            outcome: Ok(()),
            failed: failed.clone(),
            observe,
        };
        let thread = thread::Builder::new()
            .name("aggregator".to_owned())
            .spawn(move || {
                // Packing the histograms of a second takes milliseconds, in which a lane would send late.
                observability::yield_to_others();
                worker.run(&received)
            })
            .map_err(RunError::Thread)?;
        Ok(Self { plan: plan.clone(), directory, started_unix_us, updates, failed, thread })
    }

    /// Where a sending thread says what it counted. Bounded: a thread that must not wait uses `try_send` and keeps
    /// what there is no room for.
    pub fn sender(&self) -> SyncSender<Update> {
        self.updates.clone()
    }

    /// Cancelled once the series cannot be written any more, so that a run need not go on for nothing.
    pub fn failed(&self) -> CancellationToken {
        self.failed.clone()
    }

    /// Waits until all senders are dropped, and publishes the result: all of its files, or none.
    ///
    /// # Errors
    /// A file could not be written, or the ledgers contradict each other.
    pub fn finish(self, ending: Ending) -> Result<RunResult, RunError> {
        let Self { plan, directory, started_unix_us, updates, thread, .. } = self;
        drop(updates);
        let Aggregated { tallies, mut ledger, outcome } =
            thread.join().map_err(|_| RunError::ThreadFailed)?;
        outcome?;
        let is_endless = plan.is_endless;
        let stopped = ending.stopped_after.unwrap_or(Duration::MAX);
        let phases: Vec<PhaseTotals> = tallies
            .into_iter()
            .enumerate()
            .map(|(phase, tally)| {
                let (start, end) = (plan.phase_start(phase), plan.phase_end(phase).unwrap_or(ending.elapsed));
                let duration = end.min(stopped).saturating_sub(start);
                PhaseTotals { tally, probes: ending.probes.get(phase).cloned(), duration }
            })
            .collect();
        let circumstances = Circumstances {
            started_unix_us,
            elapsed: ending.elapsed,
            is_interrupted: ending.stopped_after.is_some() && !is_endless,
            shard: (plan.shard.count > 1).then_some(plan.shard),
            shards: ending.shards,
            generator: ending.generator,
            environment: Environment::here(ending.instance),
            files: Vec::new(),
            directory: directory.place().to_owned(),
            plan,
        };
        for rest in &ending.ledgers {
            ledger.merge(rest)?;
        }
        publish(directory, &phases, circumstances, ledger)
    }
}

/// Writes the files of a result whose series are written, and publishes its directory.
pub(crate) fn publish(
    directory: ResultDirectory,
    phases: &[PhaseTotals],
    mut circumstances: Circumstances,
    mut ledger: Ledger,
) -> Result<RunResult, RunError> {
    ledger.check()?;
    ledger.optimize();
    directory.release_ballast()?;
    write_logs(directory.path(), phases, &circumstances)?;
    write_ledger(directory.path(), &circumstances, ledger)?;
    circumstances.files = files(&directory)?;
    let result = RunResult::new(phases, circumstances);
    write_json(&directory.path().join(RESULT_FILE), &result)?;
    directory.publish()?;
    Ok(result)
}

fn files(directory: &ResultDirectory) -> Result<Vec<String>, RunError> {
    let path = directory.path();
    let names = || {
        let mut names = Vec::new();
        for entry in path.read_dir()? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    };
    names().map_err(|reason: io::Error| RunError::Results { path: path.to_owned(), reason })
}

/// All that the sending threads said.
struct Aggregated {
    tallies: Vec<Tally>,
    ledger: Ledger,
    outcome: Result<(), RunError>,
}

struct Worker<F> {
    is_closed: Vec<bool>,
    pending: Pending,
    totals: Vec<Tally>,
    series: Option<Series>,
    /// One for all threads: theirs interleave, so each of its own would take as much memory as that of all.
    ledger: Ledger,
    outcome: Result<(), RunError>,
    failed: CancellationToken,
    observe: F,
}

impl<F: FnMut(u64, usize, &Tally)> Worker<F> {
    fn run(mut self, updates: &Receiver<Update>) -> Aggregated {
        for update in updates {
            match update {
                Update::Slice(slice) => self.take(*slice),
                Update::Ledger(part) => {
                    let merged = self.ledger.merge(&part);
                    self.note(merged.map_err(RunError::from));
                }
                Update::Passed { lane, second } => self.pending.pass(lane, second),
                Update::Ended { lane } => self.pending.end(lane),
            }
            while let Some((second, phase, tally)) = self.pending.pop_complete() {
                self.close(second, phase, &tally);
            }
        }
        while let Some((second, phase, tally)) = self.pending.pop() {
            self.close(second, phase, &tally);
        }
        if let Some(series) = self.series.take() {
            self.note(series.finish());
        }
        Aggregated { tallies: self.totals, ledger: self.ledger, outcome: self.outcome }
    }

    fn take(&mut self, mut slice: Slice) {
        if self.is_closed[slice.phase] {
            // It is the service time under a name that promises more.
            slice.tally.response_time = Histogram::new();
        }
        self.pending.add(slice.second, slice.phase, slice.tally);
    }

    fn close(&mut self, second: u64, phase: usize, tally: &Tally) {
        self.totals[phase].add(tally);
        (self.observe)(second, phase, tally);
        if let Some(series) = &mut self.series {
            let appended = series.append(second, phase, tally);
            self.note(appended);
        }
    }

    /// Keeps the first failure. Slices are taken on, so that no sending thread is held up.
    fn note(&mut self, outcome: Result<(), RunError>) {
        if let Err(error) = outcome {
            tracing::error!(%error, file = SERIES_FILE, "the results of this run cannot be kept");
            self.series = None;
            self.outcome = Err(error);
            self.failed.cancel();
        }
    }
}

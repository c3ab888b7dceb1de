//! The result of a run, `result.json`, and the files that it consists of.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use events::rfc3339_from_unix_us;
use measurement::{HistogramSummary, LedgerFile};
use serde::Serialize;

use crate::error::RunError;
use crate::pacer::Paced;
use crate::plan::Plan;
use crate::recorder::{LATE_AFTER, Requests, Tally};

/// Version of `result.json`.
pub const RESULT_VERSION: u32 = 1;
const RESULT_FILE: &str = "result.json";
const LEDGER_FILE: &str = "ledger.json";

/// `result.json`.
#[derive(Debug, Clone, Serialize)]
pub struct RunResult {
    /// [`RESULT_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// When the schedule began, RFC 3339.
    pub started_at: String,
    /// From the beginning of the schedule to the last outcome.
    pub elapsed_s: f64,
    /// What was to be done.
    pub plan: Plan,
    /// What became of the events.
    pub events: EventCounts,
    /// What became of the requests.
    pub requests: Requests,
    /// Planned and achieved.
    pub rates: Rates,
    /// Distributions over requests.
    pub latency: Latencies,
    /// Requests that were sent late.
    pub late: Late,
    /// Refused events by status and problem kind.
    pub refusals: BTreeMap<String, u64>,
    /// Events of unknown outcome by reason.
    pub unknowns: BTreeMap<&'static str, u64>,
    /// Where the simulator ran.
    pub environment: Environment,
    /// The directory of the run.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// Numbers of events; the ledger has the numbers of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// All that came due: sent and unsent.
    pub planned: u64,
    /// Accepted, refused and unknown.
    pub sent: u64,
    /// Confirmed by the receiver.
    pub accepted: u64,
    /// Refused, or not sent for want of a connection.
    pub refused: u64,
    /// Without an answer that can be relied on.
    pub unknown: u64,
    /// Given up before a connection was free.
    pub unsent: u64,
}

/// Events a second, over the length of the schedule or, where sending took longer, until the last was sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Rates {
    /// By the schedule as it was drawn.
    pub planned_events_per_s: f64,
    /// Sent.
    pub sent_events_per_s: f64,
    /// Confirmed.
    pub accepted_events_per_s: f64,
}

/// Distributions over requests that were answered, in whatever way, or timed out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latencies {
    /// From the intended send time to the answer: what a user of the receiver waits.
    pub response_time: HistogramSummary,
    /// From the actual send time to the answer.
    pub service_time: HistogramSummary,
    /// From the intended to the actual send time, waiting for a free connection included.
    pub send_lateness: HistogramSummary,
    /// From the intended send time until the request was ready to be sent: the part that is the generator's own.
    pub pacing_lateness: HistogramSummary,
}

/// Requests whose send lateness was over a bound.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Late {
    /// How many.
    pub requests: u64,
    /// The bound.
    pub over_us: u64,
}

/// Where a run took place.
#[derive(Debug, Clone, Serialize)]
pub struct Environment {
    /// Name of this instance.
    pub instance: String,
    /// Version of the simulator.
    pub version: &'static str,
    /// Revision that it was built from, where known.
    pub revision: Option<&'static str>,
    /// Architecture.
    pub arch: &'static str,
    /// Operating system and kernel release.
    pub os: String,
    /// Processors that this process may use.
    pub cores: usize,
}

/// What a finished run is made into a result from.
pub(crate) struct Finished {
    pub(crate) plan: Plan,
    pub(crate) instance: String,
    pub(crate) directory: PathBuf,
    pub(crate) start: Instant,
    pub(crate) start_unix_us: i64,
    pub(crate) is_interrupted: bool,
    pub(crate) tally: Tally,
    pub(crate) paced: Paced,
}

impl Finished {
    /// Puts the counts of both threads together.
    pub(crate) fn into_result(self) -> (RunResult, LedgerFile) {
        let Self { plan, paced, mut tally, .. } = self;
        tally.ledger.unsent = tally.ledger.unsent.union(&paced.unsent);
        tally.requests.unsent += paced.unsent_requests;
        tally.requests.planned = tally.requests.sent + tally.requests.unsent;
        let ledger = &tally.ledger;
        let events = EventCounts {
            planned: ledger.sent.len() + ledger.unsent.len(),
            sent: ledger.sent.len(),
            accepted: ledger.accepted.len(),
            refused: ledger.refused.len(),
            unknown: ledger.unknown.len(),
            unsent: ledger.unsent.len(),
        };
        let elapsed = self.start.elapsed();
        let sending =
            tally.last_sent.map_or(Duration::ZERO, |last| last.saturating_duration_since(self.start));
        let scheduled = if self.is_interrupted { sending } else { plan.duration() };
        let result = RunResult {
            version: RESULT_VERSION,
            run_id: plan.run_id.clone(),
            interrupted: self.is_interrupted,
            started_at: rfc3339_from_unix_us(self.start_unix_us),
            elapsed_s: elapsed.as_secs_f64(),
            rates: Rates::new(&events, scheduled, sending.max(scheduled)),
            latency: Latencies {
                response_time: tally.response_time.summary(),
                service_time: tally.service_time.summary(),
                send_lateness: tally.send_lateness.summary(),
                pacing_lateness: paced.pacing_lateness.summary(),
            },
            late: Late { requests: tally.late, over_us: LATE_AFTER.as_micros() as u64 },
            events,
            requests: tally.requests,
            refusals: tally.refusals,
            unknowns: tally.unknowns,
            environment: Environment::here(self.instance),
            directory: self.directory,
            plan,
        };
        let ledger_file = LedgerFile::new(result.run_id.clone(), tally.ledger);
        (result, ledger_file)
    }
}

impl Rates {
    fn new(events: &EventCounts, scheduled: Duration, sending: Duration) -> Self {
        let rate =
            |count: u64, over: Duration| if over.is_zero() { 0.0 } else { count as f64 / over.as_secs_f64() };
        Self {
            planned_events_per_s: rate(events.planned, scheduled),
            sent_events_per_s: rate(events.sent, sending),
            accepted_events_per_s: rate(events.accepted, sending),
        }
    }
}

impl Environment {
    fn here(instance: String) -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            instance,
            version: service::build::VERSION,
            revision: service::build::REVISION,
            arch: service::build::ARCH,
            os: format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Makes the directory of a run.
///
/// # Errors
/// It cannot be made, or holds the results of an earlier run.
pub(crate) fn create_directory(parent: &Path, run_id: &str) -> Result<PathBuf, RunError> {
    let path = parent.join(run_id);
    fs::create_dir_all(&path).map_err(|source| RunError::Results { path: path.clone(), source })?;
    let is_taken = [RESULT_FILE, LEDGER_FILE].iter().any(|file| path.join(file).exists());
    if is_taken { Err(RunError::ResultsExist { path }) } else { Ok(path) }
}

/// Writes both files.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn write_files(result: &RunResult, ledger: &LedgerFile) -> Result<(), RunError> {
    write_json(&result.directory.join(LEDGER_FILE), ledger)?;
    write_json(&result.directory.join(RESULT_FILE), result)
}

/// Writes beside the file and renames, so that nobody reads half of it.
fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let beside = path.with_extension("json.partial");
    let write = || {
        let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
        text.push(b'\n');
        fs::write(&beside, text)?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| RunError::Results { path: path.to_owned(), source })
}

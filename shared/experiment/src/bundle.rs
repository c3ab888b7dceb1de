//! A bundle: one directory that holds everything of an experiment, and from which its report is made anywhere.
//!
//! ```text
//! bundle.json             format version, versions of the programs, target, machine that ran it
//! experiment.toml         the plan as it was written
//! plan.json               the plan, complete
//! order.json              cells and the order of runs
//! journal.ndjson          what happened, a line each, appended as it happens
//! traces/                 of a plan that replays some: copies of them
//! runs/0007-arm64-5000/   one for each attempt; `-attempt-2` and so on for repetitions
//!   run.json              the record
//!   result.json, ledger.json, timeseries.csv, *.hlog   of the simulator
//!   samples.csv           every second: processor time, memory, network, storage, backlog
//!   workload.toml         what the simulator was told to send
//!   statistics.json       what services counted themselves
//!   environment.json      facts of each node when all was idle, right before the load and right after it
//!   logs/                 the last lines of each service
//! failed/0007-arm64-5000/ what a run has left that could not be carried out, such as logs
//! capacity.json           of a search for a capacity: the rates that were tried, and the answers
//! SHA256SUMS              of all files but itself, written when the campaign ends or is interrupted
//! ```
//!
//! A directory of a run has its name only when it is whole; until then its name begins with a dot.

mod archive;
mod error;
mod journal;
mod read;
mod sums;
#[cfg(test)]
mod tests;
mod write;

pub use archive::pack;
pub use error::BundleError;
pub use journal::{Driver, End, Entry, Event, Journal};
pub use read::{Bundle, StoredRun};
pub use write::{BundleWriter, StagedRun};

use crate::cell::Cell;
use crate::order::PlannedRun;
use serde::{Deserialize, Serialize};

/// Version of the layout.
pub const BUNDLE_VERSION: u32 = 1;

pub const HEAD_FILE: &str = "bundle.json";
pub const PLAN_FILE: &str = "plan.json";
pub const SOURCE_FILE: &str = "experiment.toml";
pub const ORDER_FILE: &str = "order.json";
pub const JOURNAL_FILE: &str = "journal.ndjson";
pub const RUNS: &str = "runs";
/// What attempts have left that could not be carried out, by the names that they would have had in [`RUNS`].
pub const FAILED: &str = "failed";
pub const TRACES: &str = "traces";
/// [`TRACES`] as seen from the directory of a run.
pub const TRACES_OF_RUN: &str = "../../traces";
pub const RECORD_FILE: &str = "run.json";
pub const SAMPLES_FILE: &str = "samples.csv";
pub const ENVIRONMENT_FILE: &str = "environment.json";
/// What services counted themselves, `/statz` at the end of the load, by their names.
pub const STATISTICS_FILE: &str = "statistics.json";
/// Of a search for a capacity: [`crate::capacity::Results`].
pub const CAPACITY_FILE: &str = "capacity.json";
pub const SUMS_FILE: &str = "SHA256SUMS";
/// How the name of an archive of a bundle ends.
pub const ARCHIVE_ENDING: &str = ".tar.gz";

/// `bundle.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// [`BUNDLE_VERSION`].
    pub version: u32,
    /// Name of the plan.
    pub name: String,
    pub created_at: jiff::Timestamp,
    /// Version and git revision of the command that made it.
    pub testbed: String,
    pub target: TargetKind,
    /// Name of the machine that drove it.
    pub host: String,
}

/// `order.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Order {
    pub cells: Vec<Cell>,
    /// Of the most blocks that there can be.
    pub runs: Vec<PlannedRun>,
}

impl Order {
    /// The cells of a plan, and their order.
    #[must_use]
    pub fn of(plan: &crate::plan::Plan) -> Self {
        let cells = crate::cell::cells(plan);
        let runs = crate::order::order(&cells, plan.blocks.max, plan.seed);
        Self { cells, runs }
    }

    /// The cell of an id.
    #[must_use]
    pub fn cell(&self, id: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.id == id)
    }
}

/// Characters of a cell's id that a name of a directory has; the number makes it unique.
const NAME_CHARACTERS_MAX: usize = 60;

/// Name of a run's directory in [`RUNS`]: `0007-arm64-5000`, and `0007-arm64-5000-attempt-2` for the second attempt.
#[must_use]
pub fn run_name(number: u32, cell: &str, attempt: u32) -> String {
    let safe = |character: char| {
        if character.is_ascii_alphanumeric() || matches!(character, '.' | '_') { character } else { '-' }
    };
    let cell: String = cell.replace('#', "-copy-").chars().take(NAME_CHARACTERS_MAX).map(safe).collect();
    let again = if attempt > 1 { format!("-attempt-{attempt}") } else { String::new() };
    format!("{number:04}-{cell}{again}")
}

/// Where runs were carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Processes on one machine.
    Local,
    /// Pods.
    Cluster,
}

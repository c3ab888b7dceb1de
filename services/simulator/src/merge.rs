//! Puts the results of the shards of a run together: counts and histograms are added, ledgers joined, and what is
//! missing is named.

mod part;
mod series;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use measurement::LedgerFileError;

use crate::aggregate::publish;
use crate::error::RunError;
use crate::result::{
    Circumstances, Generator, PhaseTotals, ResultDirectory, RunResult, ShardPart, ShardsSummary,
};
use part::Part;

/// Why results cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A directory without a result.
    #[error("{} holds neither a result.json nor directories shard-*-of-* with one", path.display())]
    NoResult {
        /// The directory.
        path: PathBuf,
    },
    /// A file of a result cannot be read.
    #[error("cannot read {}: {reason}; it has to be written by this version of the simulator", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A result that is not that of a shard.
    #[error("{} is the result of a whole run, there is nothing to merge", path.display())]
    NotAShard {
        /// Its directory.
        path: PathBuf,
    },
    /// Results of different runs.
    #[error(
        "{} is of run {first_run}, {} is of run {second_run}: merge the shards of one run",
        first.display(),
        second.display()
    )]
    DifferentRuns {
        /// A directory.
        first: PathBuf,
        /// Its run.
        first_run: String,
        /// Another directory.
        second: PathBuf,
        /// Its run.
        second_run: String,
    },
    /// Shards that were not started with the same plan.
    #[error(
        "{} and {} have different plans: start all shards with the same workload and flags",
        first.display(),
        second.display()
    )]
    DifferentPlans {
        /// A directory.
        first: PathBuf,
        /// Another directory.
        second: PathBuf,
    },
    /// The same shard in two directories.
    #[error("{} and {} are both of shard {shard}: leave one of them out", first.display(), second.display())]
    SameShard {
        /// Which one.
        shard: u32,
        /// A directory.
        first: PathBuf,
        /// Another directory.
        second: PathBuf,
    },
    /// Ledgers that contradict each other.
    #[error("ledger of {}: {reason}", path.display())]
    Ledger {
        /// The directory of the shard that contradicts those before.
        path: PathBuf,
        /// What they contradict each other in.
        reason: LedgerFileError,
    },
    /// The merged result cannot be written.
    #[error(transparent)]
    Write(#[from] RunError),
}

impl MergeError {
    /// A bounded name of the kind of error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoResult { .. } => "no-result",
            Self::Unreadable { .. } => "result-unreadable",
            Self::NotAShard { .. } => "not-a-shard",
            Self::DifferentRuns { .. } => "different-runs",
            Self::DifferentPlans { .. } => "different-plans",
            Self::SameShard { .. } => "same-shard",
            Self::Ledger { .. } => "ledger",
            Self::Write(error) => error.kind(),
        }
    }
}

/// Merges the results of shards into a result of the same format in `out`, which must not hold anything yet. Each of
/// `dirs` is the directory of a shard, or one with directories `shard-*-of-*`. Shards whose results are not there make
/// the merged result invalid, and are named in it.
///
/// # Errors
/// Results that are unreadable or do not belong together, or a directory that cannot be written.
pub fn merge(dirs: &[PathBuf], out: &Path) -> Result<RunResult, MergeError> {
    let mut parts = Vec::new();
    for path in expand(dirs)? {
        parts.push(Part::read(&path)?);
    }
    parts.sort_by_key(|part| part.shard.index);
    check(&parts)?;
    let directory = ResultDirectory::beside(out)?;
    series::merge(&parts, directory.path())?;
    let mut ledger_file = parts[0].ledger()?;
    for part in &parts[1..] {
        let merged = ledger_file.merge(&part.ledger()?);
        merged.map_err(|reason| MergeError::Ledger { path: part.path.clone(), reason })?;
    }
    let phases = add_phases(&parts)?;
    Ok(publish(directory, &phases, circumstances(&parts, out), ledger_file.ledger)?)
}

/// The directories of shards among and below `dirs`.
fn expand(dirs: &[PathBuf]) -> Result<Vec<PathBuf>, MergeError> {
    let mut paths = Vec::new();
    for dir in dirs {
        if dir.join(crate::result::RESULT_FILE).exists() {
            paths.push(dir.clone());
            continue;
        }
        let unreadable =
            |error: io::Error| MergeError::Unreadable { path: dir.clone(), reason: error.to_string() };
        let found = paths.len();
        if !dir.exists() {
            return Err(MergeError::NoResult { path: dir.clone() });
        }
        for entry in dir.read_dir().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("shard-") && path.join(crate::result::RESULT_FILE).exists() {
                paths.push(path);
            }
        }
        if paths.len() == found {
            return Err(MergeError::NoResult { path: dir.clone() });
        }
        paths[found..].sort_unstable();
    }
    Ok(paths)
}

/// Checks that the parts, in the order of their shards, are of one run.
fn check(parts: &[Part]) -> Result<(), MergeError> {
    for pair in parts.windows(2) {
        let [first, second] = pair else { continue };
        let (first_path, second_path) = (first.path.clone(), second.path.clone());
        if first.result.run_id != second.result.run_id {
            return Err(MergeError::DifferentRuns {
                first: first_path,
                first_run: first.result.run_id.clone(),
                second: second_path,
                second_run: second.result.run_id.clone(),
            });
        }
        if first.common_plan() != second.common_plan() {
            return Err(MergeError::DifferentPlans { first: first_path, second: second_path });
        }
        if first.shard.index == second.shard.index {
            let shard = first.shard.index;
            return Err(MergeError::SameShard { shard, first: first_path, second: second_path });
        }
    }
    Ok(())
}

/// The phases of all parts together.
fn add_phases(parts: &[Part]) -> Result<Vec<PhaseTotals>, MergeError> {
    let mut sums = vec![PhaseTotals::default(); parts[0].result.phases.len()];
    for part in parts {
        for (sum, phase) in sums.iter_mut().zip(part.phases()?) {
            sum.add(&phase);
        }
    }
    Ok(sums)
}

fn circumstances(parts: &[Part], out: &Path) -> Circumstances {
    let mut generator = Generator::default();
    for part in parts {
        generator.add(&part.result.generator);
    }
    let first = &parts[0].result;
    let elapsed_s = parts.iter().map(|part| part.result.elapsed_s).fold(0.0, f64::max);
    Circumstances {
        plan: parts[0].common_plan(),
        started_unix_us: parts.iter().map(Part::started_unix_us).min().unwrap_or_default(),
        elapsed: Duration::from_secs_f64(elapsed_s),
        is_interrupted: parts.iter().any(|part| part.result.interrupted),
        shard: None,
        shards: Some(shards(parts)),
        generator,
        environment: first.environment.clone(),
        files: Vec::new(),
        directory: out.to_owned(),
    }
}

/// Who is there, who is not, and what each says of itself.
fn shards(parts: &[Part]) -> ShardsSummary {
    let count = parts[0].shard.count;
    let present: Vec<u32> = parts.iter().map(|part| part.shard.index).collect();
    // What each knows of itself and of the others: the coordinator has seen all clocks.
    let reports = || parts.iter().filter_map(|part| part.result.shards.as_ref());
    let mut clocks: Vec<_> = reports().flat_map(|report| report.clocks.clone()).collect();
    clocks.sort_by_key(|clock| clock.shard);
    clocks.dedup_by_key(|clock| clock.shard);
    let mut lost: Vec<u32> = reports().flat_map(|report| report.lost.clone()).collect();
    lost.sort_unstable();
    lost.dedup();
    // One that lost sight of Redis and sent its part all the same is not lost.
    lost.retain(|shard| !present.contains(shard));
    ShardsSummary {
        count,
        missing: (0..count).filter(|shard| !present.contains(shard)).collect(),
        lost,
        clocks,
        parts: parts.iter().map(Part::summary).collect::<Vec<ShardPart>>(),
        present,
    }
}

//! Finds the ledger of a run among results: of the run given, or of the newest; whole, or put together from its shards.

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use measurement::LedgerFile;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The ledger of a run or of a shard.
const FILE: &str = "ledger.json";

/// What is read of a ledger to choose among runs.
#[derive(Debug, Deserialize)]
struct End {
    ended_at: Timestamp,
}

/// A ledger, and how it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// The ledger of the run, with the shards that are missing.
    pub(super) file: LedgerFile,
    /// What a reader must know of the choice.
    pub(super) notes: Vec<String>,
}

/// Reads the ledger of `run`, or of the run that ended last, in `results`: the directory of a run or one above it.
///
/// # Errors
/// Where there is none, or it cannot be read or relied on.
pub(super) fn find(results: &Path, run: Option<&str>) -> anyhow::Result<Found> {
    let Some(run) = run else { return newest(results) };
    let candidates = [results.join(run), results.to_owned()];
    let directory = candidates.iter().find(|directory| !ledgers(directory).is_empty());
    let directory = directory.with_context(|| {
        let [of_run, own] = candidates.each_ref().map(|directory| directory.join(FILE).display().to_string());
        if candidates[0].is_dir() {
            return format!("there is no {of_run} yet: the simulator writes it when the run ends");
        }
        format!(
            "there is neither {of_run} nor {own}: name the simulator's directory of results with --results"
        )
    })?;
    let file = read_run(directory)?;
    ensure!(
        file.runid == run,
        "the ledger in {} is of run {}, not of {run}",
        directory.display(),
        file.runid
    );
    Ok(Found { file, notes: Vec::new() })
}

/// The run in `results` that ended last.
fn newest(results: &Path) -> anyhow::Result<Found> {
    let none = || format!("{} holds no {FILE}: name the results with --results", results.display());
    let mut notes = Vec::new();
    let mut newest: Option<(Timestamp, PathBuf)> = None;
    let below = std::fs::read_dir(results).with_context(none)?.filter_map(|entry| Some(entry.ok()?.path()));
    let own = (!ledgers(results).is_empty()).then(|| results.to_owned());
    let candidates: Vec<PathBuf> = own.map_or_else(|| below.collect(), |own| vec![own]);
    for directory in candidates {
        for path in ledgers(&directory).into_values() {
            match read::<End>(&path) {
                Ok(End { ended_at }) if newest.as_ref().is_none_or(|(latest, _)| ended_at > *latest) => {
                    newest = Some((ended_at, directory.clone()));
                }
                Ok(_) => {}
                Err(error) => notes.push(format!("passed over, {error:#}")),
            }
        }
    }
    let (ended_at, directory) = newest.with_context(|| [vec![none()], notes.clone()].concat().join("; "))?;
    let file = read_run(&directory)?;
    notes.insert(
        0,
        format!("{} is the newest run in {}, it ended at {ended_at}", file.runid, results.display()),
    );
    Ok(Found { file, notes })
}

/// The ledgers in the directory of a run by the name of their shard, which is empty for that of the whole run.
fn ledgers(directory: &Path) -> BTreeMap<String, PathBuf> {
    let whole = directory.join(FILE);
    if whole.is_file() {
        return BTreeMap::from([(String::new(), whole)]);
    }
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path().join(FILE))))
        .filter(|(name, path)| shard(name).is_some() && path.is_file())
        .collect()
}

/// Number and count of the shard whose directory has this name: `shard-2-of-4`, from 0.
fn shard(directory: &str) -> Option<(u32, u32)> {
    let (index, count) = directory.strip_prefix("shard-")?.split_once("-of-")?;
    let shard = (index.parse().ok()?, count.parse().ok()?);
    (shard.0 < shard.1).then_some(shard)
}

/// Reads the ledger in the directory of a run, all its shards put together.
fn read_run(directory: &Path) -> anyhow::Result<LedgerFile> {
    let ledgers = ledgers(directory);
    let mut whole: Option<LedgerFile> = None;
    for path in ledgers.values() {
        let file: LedgerFile = read(path)?;
        let unreliable = || format!("{} cannot be relied on", path.display());
        match &mut whole {
            Some(whole) => whole.merge(&file).with_context(unreliable)?,
            None => {
                file.ledger.check().with_context(unreliable)?;
                whole = Some(file);
            }
        }
    }
    let mut whole = whole.with_context(|| format!("there is no {FILE} in {}", directory.display()))?;
    let shards: Vec<(u32, u32)> = ledgers.keys().filter_map(|name| shard(name)).collect();
    if let Some(&(_, count)) = shards.first() {
        if let Some((_, other)) = shards.iter().find(|(_, other)| *other != count) {
            bail!(
                "{} holds shards of {count} and of {other}: remove those of the other run",
                directory.display()
            );
        }
        let missing = (0..count).filter(|index| !shards.contains(&(*index, count)));
        whole.missing_shards.extend(missing.map(|index| format!("{index} of {count}")));
    }
    Ok(whole)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let read = || -> anyhow::Result<T> { Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?) };
    read().with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests;

//! Writing a bundle, run by run, so that whatever stops it in between leaves what was measured.

use super::{
    BundleError, Event, FAILED, HEAD_FILE, Head, Journal, ORDER_FILE, Order, PLAN_FILE, RECORD_FILE, RUNS,
    SOURCE_FILE, SUMS_FILE, TRACES, read::json, run_name, sums,
};
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::trace::traces;
use serde::Serialize;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process that has just been forked holds the locks of this one until it becomes another program.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// A bundle that is being written. No other process can write it meanwhile.
#[derive(Debug)]
pub struct BundleWriter {
    directory: PathBuf,
    order: Order,
    journal: Journal,
    /// Locked until it is closed.
    _lock: File,
}

impl BundleWriter {
    /// Begins a bundle. `source` is the plan as it was written.
    ///
    /// # Errors
    /// A directory that is there already, or cannot be written.
    pub fn create(directory: &Path, head: &Head, source: &str, plan: &Plan) -> Result<Self, BundleError> {
        let parent = match directory.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(BundleError::io(parent))?;
        let unnamed = tempfile::Builder::new()
            .prefix(".bundle-")
            .tempdir_in(parent)
            .map_err(BundleError::io(parent))?;
        let at = unnamed.path();
        fs::create_dir(at.join(RUNS)).map_err(BundleError::io(at))?;
        write_json(&at.join(HEAD_FILE), head)?;
        write(&at.join(SOURCE_FILE), source)?;
        write_json(&at.join(PLAN_FILE), plan)?;
        write_json(&at.join(ORDER_FILE), &Order::of(plan))?;
        write(&at.join(super::JOURNAL_FILE), "")?;
        // One of its own is private; a bundle is as readable as any other directory.
        readable(at)?;
        // An empty directory would be replaced in silence.
        if directory.exists() {
            return Err(BundleError::Exists { path: directory.to_owned() });
        }
        fs::rename(at, directory).map_err(BundleError::io(directory))?;
        drop(unnamed.keep());
        sync(parent)?;
        Self::open(directory)
    }

    /// Goes on with a bundle: removes what a run left that was interrupted, and its checksums, which are written again at the
    /// end.
    ///
    /// # Errors
    /// A bundle that another process writes, or that cannot be written.
    pub fn open(directory: &Path) -> Result<Self, BundleError> {
        let lock = lock(directory)?;
        let sums = directory.join(SUMS_FILE);
        if sums.exists() {
            fs::remove_file(&sums).map_err(BundleError::io(&sums))?;
        }
        let journal = Journal::read(directory)?;
        journal.repair()?;
        let order = json(&directory.join(ORDER_FILE))?;
        Ok(Self { directory: directory.to_owned(), order, journal, _lock: lock })
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The cells and runs that it was begun with, whatever would be made of its plan now.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Copies the traces that a plan replays, from the folder with them.
    ///
    /// # Errors
    /// One that cannot be read, or not be written.
    pub fn take_traces(&self, plan: &Plan, folder: &Path) -> Result<(), BundleError> {
        for trace in traces(plan) {
            let (from, to) = (folder.join(trace), self.directory.join(TRACES).join(trace));
            let parent = to.parent().unwrap_or(&self.directory);
            fs::create_dir_all(parent).map_err(BundleError::io(parent))?;
            fs::copy(&from, &to).map_err(BundleError::io(&from))?;
        }
        Ok(())
    }

    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Appends to the journal. It is on storage when this returns.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn append(&mut self, event: Event) -> Result<(), BundleError> {
        self.journal.append(event)
    }

    /// Writes a file of the bundle's own, in one step.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, name: &str, value: &impl Serialize) -> Result<(), BundleError> {
        let unnamed = self.directory.join(format!(".{name}"));
        let place = self.directory.join(name);
        write_json(&unnamed, value)?;
        fs::rename(&unnamed, &place).map_err(BundleError::io(&place))
    }

    /// Directories of runs that were interrupted: what ran in them may have to be stopped before they are removed.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn unfinished(&self) -> Result<Vec<PathBuf>, BundleError> {
        let runs = self.directory.join(RUNS);
        let mut found = Vec::new();
        for entry in fs::read_dir(&runs).map_err(BundleError::io(&runs))? {
            let entry = entry.map_err(BundleError::io(&runs))?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// A directory for a run.
    ///
    /// # Errors
    /// One that cannot be made.
    pub fn stage(&self, number: u32, cell: &str, attempt: u32) -> Result<StagedRun, BundleError> {
        let name = run_name(number, cell, attempt);
        let runs = self.directory.join(RUNS);
        let staged =
            StagedRun { partial: runs.join(format!(".{name}")), place: runs.join(name), is_kept: false };
        if staged.partial.exists() {
            fs::remove_dir_all(&staged.partial).map_err(BundleError::io(&staged.partial))?;
        }
        fs::create_dir(&staged.partial).map_err(BundleError::io(&staged.partial))?;
        Ok(staged)
    }

    /// Writes the checksums: from now on the bundle is what it is.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn seal(&self) -> Result<(), BundleError> {
        let text = sums::text(&self.directory)?;
        let unnamed = self.directory.join(format!(".{SUMS_FILE}"));
        let place = self.directory.join(SUMS_FILE);
        write(&unnamed, &text)?;
        fs::rename(&unnamed, &place).map_err(BundleError::io(&place))?;
        sync(&self.directory)
    }
}

/// A run in the making. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct StagedRun {
    partial: PathBuf,
    place: PathBuf,
    is_kept: bool,
}

impl StagedRun {
    /// Where its files are to be written.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.partial
    }

    /// Writes its record and gives the directory its name, in one step.
    ///
    /// # Errors
    /// A directory that cannot be written or moved.
    pub fn publish(mut self, record: &RunRecord) -> Result<PathBuf, BundleError> {
        write_json(&self.partial.join(RECORD_FILE), record)?;
        sync_all(&self.partial)?;
        fs::rename(&self.partial, &self.place).map_err(BundleError::io(&self.place))?;
        self.is_kept = true;
        sync(self.place.parent().unwrap_or(Path::new(".")))?;
        Ok(self.place.clone())
    }
}

impl StagedRun {
    /// Puts what a run that could not be carried out has left, such as its logs, beside the runs: into [`FAILED`]. None where it
    /// has left nothing.
    ///
    /// # Errors
    /// A directory that cannot be written or moved.
    pub fn set_aside(mut self) -> Result<Option<PathBuf>, BundleError> {
        let mut left = fs::read_dir(&self.partial).map_err(BundleError::io(&self.partial))?;
        let (Some(_), Some(runs), Some(name)) = (left.next(), self.place.parent(), self.place.file_name())
        else {
            return Ok(None);
        };
        let failed = runs.with_file_name(FAILED);
        fs::create_dir_all(&failed).map_err(BundleError::io(&failed))?;
        let place = failed.join(name);
        fs::rename(&self.partial, &place).map_err(BundleError::io(&place))?;
        self.is_kept = true;
        Ok(Some(place))
    }
}

impl Drop for StagedRun {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed has no name, and the next attempt replaces it.
            fs::remove_dir_all(&self.partial).ok();
        }
    }
}

fn lock(directory: &Path) -> Result<File, BundleError> {
    let file = File::open(directory).map_err(BundleError::io(directory))?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOCK_INTERVAL),
            Err(TryLockError::WouldBlock) => return Err(BundleError::InUse { path: directory.to_owned() }),
            Err(TryLockError::Error(error)) => {
                return Err(BundleError::Io { path: directory.to_owned(), error });
            }
        }
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), BundleError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| BundleError::malformed(path, error))?;
    write(path, &(text + "\n"))
}

fn write(path: &Path, text: &str) -> Result<(), BundleError> {
    let written = || {
        fs::write(path, text)?;
        File::open(path)?.sync_all()
    };
    written().map_err(BundleError::io(path))
}

/// Makes a file, or a change of a directory, survive a power cut.
fn sync(path: &Path) -> Result<(), BundleError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(BundleError::io(path))
}

/// The same of all that is in a directory: others wrote their files into it.
fn sync_all(directory: &Path) -> Result<(), BundleError> {
    for entry in fs::read_dir(directory).map_err(BundleError::io(directory))? {
        let path = entry.map_err(BundleError::io(directory))?.path();
        if path.is_dir() { sync_all(&path)? } else { sync(&path)? }
    }
    sync(directory)
}

fn readable(directory: &Path) -> Result<(), BundleError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).map_err(BundleError::io(directory))
}

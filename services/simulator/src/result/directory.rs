//! The directory of a result: filled under another name beside its place, and moved there when it is complete.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::RunError;
use crate::plan::Plan;

/// Held while a run lasts, so that a disk without room is found before the run, and so that a disk that fills up
/// during the run still has room for the result: more than a ledger of 100 million events in order needs.
const BALLAST_BYTES: usize = 1 << 20;
const BALLAST_FILE: &str = "ballast";

/// A result in the making. Dropped without [`ResultDirectory::publish`], it leaves nothing behind.
pub struct ResultDirectory {
    partial: PathBuf,
    place: PathBuf,
    /// Tells other processes that the directory is in use. None once it has been published.
    lock: Option<File>,
}

impl ResultDirectory {
    /// The directory of a run, or of the plan's shard of it, in `results`.
    ///
    /// # Errors
    /// There is a result already or one in the making, or `results` cannot be written.
    pub fn of_run(results: &Path, plan: &Plan) -> Result<Self, RunError> {
        let place = results.join(&plan.run_id);
        if plan.shard.count == 1 {
            return Self::at(&place, &results.join(format!(".{}.partial", plan.run_id)));
        }
        if place.join(super::RESULT_FILE).exists() {
            return Err(RunError::ResultsExist { path: place });
        }
        let shard = format!("shard-{}-of-{}", plan.shard.index, plan.shard.count);
        Self::at(&place.join(&shard), &results.join(format!(".{}.{shard}.partial", plan.run_id)))
    }

    /// A directory that will be `place`.
    ///
    /// # Errors
    /// As [`ResultDirectory::of_run`].
    pub(crate) fn beside(place: &Path) -> Result<Self, RunError> {
        let unnamed = || RunError::Results {
            path: place.to_owned(),
            reason: io::Error::new(io::ErrorKind::InvalidInput, "it names no directory"),
        };
        let name = place.file_name().ok_or_else(unnamed)?.to_string_lossy().into_owned();
        Self::at(place, &place.with_file_name(format!(".{name}.partial")))
    }

    fn at(place: &Path, partial: &Path) -> Result<Self, RunError> {
        let failed = |reason| RunError::Results { path: partial.to_owned(), reason };
        fs::create_dir_all(partial).map_err(failed)?;
        let lock = File::open(partial).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunError::ResultsInUse { path: place.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let directory = Self { partial: partial.to_owned(), place: place.to_owned(), lock: Some(lock) };
        // Only now: the directory that has just been locked may have been moved there since it was opened.
        if is_taken(place) {
            return Err(RunError::ResultsExist { path: place.to_owned() });
        }
        directory.clear().map_err(failed)?;
        let ballast = partial.join(BALLAST_FILE);
        let written =
            fs::write(&ballast, vec![0; BALLAST_BYTES]).and_then(|()| File::open(&ballast)?.sync_all());
        written.map_err(|reason| RunError::Results { path: ballast, reason })?;
        Ok(directory)
    }

    /// Removes what a process left that died.
    fn clear(&self) -> io::Result<()> {
        let mut is_abandoned = false;
        for entry in fs::read_dir(&self.partial)? {
            fs::remove_file(entry?.path())?;
            is_abandoned = true;
        }
        if is_abandoned {
            let path = self.partial.display();
            tracing::warn!(%path, "replaced the unfinished result of a process that is no more");
        }
        Ok(())
    }

    /// Where the files are to be written.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// Where they will be.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Gives the space back that was held for the last files.
    pub(crate) fn release_ballast(&self) -> Result<(), RunError> {
        let path = self.partial.join(BALLAST_FILE);
        fs::remove_file(&path).map_err(|reason| RunError::Results { path, reason })
    }

    /// Moves the directory to its place, in one step.
    ///
    /// # Errors
    /// It cannot be moved, or the place has been taken meanwhile.
    pub(crate) fn publish(mut self) -> Result<(), RunError> {
        if is_taken(&self.place) {
            return Err(RunError::ResultsExist { path: self.place.clone() });
        }
        let parent = self.place.parent().unwrap_or(Path::new(".")).to_owned();
        let moved = || {
            fs::create_dir_all(&parent)?;
            File::open(&self.partial)?.sync_all()?;
            fs::rename(&self.partial, &self.place)?;
            // The move itself has to survive a power cut.
            File::open(&parent)?.sync_all()
        };
        moved().map_err(|reason| RunError::Results { path: self.place.clone(), reason })?;
        self.unlock();
        Ok(())
    }

    fn unlock(&mut self) {
        // Closing it unlocks as well, unless a process that is just being started has a copy.
        if let Some(lock) = self.lock.take() {
            lock.unlock().ok();
        }
    }
}

/// Whether there is something in the place of a result. An empty directory is nothing.
fn is_taken(place: &Path) -> bool {
    fs::read_dir(place).map_or_else(|_| place.exists(), |mut entries| entries.next().is_some())
}

impl Drop for ResultDirectory {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // Nothing can be done about what cannot be removed; the next run of this id replaces it.
            fs::remove_dir_all(&self.partial).ok();
            self.unlock();
        }
    }
}

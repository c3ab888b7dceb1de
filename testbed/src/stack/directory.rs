//! The directory of one running testbed: its layout, the lock on it, and what an earlier run left in it.

use super::process::{Process, signal_group};
use crate::procfs;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory that this process holds the lock of. The system releases the lock when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another testbed runs in it.
    #[error("{} is in use by another testbed (pid {pid}): stop that one, or choose another directory with --dir", root.display())]
    InUse {
        /// The directory.
        root: PathBuf,
        /// Process id that the other one wrote, `?` where it has not yet.
        pid: String,
    },
    /// It cannot be made, read or written.
    #[error("cannot use {}: {error}: choose another directory with --dir", root.display())]
    Unusable {
        /// The directory.
        root: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A part as the record of running parts names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the part.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot: with the id, its identity.
    pub started_ticks: u64,
}

impl Drop for Directory {
    /// Closing the file alone would not do while a process that is just being started has a copy of it.
    fn drop(&mut self) {
        self.lock.unlock().unwrap_or_default();
    }
}

impl Directory {
    /// Makes the directory where it is missing and locks it.
    ///
    /// # Errors
    /// Where another testbed runs in it, or it cannot be used.
    pub fn open(root: &Path) -> Result<Self, DirectoryError> {
        let unusable = |error| DirectoryError::Unusable { root: root.to_owned(), error };
        let make = || -> io::Result<(PathBuf, File)> {
            fs::create_dir_all(root)?;
            // Absolute, since parts are told paths inside it.
            let root = fs::canonicalize(root)?;
            let lock = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(root.join("lock"))?;
            Ok((root, lock))
        };
        let (root, mut lock) = make().map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                lock.read_to_string(&mut pid).map_err(unusable)?;
                let pid = if pid.trim().is_empty() { "?".into() } else { pid.trim().to_owned() };
                return Err(DirectoryError::InUse { root, pid });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let write_pid = |lock: &mut File| -> io::Result<()> {
            lock.set_len(0)?;
            writeln!(lock, "{}", std::process::id())
        };
        write_pid(&mut lock).map_err(unusable)?;
        Ok(Self { root, lock })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Logs of the parts.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Traces and logs as our own collector writes them, and its configuration.
    #[must_use]
    pub fn telemetry(&self) -> PathBuf {
        self.root.join("telemetry")
    }

    /// Data of Redis.
    #[must_use]
    pub fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }

    /// Caches of the workers and of the query API.
    #[must_use]
    pub fn caches(&self) -> PathBuf {
        self.root.join("caches")
    }

    /// Results of simulator runs.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// Writes down which processes run, for a later run to find should this one not end as it should.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn record<'a>(&self, processes: impl Iterator<Item = &'a Process>) -> io::Result<()> {
        let records: Vec<Record> = processes
            .filter_map(|process| {
                let started_ticks = procfs::start_ticks(process.pid())?;
                Some(Record { name: process.name().to_owned(), pid: process.pid(), started_ticks })
            })
            .collect();
        write_records(&self.record_path(), &records)
    }

    /// Processes of an earlier run that still live. Reads nothing from a record that is not one.
    #[must_use]
    pub fn leftovers(&self) -> Vec<Record> {
        let records: Vec<Record> = fs::read(self.record_path())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        records.into_iter().filter(Record::lives).collect()
    }

    /// Ends the given processes of an earlier run: SIGTERM, and SIGKILL after `grace`.
    pub async fn stop_leftovers(&self, leftovers: &[Record], grace: Duration) {
        for (signal, patience) in [(Signal::TERM, grace), (Signal::KILL, Duration::from_secs(5))] {
            for record in leftovers.iter().filter(|record| record.lives()) {
                signal_group(record.pid, signal);
            }
            let deadline = Instant::now() + patience;
            while leftovers.iter().any(Record::lives) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn record_path(&self) -> PathBuf {
        self.root.join("running.json")
    }
}

impl Record {
    fn lives(&self) -> bool {
        procfs::start_ticks(self.pid) == Some(self.started_ticks)
    }
}

fn write_records(path: &Path, records: &[Record]) -> io::Result<()> {
    let temporary = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec_pretty(records)?)?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::process::Launch;

    fn sleeper(directory: &Path) -> Process {
        let launch = Launch {
            name: "sleeper".into(),
            program: "/bin/sleep".into(),
            arguments: vec!["1000".into()],
            log: directory.join("sleeper.log"),
            ..Launch::default()
        };
        Process::start(&launch, None).unwrap()
    }

    #[test]
    fn second_testbed_is_refused_and_told_the_first_ones_pid() {
        let parent = tempfile::tempdir().unwrap();
        let first = Directory::open(&parent.path().join("state")).unwrap();
        let message = Directory::open(first.root()).unwrap_err().to_string();
        assert!(message.contains(&format!("(pid {})", std::process::id())), "{message}");
        assert!(message.ends_with("--dir"), "{message}");
        let root = first.root().to_owned();
        drop(first);
        Directory::open(&root).unwrap();
    }

    #[test]
    fn directory_is_free_at_once_while_other_processes_are_being_started() {
        let parent = tempfile::tempdir().unwrap();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        let starting = || {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                std::process::Command::new("/bin/true").status().unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(starting);
            let failed = (0..2000).find_map(|_| Directory::open(parent.path()).err());
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(failed.is_none(), "{failed:?}");
        });
    }

    #[test]
    fn directory_that_cannot_be_made_is_named() {
        let message = Directory::open(Path::new("/proc/nowhere")).unwrap_err().to_string();
        assert!(message.starts_with("cannot use /proc/nowhere: "), "{message}");
    }

    #[tokio::test]
    async fn leftover_of_an_earlier_run_is_found_and_stopped() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let process = sleeper(parent.path());
        directory.record([&process].into_iter()).unwrap();
        let leftovers = directory.leftovers();
        assert_eq!(leftovers.len(), 1);
        assert_eq!((leftovers[0].name.as_str(), leftovers[0].pid), ("sleeper", process.pid()));
        directory.stop_leftovers(&leftovers, Duration::from_secs(5)).await;
        assert!(directory.leftovers().is_empty());
        process.wait().await;
    }

    #[tokio::test]
    async fn process_that_got_a_leftovers_id_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let process = sleeper(parent.path());
        let started_ticks = procfs::start_ticks(process.pid()).unwrap() - 1;
        let stale = [Record { name: "redis".into(), pid: process.pid(), started_ticks }];
        write_records(&directory.record_path(), &stale).unwrap();
        assert!(directory.leftovers().is_empty());
    }

    #[test]
    fn record_that_is_not_one_is_ignored() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        fs::write(directory.record_path(), "{").unwrap();
        assert!(directory.leftovers().is_empty());
    }
}

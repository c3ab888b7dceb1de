//! One child process: its own process group and log file, its end noticed when it happens.
//!
//! Its own group keeps a Ctrl-C at the terminal from it, so that parts can be stopped in order. On Linux it is
//! started through `testbed guard`, so that it dies with testbed even where testbed is killed.

use super::log_file;
use super::special::Special;
use rustix::process::{Pid, Signal};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// Name of the part, such as `ingest-api`; also of its log file.
    pub name: String,
    /// The program: a path, or a name to be found in `PATH`.
    pub program: PathBuf,
    /// Its arguments. No secrets: every user of the machine can read them.
    pub arguments: Vec<OsString>,
    /// Variables to set over the inherited environment.
    pub environment: Vec<(&'static str, OsString)>,
    /// Inherited variables to leave out.
    pub environment_removed: Vec<&'static str>,
    /// What is special about parts of its role.
    pub special: Special,
    /// File for both of its output streams.
    pub log: PathBuf,
}

/// A child process that has been started.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    started: Instant,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It had ended before it was asked to.
    EndedBefore(ExitStatus),
    /// It ended within the grace period.
    InTime(ExitStatus),
    /// It did not, and was killed.
    Killed,
}

impl Process {
    /// Starts a process. Must run on the runtime's main thread: with `guard`, the child lives no longer than
    /// the thread that started it.
    ///
    /// # Errors
    /// Where the log cannot be written or the program cannot be started.
    pub fn start(launch: &Launch, guard: Option<&Path>) -> io::Result<Self> {
        let log = log_file::begin(&launch.log)?;
        let program =
            launch.special.runner.iter().map(OsString::as_os_str).chain([launch.program.as_os_str()]);
        let mut command = command(program, guard, launch)?;
        command.args(&launch.arguments);
        if launch.special.is_isolated {
            command.env_clear();
        }
        for name in &launch.environment_removed {
            command.env_remove(name);
        }
        command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
        command.envs(launch.special.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("a new process has no id"))?;
        let (report, ended) = watch::channel(None);
        tokio::spawn(await_end(child, report));
        Ok(Self { name: launch.name.clone(), pid, log: launch.log.clone(), started: Instant::now(), ended })
    }

    /// Name of the part.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id, also of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How long ago it was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn end(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Follows whether it has ended, without the process itself.
    #[must_use]
    pub fn end_watch(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.ended.clone()
    }

    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await.map(|status| *status) {
            Ok(Some(status)) => status,
            // The watching task is gone only while the runtime shuts down, which kills the process.
            Ok(None) | Err(_) => ExitStatus::from_raw(Signal::KILL.as_raw()),
        }
    }

    /// Asks it to end with SIGTERM and kills its group after `grace`.
    pub async fn stop(&self, grace: Duration) -> Stopped {
        if let Some(status) = self.end() {
            return Stopped::EndedBefore(status);
        }
        self.signal(Signal::TERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return Stopped::InTime(status);
        }
        self.signal(Signal::KILL);
        self.wait().await;
        Stopped::Killed
    }

    /// Sends a signal to its process group, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.end().is_none() {
            signal_group(self.pid, signal);
        }
    }
}

/// The command that becomes `program`, a program with its first arguments, by way of the guard where there is one.
fn command<'a>(
    mut program: impl Iterator<Item = &'a OsStr>,
    guard: Option<&Path>,
    launch: &Launch,
) -> io::Result<Command> {
    let Some(guard) = guard else {
        if launch.special.processors.is_some() || launch.special.niceness > 0 {
            return Err(io::Error::other("processors and niceness are set by the guard, and there is none"));
        }
        let mut command = Command::new(program.next().unwrap_or_default());
        command.args(program);
        return Ok(command);
    };
    let mut command = Command::new(guard);
    command.arg("guard").arg(format!("--parent={}", std::process::id()));
    command.args(launch.special.processors.iter().map(|processors| format!("--processors={processors}")));
    command.arg(format!("--niceness={}", launch.special.niceness)).arg("--").args(program);
    Ok(command)
}

/// Sends a signal to a process group. One that is gone is no error: that is what signals here are for.
pub fn signal_group(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    rustix::process::kill_process_group(pid, signal).unwrap_or_default();
}

/// An exit status in words, such as `exit status 64` or `signal 9`.
#[must_use]
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

async fn await_end(mut child: Child, report: watch::Sender<Option<ExitStatus>>) {
    // Waiting for a child of one's own fails only where somebody else reaped it: then it has ended too.
    let status = child.wait().await.unwrap_or_else(|_| ExitStatus::from_raw(0));
    report.send_replace(Some(status));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(directory: &Path, script: &str) -> Process {
        let launch = Launch {
            name: "part".into(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("MARK", "seen".into())],
            environment_removed: vec!["HOME"],
            log: directory.join("part.log"),
            ..Launch::default()
        };
        Process::start(&launch, None).unwrap()
    }

    async fn logged(process: &Process, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !std::fs::read_to_string(process.log()).unwrap().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} never came into the log");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn output_goes_to_the_log_and_the_environment_is_as_told() {
        let directory = tempfile::tempdir().unwrap();
        let process = shell(directory.path(), "echo out $MARK; echo err ${HOME-unset} >&2; exit 3");
        assert_eq!(describe(process.wait().await), "exit status 3");
        let log = std::fs::read_to_string(process.log()).unwrap();
        assert_eq!(log, "out seen\nerr unset\n");
    }

    #[tokio::test]
    async fn process_that_obeys_is_not_killed() {
        let directory = tempfile::tempdir().unwrap();
        let process = shell(directory.path(), "trap 'exit 7' TERM; echo up; sleep 1000 & wait");
        logged(&process, "up").await;
        let stopped = process.stop(Duration::from_secs(10)).await;
        assert!(matches!(stopped, Stopped::InTime(status) if status.code() == Some(7)), "{stopped:?}");
    }

    #[tokio::test]
    async fn process_that_ignores_the_request_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let process =
            shell(directory.path(), "trap '' TERM; sleep 1000 & echo child $! up; while :; do wait; done");
        logged(&process, " up").await;
        let log = std::fs::read_to_string(process.log()).unwrap();
        let child: u32 = log.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(process.stop(Duration::from_millis(100)).await, Stopped::Killed);
        let deadline = Instant::now() + Duration::from_secs(10);
        while crate::procfs::start_ticks(child).is_some() {
            assert!(Instant::now() < deadline, "the child's child {child} survived");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn stopping_what_has_ended_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let process = shell(directory.path(), "exit 0");
        process.wait().await;
        let stopped = process.stop(Duration::from_secs(10)).await;
        assert!(matches!(stopped, Stopped::EndedBefore(status) if status.success()), "{stopped:?}");
    }

    #[test]
    fn end_by_a_signal_is_told() {
        assert_eq!(describe(ExitStatus::from_raw(9)), "signal 9");
    }
}

//! Runs commands to their end.

use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// Ten times what other tests wait: emulation is as much slower.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// None where a signal has ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command`.
///
/// # Panics
/// Where it cannot be started or does not end in time.
pub(crate) async fn run(command: &mut Command) -> Output {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ended = timeout(DEADLINE, running).await;
    let output = ended.unwrap_or_else(|_| panic!("{command:?} has not ended within {DEADLINE:?}")).unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Emulated services take all processors, and several of them would run into one another's timeouts.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::const_new(());
    RUNNING.lock().await
}

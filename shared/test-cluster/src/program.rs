//! A program of the control plane, which does not outlive the test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Kills the program at the end of its own input, which comes when the test has ended, in whatever way; a `Drop` does not
/// run for what is static, nor in a test that was killed. Its arguments: a directory to remove then, or nothing, and the command.
const SUPERVISOR: &str = r#"
trap '' INT
directory=$1
shift
"$@" </dev/null >&2 &
echo $!
read -r _
kill -KILL $! 2>/dev/null
wait
[ -z "$directory" ] || rm -rf "$directory"
"#;

pub(crate) struct Program {
    name: &'static str,
    log: PathBuf,
    supervisor: Child,
    pid: u32,
}

impl Program {
    /// Logs into `NAME.log` of the directory.
    pub(crate) fn start(name: &'static str, directory: &Path, arguments: &[String]) -> Self {
        Self::spawn(name, directory, arguments, "")
    }

    /// The directory ends with the program.
    pub(crate) fn start_owning(name: &'static str, directory: &Path, arguments: &[String]) -> Self {
        Self::spawn(name, directory, arguments, &directory.display().to_string())
    }

    fn spawn(name: &'static str, directory: &Path, arguments: &[String], owned: &str) -> Self {
        let installed =
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(
            installed.is_ok_and(|status| status.success()),
            "cannot start {name}: run tests/control-plane, and put the directory that it prints on the PATH"
        );
        let log = directory.join(format!("{name}.log"));
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "supervisor", owned, name]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&log).expect("the log can be written"));
        let mut supervisor = command.spawn().expect("sh can be started");
        let mut line = String::new();
        let output = supervisor.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the supervisor's output can be read");
        let pid = line.trim().parse().expect("the supervisor prints the program's pid");
        Self { name, log, supervisor, pid }
    }

    /// # Panics
    /// Where the program has ended, with the end of its log.
    pub(crate) fn assert_running(&self) {
        // The state stands behind the name; Z is a program that has ended.
        let state = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let runs = state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'));
        assert!(runs, "{} ended:\n{}", self.name, self.log_end());
    }

    /// The last lines of the log.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill {signal} {}", self.pid)]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes no signal", self.name);
    }

    pub(crate) fn kill(&mut self) {
        drop(self.supervisor.stdin.take());
        self.supervisor.wait().expect("our child can be waited for");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

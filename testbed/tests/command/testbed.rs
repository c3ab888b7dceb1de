//! Runs the program and sees what it says, how it ends and what it leaves.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;
use test_support::eventually;

/// A running `testbed`. Killed when it is dropped, and its parts with it.
pub(crate) struct Testbed {
    child: Child,
    output: TempDir,
}

impl Testbed {
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with<S: AsRef<std::ffi::OsStr>>(
        arguments: &[S],
        environment: &[(&str, &str)],
    ) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_testbed"))
            .args(arguments)
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env_remove("OTEL_SDK_DISABLED")
            .env_remove("REDIS_URL")
            // Where a collector has been built, it would be one more part.
            .env("TELEMETRY", "off")
            .env("TMPDIR", output.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self { child, output }
    }

    /// Runs it to its end: exit code, standard output, standard error.
    pub(crate) async fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> (i32, String, String) {
        let mut testbed = Self::start(arguments);
        let status = testbed.end().await;
        (status.code().unwrap_or(-1), testbed.stdout(), testbed.stderr())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.output.path().join("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.output.path().join("stderr")).unwrap()
    }

    /// The directory that stands for `/tmp`.
    pub(crate) fn temporary(&self) -> &Path {
        self.output.path()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        eventually("testbed ends", async || self.child.try_wait().unwrap()).await
    }

    /// How it ended, if it has.
    pub(crate) fn try_end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has said something, on either stream.
    pub(crate) async fn says(&self, text: &str) {
        let said = async || (self.stdout() + &self.stderr()).contains(text).then_some(());
        eventually(&format!("testbed says {text:?}"), said).await;
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("testbed said:\n{}{}", self.stdout(), self.stderr());
        }
    }
}

/// Directory of the services' programs: that of testbed itself.
pub(crate) fn services() -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_testbed")).parent().unwrap();
    for name in ["ingest-api", "process-worker", "query-api", "simulator"] {
        let message = "build the programs first: cargo build --workspace --bins";
        assert!(directory.join(name).is_file(), "{name} is not in {}: {message}", directory.display());
    }
    directory.to_owned()
}

/// A directory of programs in which each service is one of the scripts in `tests/programs`.
pub(crate) fn scripts(names: [(&str, &str); 4]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (service, script) in names {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(script);
        std::os::unix::fs::symlink(script, directory.path().join(service)).unwrap();
    }
    directory
}

/// Arguments for ports that nobody else uses.
pub(crate) fn ports() -> Vec<String> {
    let flags = ["--redis-port", "--ingest-port", "--query-port", "--simulator-port", "--worker-port"];
    // Workers beyond the first take the ports after its own, so the last one stands apart.
    let ports = ::testbed::stack::ports::unused(flags.len()).unwrap();
    flags.iter().zip(ports).flat_map(|(flag, port)| [(*flag).to_owned(), port.to_string()]).collect()
}

/// Value of one of [`ports`].
pub(crate) fn port(ports: &[String], flag: &str) -> u16 {
    let at = ports.iter().position(|argument| argument == flag).unwrap();
    ports[at + 1].parse().unwrap()
}

/// Process ids of the parts, by name, as `DIR/running.json` has them.
pub(crate) fn parts(directory: &Path) -> Vec<(String, u32)> {
    let text = fs::read(directory.join("running.json")).unwrap_or_default();
    let records: Vec<::testbed::stack::directory::Record> = serde_json::from_slice(&text).unwrap_or_default();
    records.into_iter().map(|record| (record.name, record.pid)).collect()
}

/// Waits until `count` parts run.
pub(crate) async fn running(directory: &Path, count: usize) -> Vec<(String, u32)> {
    let parts = async || Some(parts(directory)).filter(|parts| parts.len() == count);
    eventually(&format!("{count} parts run"), parts).await
}

/// Waits until none of the parts lives any more.
pub(crate) async fn gone(parts: &[(String, u32)]) {
    assert!(!parts.is_empty());
    let none =
        async || parts.iter().all(|(_, pid)| ::testbed::procfs::start_ticks(*pid).is_none()).then_some(());
    eventually("all parts are gone", none).await;
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

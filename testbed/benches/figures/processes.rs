//! Redis and the services as processes of their own, as users run them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use redis::aio::MultiplexedConnection;
use test_support::{RedisServer, free_port};

/// Longest wait for a service.
const DEADLINE: Duration = Duration::from_secs(120);

/// A process that is killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// From the start of the process until it was ready.
    pub(crate) start_ms: f64,
}

impl Process {
    /// Starts a service in release mode without telemetry and waits until it is ready.
    pub(crate) async fn start(program: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let command = Command::new(program_path(program)?);
        Self::start_with(command, program, arguments, &[("TELEMETRY", "off".into())]).await
    }

    /// Starts a service with a command and variables of its own.
    pub(crate) async fn start_with(
        mut command: Command,
        program: &str,
        arguments: &[&str],
        environment: &[(&'static str, OsString)],
    ) -> anyhow::Result<Self> {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let started = Instant::now();
        let child = command
            .args(["--listen-addr", &address, "--log-level", "warn"])
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("{program} (cargo build --release --workspace first)"))?;
        let mut process = Self { child, port, start_ms: 0.0 };
        until(&format!("{program} is ready"), async || {
            let ready = reqwest::get(process.url("/readyz")).await.is_ok_and(|answer| answer.status() == 200);
            Ok(ready.then_some(()))
        })
        .await?;
        process.start_ms = started.elapsed().as_secs_f64() * 1e3;
        Ok(process)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Resident memory, MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    pub(crate) async fn statistics(&self) -> anyhow::Result<serde_json::Value> {
        Ok(reqwest::get(self.url("/statz")).await?.json().await?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// This benchmark lies in `target/release/deps`, the services beside that directory.
pub(crate) fn program_path(program: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().and_then(Path::parent).context("no target directory")?.join(program);
    if !path.exists() {
        bail!("{} is missing: cargo build --release --workspace", path.display());
    }
    Ok(path)
}

/// A Redis server as `testbed up` starts it, with its append-only file on.
pub(crate) async fn redis() -> (RedisServer, MultiplexedConnection) {
    let server = RedisServer::start().await;
    let connection = server.connection().await;
    (server, connection)
}

/// Asks every 5 ms until the answer is `Some`.
pub(crate) async fn until<T>(
    what: &str,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if started.elapsed() > DEADLINE {
            bail!("not within {DEADLINE:?}: {what}");
        }
    }
}

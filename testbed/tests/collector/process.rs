//! A running collector.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_support::eventually;

/// Files of the configuration by name, and `yaml:` settings that change them.
pub(crate) type Configuration<'a> = &'a [&'a str];

/// A collector with ports and a directory of its own. Killed when it is dropped.
pub(crate) struct Collector {
    child: Option<Child>,
    configuration: Vec<String>,
    environment: Vec<(String, String)>,
    ports: Vec<u16>,
    directory: TempDir,
}

impl Collector {
    /// Reserves ports and a directory without starting anything: a collector that is down.
    pub(crate) fn prepare(configuration: Configuration, environment: &[(&str, &str)]) -> Self {
        let ports = ::testbed::stack::ports::unused(PORTS.len()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut all: Vec<_> = environment.iter().map(|(key, value)| owned(key, value)).collect();
        all.extend(PORTS.iter().zip(&ports).map(|(name, port)| owned(name, &port.to_string())));
        let data = directory.path().join("data");
        all.push(owned("TESTBED_COLLECTOR_DIRECTORY", &data.display().to_string()));
        let configuration = configuration.iter().map(ToString::to_string).collect();
        Self { child: None, configuration, environment: all, ports, directory }
    }

    /// Starts one and waits until its health check answers.
    pub(crate) async fn start(configuration: Configuration<'_>, environment: &[(&str, &str)]) -> Self {
        let mut collector = Self::prepare(configuration, environment);
        collector.run().await;
        collector
    }

    /// Starts it, again with what its directory holds, and waits until its health check answers.
    pub(crate) async fn run(&mut self) {
        let log = File::create(self.directory.path().join("log")).unwrap();
        let configuration: Vec<&str> = self.configuration.iter().map(String::as_str).collect();
        let child = command(&configuration)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let health = self.url(Port::Health, "/");
        eventually("the collector's health check answers", async || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the collector ended: {ended:?}");
            reqwest::get(&health).await.ok().filter(|response| response.status() == 200)
        })
        .await;
    }

    pub(crate) fn port(&self, port: Port) -> u16 {
        self.ports[port as usize]
    }

    pub(crate) fn url(&self, port: Port, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port(port))
    }

    /// Sends one OTLP/JSON request. It has been accepted when this returns.
    pub(crate) async fn send(&self, signal: &str, request: &serde_json::Value) {
        let url = self.url(Port::Http, &format!("/v1/{signal}"));
        let response = reqwest::Client::new().post(&url).json(request).send().await.unwrap();
        let status = response.status();
        assert_eq!(status, 200, "{url}: {}", response.text().await.unwrap());
    }

    /// What a file of its directory holds; nothing where there is none yet.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join("data").join(name)).unwrap_or_default()
    }

    /// Ends it by SIGTERM.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        eventually("the collector ends", async || child.try_wait().unwrap()).await
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            child.kill().unwrap_or_default();
            child.wait().unwrap();
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            eprintln!("{} said:\n{log}", self.configuration.join(" + "));
        }
    }
}

/// Which of a collector's ports; in the order of [`PORTS`].
#[derive(Clone, Copy)]
pub(crate) enum Port {
    Grpc,
    Http,
    Health,
    Prometheus,
    Telemetry,
}

const PORTS: [&str; 5] = [
    "TESTBED_COLLECTOR_GRPC_PORT",
    "TESTBED_COLLECTOR_HTTP_PORT",
    "TESTBED_COLLECTOR_HEALTH_PORT",
    "TESTBED_COLLECTOR_PROMETHEUS_PORT",
    "TESTBED_COLLECTOR_TELEMETRY_PORT",
];

/// The collector with these settings, not started.
pub(crate) fn command(configuration: Configuration) -> Command {
    let mut command = Command::new(program());
    for item in configuration {
        command.arg("--config");
        match item.starts_with("yaml:") {
            true => command.arg(item),
            false => command.arg(directory().join(format!("{item}.yaml"))),
        };
    }
    command
}

/// # Panics
/// Where no collector is on the PATH.
pub(crate) fn program() -> &'static str {
    static PROGRAM: OnceLock<&str> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let runs = |program: &&str| {
            Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        ["otelcol-testbed", "otelcol-contrib"].into_iter().find(runs).unwrap_or_else(|| {
            panic!(
                "no OpenTelemetry Collector on the PATH; \
                 run: PATH=\"$(dirname \"$(scripts/lib/collector)\"):$PATH\" cargo test -p testbed --test collector"
            )
        })
    })
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes/components/observability/collector")
}

fn owned(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

//! The whole pipeline with collector and Prometheus, and a load in which everything happens that is to be seen.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::stack::ports;

use crate::programs::{Process, repository, service};
use crate::prometheus::Prometheus;

/// Longest wait for anything: a panel must have data after 60 s of load, on a machine that does other things as well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The run of the simulator.
pub(crate) const RUN_ID: &str = "contract";

/// Everything that runs.
pub(crate) struct Run {
    pub(crate) prometheus: Prometheus,
    pub(crate) client: reqwest::Client,
    ingest: String,
    query: String,
    otlp: String,
    testbed: Process,
    directory: TempDir,
    load: Mutex<Vec<Process>>,
    poison: AtomicU64,
}

/// What the collector has written by the time that everything has stopped.
pub(crate) struct Telemetry {
    pub(crate) directory: PathBuf,
    parent: TempDir,
}

impl Run {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ports = ports::unused(6).unwrap();
        let flags = ["redis", "ingest", "query", "worker", "simulator", "metrics"];
        let output = File::create(directory.path().join("testbed.log")).unwrap();
        let testbed = Process::start(
            Command::new(service("testbed"))
                .args(["up", "--plain", "--telemetry", "full", "--partitions", "2", "--workers", "1"])
                .args(["--work", "json", "--work-amount", "20", "--dir"])
                .arg(directory.path())
                .args(
                    flags
                        .iter()
                        .zip(&ports)
                        .flat_map(|(flag, port)| [format!("--{flag}-port"), port.to_string()]),
                )
                .env("NODE_ROOT", node(directory.path()))
                .stdout(output.try_clone().unwrap())
                .stderr(output),
        );
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let said = || fs::read_to_string(directory.path().join("testbed.log")).unwrap();
        let address = |text: &str, name: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(name)).map(|url| url.trim().to_owned())
        };
        let (otlp, own_metrics) = within("testbed is up with a collector", async || {
            let text = said();
            assert!(!text.contains("there is no otelcol"), "{text}");
            Some((address(&text, "otlp")?, address(&text, "metrics")?))
        })
        .await;
        let own_metrics_port = own_metrics.trim_end_matches("/metrics").rsplit(':').next().unwrap();
        let prometheus =
            Prometheus::start(directory.path(), ports[5], own_metrics_port.parse().unwrap()).await;
        Self {
            prometheus,
            client: reqwest::Client::new(),
            ingest: url(ports[1]),
            query: url(ports[2]),
            otlp,
            testbed,
            directory,
            load: Mutex::default(),
            poison: AtomicU64::new(0),
        }
    }

    /// Starts the load and whatever else leaves a mark: refused and lost requests, and queries and dead letters later.
    pub(crate) async fn load(&self) {
        // Accepts connections and never answers, and then closes them.
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let mute_url = format!("http://{}", mute.local_addr().unwrap());
        std::thread::spawn(move || mute.incoming().for_each(drop));
        let target = self.ingest.clone();
        let unused = format!("http://127.0.0.1:{}", ports::unused(1).unwrap()[0]);
        let mut load =
            vec![self.simulator(RUN_ID, &target, "150", &["--query-url", &self.query, "--probes", "5"])];
        load.push(self.simulator("refused", &unused, "5", &[]));
        load.push(self.simulator("lost", &mute_url, "5", &[]));
        self.load.lock().unwrap().extend(load);
        assert_eq!(self.post("{}").await, 422);
    }

    fn simulator(&self, run: &str, target: &str, rate: &str, more: &[&str]) -> Process {
        let file = |name: &str| File::create(self.directory.path().join(name)).unwrap();
        let address = format!("127.0.0.1:{}", ports::unused(1).unwrap()[0]);
        let mut command = Command::new(service("simulator"));
        command
            .args(["run", "--target", target, "--rate", rate, "--forever", "--run-id", run])
            .args(more)
            .args([
                "--start-timeout",
                "0s",
                "--batch",
                "3",
                "--instance-id",
                run,
                "--listen-addr",
                &address,
                "--results",
            ])
            .arg(self.directory.path().join("results"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.otlp)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "2000")
            .env("TELEMETRY", "full")
            .stdout(file(&format!("{run}.out")))
            .stderr(file(&format!("{run}.err")));
        Process::start(&mut command)
    }

    /// What people and bad luck do to a pipeline under load: a query, and an event that cannot be processed, which stays
    /// pending until it has been tried often enough.
    pub(crate) async fn visit(&self) {
        self.get("/v1/events?limit=1").await;
        if self.load.lock().unwrap().is_empty() {
            return;
        }
        let number = self.poison.fetch_add(1, Ordering::Relaxed);
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let id = format!("poison-{number}");
        let event = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/p","type":"t","data":{deep}}}"#);
        assert_eq!(self.post(&event).await, 202);
    }

    /// Events that cannot be processed, so far.
    pub(crate) fn poisoned(&self) -> u64 {
        self.poison.load(Ordering::Relaxed)
    }

    /// Sends a body to ingest-api; gives the status.
    async fn post(&self, body: &str) -> u16 {
        let request = self.client.post(format!("{}/v1/events", self.ingest));
        let request = request.header("content-type", "application/cloudevents+json").body(body.to_owned());
        request.send().await.unwrap().status().as_u16()
    }

    /// Asks query-api.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.query)).send().await.unwrap();
        answer.json().await.unwrap_or(json!(null))
    }

    /// Ends the load and gives what the simulator counted.
    pub(crate) async fn end_load(&self) -> Value {
        let mut load = std::mem::take(&mut *self.load.lock().unwrap());
        for simulator in &load {
            simulator.signal(Signal::TERM);
        }
        for simulator in &mut load {
            within("a simulator ends", async || simulator.ended()).await;
        }
        let path = self.directory.path().join("results").join(RUN_ID).join("result.json");
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// Stops everything cleanly, so that all telemetry is flushed.
    pub(crate) async fn stop(mut self) -> Telemetry {
        self.testbed.signal(Signal::INT);
        let code = within("testbed ends", async || self.testbed.ended()).await;
        let log = fs::read_to_string(self.directory.path().join("testbed.log")).unwrap();
        assert_eq!(code, 0, "{log}");
        Telemetry { directory: self.directory.path().join("telemetry"), parent: self.directory }
    }
}

impl Telemetry {
    /// Leaves everything for somebody to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.parent.keep()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        let path: &Path = &self.directory.join(name);
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The files of a machine that measures everything, which the one that runs this may not do: those of a Raspberry Pi,
/// what only others have, and this machine's own processor times, which move.
fn node(directory: &Path) -> PathBuf {
    let root = directory.join("node");
    for machine in ["x86-vm", "raspberry-pi-5"] {
        copy(&repository("shared/observability/tests/fixtures").join(machine), &root);
    }
    let firmware = root.join("sys/devices/platform/soc/soc:firmware");
    fs::create_dir_all(&firmware).unwrap();
    fs::write(firmware.join("get_throttled"), "50005\n").unwrap();
    fs::remove_file(root.join("proc/stat")).unwrap();
    std::os::unix::fs::symlink("/proc/stat", root.join("proc/stat")).unwrap();
    root
}

fn copy(source: &Path, target: &Path) {
    fs::create_dir_all(target).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        let target = target.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Asks until the answer is `Some`.
pub(crate) async fn within<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
    }
}

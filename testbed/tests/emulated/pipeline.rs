//! A testbed of emulated services that stays up, and what can be asked of it.

use crate::command::{DEADLINE, Output, alone, run};
use crate::programs::Programs;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use testbed::http_client::HttpClient;
use testbed::stack::ports;
use tokio::process::Child;
use tokio::sync::MutexGuard;
use tokio::time::{interval, timeout};

/// A running `testbed up`. It is killed when this is dropped, and its parts with it.
pub(crate) struct Pipeline {
    programs: Programs,
    directory: TempDir,
    testbed: Child,
    ports: Ports,
    client: HttpClient,
    _alone: MutexGuard<'static, ()>,
}

struct Ports {
    redis: u16,
    ingest: u16,
    query: u16,
    worker: u16,
    simulator: u16,
}

impl Pipeline {
    /// Starts these programs and waits until all are ready.
    pub(crate) async fn start(programs: Programs) -> Self {
        let alone = alone().await;
        let directory = tempfile::tempdir().unwrap();
        let [redis, ingest, query, worker, simulator] = ports::unused(5).unwrap()[..] else { unreachable!() };
        let ports = Ports { redis, ingest, query, worker, simulator };
        let output = File::create(directory.path().join("testbed.log")).unwrap();
        let mut command = programs.testbed();
        command.args(["up", "--interval-s", "5", "--ready-timeout-s", "300"]);
        command.arg("--dir").arg(directory.path()).arg("--programs").arg(programs.directory());
        for (flag, port) in [
            ("--redis-port", ports.redis),
            ("--ingest-port", ports.ingest),
            ("--query-port", ports.query),
            ("--worker-port", ports.worker),
            ("--simulator-port", ports.simulator),
        ] {
            command.arg(flag).arg(port.to_string());
        }
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).kill_on_drop(true);
        let testbed = command.spawn().unwrap();
        let mut pipeline = Self {
            programs,
            directory,
            testbed,
            ports,
            client: HttpClient::new(None, DEADLINE),
            _alone: alone,
        };
        pipeline.wait_until_ready().await;
        pipeline
    }

    async fn wait_until_ready(&mut self) {
        for port in [self.ports.ingest, self.ports.worker, self.ports.query] {
            let ready = async {
                let mut ticks = interval(Duration::from_millis(50));
                loop {
                    ticks.tick().await;
                    let ended = self.testbed.try_wait().unwrap();
                    assert!(ended.is_none(), "testbed has ended: {ended:?}");
                    let answer = self.client.get(&format!("http://127.0.0.1:{port}/readyz")).await;
                    if answer.is_ok_and(|(status, _)| status.is_success()) {
                        break;
                    }
                }
            };
            assert!(timeout(DEADLINE, ready).await.is_ok(), "port {port} is not ready within {DEADLINE:?}");
        }
    }

    /// The architecture that each service says it is.
    pub(crate) async fn architectures(&self) -> Vec<String> {
        let mut architectures = Vec::new();
        for port in [self.ports.ingest, self.ports.worker, self.ports.query] {
            let statistics = self.json(&format!("http://127.0.0.1:{port}/statz")).await;
            architectures.push(statistics["arch"].as_str().unwrap().to_owned());
        }
        architectures
    }

    /// Sends the load of `arguments` as `run-1`, and audits it.
    pub(crate) async fn carry(&self, arguments: &[&str]) {
        let simulator = run(self
            .programs
            .service("simulator")
            .args(["run", "--run-id", "run-1"])
            .args(arguments)
            .args(["--target", &format!("http://127.0.0.1:{}", self.ports.ingest), "--results"])
            .arg(self.results()))
        .await;
        assert_eq!(simulator.code, Some(0), "{simulator:?}");
        let audit = self.audit().await;
        assert_eq!(audit.code, Some(0), "{}{}{}", audit.stdout, audit.stderr, simulator.stdout);
    }

    async fn audit(&self) -> Output {
        let mut testbed = self.programs.testbed();
        testbed
            .args(["audit", "--run", "run-1", "--drain-timeout-s", "120", "--results"])
            .arg(self.results());
        testbed.args(["--query-url", &format!("http://127.0.0.1:{}", self.ports.query)]);
        testbed.args(["--redis-url", &format!("redis://127.0.0.1:{}", self.ports.redis)]);
        run(&mut testbed).await
    }

    /// All that is stored of `run-1`, which must fit on a page of 1000.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let query = self.ports.query;
        let answer = self.json(&format!("http://127.0.0.1:{query}/v1/events?runid=run-1&limit=1000")).await;
        let events = answer["events"].as_array().unwrap();
        assert!(events.len() < 1000, "there may be more");
        events.iter().map(|row| row["event"].clone()).collect()
    }

    async fn json(&self, url: &str) -> Value {
        self.client.get_json(url, &[]).await.unwrap()
    }

    fn results(&self) -> PathBuf {
        self.directory.path().join("results")
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = fs::read_to_string(self.directory.path().join("testbed.log")).unwrap_or_default();
            eprintln!("testbed said:\n{said}");
            print_logs(self.directory.path());
        }
    }
}

/// Prints the logs of a testbed's directory.
pub(crate) fn print_logs(directory: &Path) {
    for log in fs::read_dir(directory.join("logs")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(log.path()).unwrap_or_default();
        eprintln!("{}:\n{text}", log.file_name().display());
    }
}

//! `testbed experiment`, as somebody types it.

use crate::fixture::{Fixture, built};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use test_cluster::ADMIN;
use test_support::eventually_within;

/// Some runs on a busy machine, each with a deployment.
const TIMEOUT: Duration = Duration::from_secs(400);

/// A running `testbed`. Killed when it is dropped.
pub(crate) struct Testbed {
    child: Child,
    output: TempDir,
}

impl Testbed {
    /// `testbed experiment COMMAND OF --target cluster …`.
    pub(crate) fn experiment(fixture: &Fixture, command: &str, of: &Path, more: &[&str]) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = File::create(output.path().join("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_testbed"))
            .args(["experiment", command])
            .arg(of)
            .args([
                "--target",
                "cluster",
                "--accept-noise",
                "--node",
                "simulator=clus1",
                "--node",
                "redis=clus1",
            ])
            .arg("--kubernetes")
            .arg(fixture.manifests())
            .arg("--simulator")
            .arg(built("simulator"))
            .args(more)
            .env("KUBECONFIG", fixture.cluster.kubeconfig(ADMIN))
            // As somebody may have exported it for another Redis.
            .env("REDIS_PASSWORD", "of another")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, output }
    }

    /// SIGINT, as of Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.output.path().join("said")).unwrap()
    }

    /// Its exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        eventually_within(TIMEOUT, "testbed ends", async || self.child.try_wait().unwrap()).await.code()
    }

    /// Runs it to its end: exit code, and what it said on both streams.
    pub(crate) async fn run(mut self) -> (Option<i32>, String) {
        (self.end().await, self.said())
    }

    /// Waits until `condition` gives something, while it runs.
    pub(crate) async fn until<T>(&mut self, what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
        eventually_within(TIMEOUT, what, async || {
            assert!(self.child.try_wait().unwrap().is_none(), "testbed has ended: {}", self.said());
            condition().await
        })
        .await
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("testbed said:\n{}", self.said());
        }
    }
}

/// A folder with a plan, and where its bundle goes.
pub(crate) fn plan(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("experiment.toml"), text).unwrap();
    let bundle = folder.path().join("bundle");
    (folder, bundle)
}

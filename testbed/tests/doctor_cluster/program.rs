//! The programs of this build: `testbed doctor`, and `simulator probe`, whose output the pods of made-up nodes show.

use node_facts::ProbeFacts;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What it found, as JSON, and its exit code.
pub(crate) async fn doctor(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = command(&[&["--json"], arguments].concat()).output().await.unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))), output.status.code())
}

/// The doctor, with nothing of this machine's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.arg("doctor").args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
    for name in ["KUBECONFIG", "REGISTRY", "REVISION", "TESTBED_BUILDER"] {
        command.env_remove(name);
    }
    command
}

/// The line that a pod with these arguments behind `probe` prints.
pub(crate) async fn probed_line(reach: &[&str]) -> String {
    let arguments = reach.iter().flat_map(|target| ["--reach".to_owned(), (*target).to_owned()]);
    let arguments: Vec<String> = std::iter::once("probe".to_owned()).chain(arguments).collect();
    let output = Command::new(simulator()).args(&arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What the program prints with the arguments of a pod.
pub(crate) async fn probed_with(arguments: &[String]) -> ProbeFacts {
    let output = Command::new(simulator()).args(arguments).output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Beside the program that is tested, as `cargo build --workspace --bins` leaves them.
fn simulator() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_testbed")).with_file_name("simulator");
    assert!(path.exists(), "there is no {}: run `cargo build -p simulator` first", path.display());
    path
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

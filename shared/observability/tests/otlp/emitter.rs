//! The example program `emit` as a process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Generous: these tests also run on shared two-core machines.
const DEADLINE: Duration = Duration::from_secs(60);

/// The running program.
pub(crate) struct Emitter {
    _child: Child,
    /// Until the program is told to end.
    input: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What the program says of itself.
#[derive(Debug)]
pub(crate) struct Answer(Value);

impl Emitter {
    /// Starts it with these flags, and with these variables and no others.
    pub(crate) fn start(flags: &str, environment: &[(&str, &str)]) -> Self {
        let path = program();
        let mut child = Command::new(&path)
            .env_clear()
            .envs(environment.iter().copied())
            .args(flags.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; cargo build -p observability --examples first", path.display())
            });
        let input = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { _child: child, input: Some(input), answers }
    }

    /// The answer to having made everything.
    pub(crate) async fn made(&mut self) -> Answer {
        let line = timeout(DEADLINE, self.answers.next_line()).await.expect("answers in time");
        let line = line.expect("readable").expect("the program runs");
        Answer(serde_json::from_str(&line).expect("an object a line"))
    }

    /// What has become of it by now.
    pub(crate) async fn ask(&mut self) -> Answer {
        let input = self.input.as_mut().expect("it was not stopped");
        input.write_all(b"\n").await.expect("the program reads");
        self.made().await
    }

    /// Ends the program; the answer tells how long telemetry took to shut down.
    pub(crate) async fn stop(&mut self) -> Answer {
        self.input = None;
        self.made().await
    }
}

impl Answer {
    pub(crate) fn took(&self) -> Duration {
        Duration::from_secs_f64(self.0["took_s"].as_f64().expect("seconds"))
    }

    /// A counter or gauge of one signal.
    pub(crate) fn of(&self, metric: &str, signal: &str) -> u64 {
        let key = format!("signal={signal}");
        let metrics = &self.0["metrics"];
        let found = ["counters", "gauges"].map(|kind| metrics[kind][metric]["by"][&key].as_f64());
        found.into_iter().flatten().next().unwrap_or_else(|| panic!("no {metric} of {signal} in {metrics}"))
            as u64
    }

    /// Items of a signal that were made, by what has become of them.
    pub(crate) fn accounted(&self, signal: &str) -> u64 {
        [
            "telemetry.items.exported",
            "telemetry.items.failed",
            "telemetry.items.dropped",
            "telemetry.queue.items",
        ]
        .into_iter()
        .map(|metric| self.of(metric, signal))
        .sum()
    }
}

/// Examples lie beside the directory of the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests run from target/PROFILE/deps");
    profile.join("examples/emit")
}

//! The simulator and its peers at work.

mod answers;
mod commands;

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::cores::pinned;

/// A load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generator {
    Simulator,
    Wrk,
    Oha,
    /// With `--latency-correction`.
    OhaCorrected,
    Hey,
    Locust,
    K6,
}

/// What a generator is to do: events of one kind to one server.
pub(super) struct Load<'a> {
    /// Without a path.
    pub(super) base_url: &'a str,
    /// Requests a second; none for as many as possible.
    pub(super) rate_per_s: Option<u32>,
    pub(super) connections: u32,
    pub(super) seconds: u32,
    /// Cores in the notation of `taskset`.
    pub(super) cores: Option<&'a str>,
}

/// What a generator says of its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) requests_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// What only the simulator says of a run in open loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacing {
    pub(super) sent_per_s: f64,
    pub(super) send_lateness_p99_us: f64,
    pub(super) send_lateness_p999_us: f64,
    pub(super) pacing_lateness_p99_us: f64,
    pub(super) pacing_lateness_p999_us: f64,
}

/// A generator that was started; its output goes into files, so that nothing has to read it meanwhile.
pub(super) struct Started {
    generator: Generator,
    child: Child,
    directory: tempfile::TempDir,
}

impl Generator {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Wrk => "wrk",
            Self::Oha => "oha",
            Self::OhaCorrected => "oha --latency-correction",
            Self::Hey => "hey",
            Self::Locust => "locust",
            Self::K6 => "k6",
        }
    }

    /// What it says of its version; hey says nothing.
    pub(super) fn version(self) -> Option<String> {
        let (program, argument) = match self {
            Self::Wrk => ("wrk", "--version"),
            Self::Oha => ("oha", "--version"),
            Self::Locust => ("locust", "--version"),
            Self::K6 => ("k6", "version"),
            Self::Simulator | Self::OhaCorrected | Self::Hey => return None,
        };
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<_> = text.lines().next()?.split(' ').take(2).collect();
        Some(words.join(" "))
    }

    /// Starts it with one thread that sends; what else it does is its own affair.
    pub(super) fn start(self, load: &Load<'_>) -> anyhow::Result<Started> {
        let directory = tempfile::tempdir()?;
        let command = commands::command(self, load, directory.path())?;
        let child = pinned(&command, load.cores)
            .stdin(Stdio::null())
            .stdout(File::create(directory.path().join("stdout"))?)
            .stderr(File::create(directory.path().join("stderr"))?)
            .spawn()
            .with_context(|| format!("{} (scripts/lib/load-generators gets it)", self.name()))?;
        Ok(Started { generator: self, child, directory })
    }
}

impl Started {
    /// Waits until it has ended, and reads what it says.
    pub(super) fn answer(mut self) -> anyhow::Result<Answer> {
        let (stdout, stderr) = self.finish()?;
        answers::answer(self.generator, &stdout, &stderr)
            .with_context(|| format!("{} said: {stdout}{stderr}", self.generator.name()))
    }

    /// The same of a simulator in open loop.
    pub(super) fn pacing(mut self) -> anyhow::Result<Pacing> {
        let (stdout, stderr) = self.finish()?;
        answers::pacing(&stdout).with_context(|| format!("simulator said: {stdout}{stderr}"))
    }

    /// Waits until it has ended; gives the most memory that it had resident, MiB.
    pub(super) fn peak_resident_mib(&self) -> anyhow::Result<f64> {
        let mut peak_kib = 0.0;
        loop {
            let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
            // A process that has ended and is not yet waited for has no memory.
            let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
                return Ok(peak_kib / 1024.0);
            };
            peak_kib = line.trim().trim_end_matches("kB").trim().parse::<f64>()?;
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn finish(&mut self) -> anyhow::Result<(String, String)> {
        // Some end with an error where something was slow or lost; what they print decides.
        self.child.wait()?;
        let read = |name: &str| fs::read_to_string(self.directory.path().join(name));
        Ok((read("stdout")?, read("stderr")?))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has ended, unless something failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

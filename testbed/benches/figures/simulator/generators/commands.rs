//! How each generator is started.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::{Generator, Load};
use crate::load;
use crate::processes::program_path;

const MEDIA_TYPE: &str = "application/cloudevents+json";

/// Data of the simulator's events, which makes them about as long as [`load::event`].
const PAYLOAD_BYTES: &str = "60";

/// The command; what it reads and writes lies in `directory`.
pub(super) fn command(generator: Generator, load: &Load<'_>, directory: &Path) -> anyhow::Result<Command> {
    let event = directory.join("event.json");
    fs::write(&event, load::event(0, 1000))?;
    let event = event.to_str().context("path of temporary files")?;
    match generator {
        Generator::Simulator => simulator(load, directory),
        Generator::Wrk => wrk(load, directory),
        Generator::Oha => Ok(oha(load, event)),
        Generator::OhaCorrected => {
            let mut command = oha(load, event);
            command.arg("--latency-correction");
            Ok(command)
        }
        Generator::Hey => Ok(hey(load, event)),
        Generator::Locust => locust(load, event, directory),
        Generator::K6 => k6(load, event, directory),
    }
}

fn simulator(load: &Load<'_>, directory: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(program_path("simulator")?);
    command.args(["run", "--target", load.base_url, "--run-id", "figures", "--json", "--threads", "1"]);
    command.args(["--connections", &load.connections.to_string(), "--duration", &length(load)]);
    match load.rate_per_s {
        Some(rate) => command.args(["--arrivals", "constant", "--rate", &rate.to_string()]),
        None => command.args(["--arrivals", "closed"]),
    };
    command.args(["--payload-bytes", PAYLOAD_BYTES, "--telemetry", "off", "--log-level", "warn"]);
    command.arg("--results").arg(directory);
    Ok(command)
}

/// It has no rate.
fn wrk(load: &Load<'_>, directory: &Path) -> anyhow::Result<Command> {
    let script = directory.join("post.lua");
    fs::write(&script, load::wrk_script(MEDIA_TYPE, &load::event(0, 1000)))?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c", &load.connections.to_string(), "-d", &length(load), "-s"]).arg(script);
    command.arg(url(load));
    Ok(command)
}

fn oha(load: &Load<'_>, event: &str) -> Command {
    let mut command = Command::new("oha");
    command.args(["--no-tui", "--output-format", "json", "--worker-threads", "1"]);
    command.args(["-m", "POST", "-T", MEDIA_TYPE, "-D", event]);
    command.args(["-c", &load.connections.to_string(), "-z", &length(load)]);
    command.args(load.rate_per_s.map(|rate| format!("-q{rate}"))).arg(url(load));
    command
}

fn hey(load: &Load<'_>, event: &str) -> Command {
    let mut command = Command::new("hey");
    command.args(["-cpus", "1", "-m", "POST", "-T", MEDIA_TYPE, "-D", event]);
    command.args(["-c", &load.connections.to_string(), "-z", &length(load)]);
    command.args(rate_per_connection(load).map(|rate| format!("-q={rate}"))).arg(url(load));
    command
}

fn locust(load: &Load<'_>, event: &str, directory: &Path) -> anyhow::Result<Command> {
    let file = directory.join("locustfile.py");
    fs::write(&file, include_str!("locustfile.py"))?;
    let users = load.connections.to_string();
    let mut command = Command::new("locust");
    command.args(["--headless", "--only-summary", "--json", "--loglevel", "ERROR", "--host", load.base_url]);
    command.args(["--users", &users, "--spawn-rate", &users, "--run-time", &length(load)]);
    command.arg("--locustfile").arg(file).env("EVENT_FILE", event);
    command.env("RATE_PER_USER", rate_per_connection(load).unwrap_or(0.0).to_string());
    Ok(command)
}

fn k6(load: &Load<'_>, event: &str, directory: &Path) -> anyhow::Result<Command> {
    let script = directory.join("arrivals.js");
    fs::write(&script, include_str!("arrivals.js"))?;
    let mut command = Command::new("k6");
    command.args(["run", "--quiet", "--no-usage-report"]).arg(script);
    let rate = load.rate_per_s.context("k6 is measured at a rate")?;
    for variable in [
        format!("EVENT_FILE={event}"),
        format!("USERS={}", load.connections),
        format!("RATE={rate}"),
        format!("DURATION={}", length(load)),
        format!("URL={}", url(load)),
    ] {
        command.args(["-e", &variable]);
    }
    Ok(command)
}

fn url(load: &Load<'_>) -> String {
    format!("{}/v1/events", load.base_url)
}

fn length(load: &Load<'_>) -> String {
    format!("{}s", load.seconds)
}

fn rate_per_connection(load: &Load<'_>) -> Option<f64> {
    load.rate_per_s.map(|rate| f64::from(rate) / f64::from(load.connections))
}

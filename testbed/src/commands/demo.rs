//! `testbed demo`: the main job once, from nothing to a proof, in a directory and on ports of its own.

mod summary;

use super::audit::AUDIT_TIMEOUT;
use super::up::{describe_telemetry, run_name, stop};
use crate::audit::{Audit, AuditReport, drain};
use crate::console::{clock, complain, say};
use crate::http_client::HttpClient;
use crate::interrupts::Interrupts;
use crate::stack::arguments::{self, LoadArgs, StackArgs, TelemetryDefaults};
use crate::stack::directory::Directory;
use crate::stack::plan::{Addresses, Load, RedisPlan};
use crate::stack::process::describe;
use crate::stack::{Stack, ports};
use crate::watch::board::Board;
use crate::watch::observe::Observations;
use crate::watch::plain;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use summary::{Resources, Summary};

/// What a simulator needs beside the length of its schedule: for a first connection, and for the last answers.
const LOAD_GRACE: Duration = Duration::from_secs(60);

/// Between two lines about the progress where they cannot overwrite each other.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// At the rates of a demo all traces would be a load of their own.
const TELEMETRY: TelemetryDefaults = TelemetryDefaults { mode: "sampled", metrics_port: None };

/// Arguments of `testbed demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 the audit holds, 2 it is violated, 1 the demo could not be carried out."
)]
pub struct DemoArgs {
    /// Length of the load: 30s, 5m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// Events a second
    #[arg(long, value_name = "EVENTS", default_value_t = 2000.0, value_parser = arguments::rate)]
    rate: f64,
    /// Longest wait for events that are still on their way after the load
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    drain_timeout_s: u64,
    /// Keep the directory with logs, data and results
    #[arg(long)]
    keep: bool,
    /// Leave everything running after the summary, until ctrl-c
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// Runs the demo.
///
/// # Errors
/// Where it cannot be carried out; then the directory with the logs is kept.
pub async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let plan = args.stack.plan(redis(args)?, addresses(args.stack.workers)?, TELEMETRY)?;
    let temporary = tempfile::Builder::new().prefix("testbed-demo-").tempdir()?;
    let mut stack = Stack::new(plan, Directory::open(temporary.path())?)?;
    let outcome = tokio::select! {
        outcome = carry_out(&mut stack, args) => outcome,
        () = interrupts.next() => Err(anyhow::anyhow!("interrupted")),
    };
    if args.stay && outcome.is_ok() {
        say("everything stays up until ctrl-c");
        interrupts.next().await;
    }
    let is_clean = stop(&mut stack, &mut interrupts).await;
    let is_fine = is_clean && outcome.as_ref().is_ok_and(|report| report.exit_code() == 0);
    if args.keep || !is_fine {
        let kept = temporary.keep();
        say(&format!("logs are in {}, data and results beside them", kept.join("logs").display()));
    }
    let code = outcome?.exit_code();
    Ok(if code == 0 && !is_clean { ExitCode::FAILURE } else { ExitCode::from(code) })
}

async fn carry_out(stack: &mut Stack, args: &DemoArgs) -> anyhow::Result<AuditReport> {
    let start = Instant::now();
    say(&format!("starting redis and the services in {}", stack.directory().root().display()));
    say(&describe_telemetry(&stack.plan().telemetry));
    stack.start().await?;
    say(&format!("all parts are ready after {:.1} s", start.elapsed().as_secs_f64()));
    let load = Load {
        rate: args.rate,
        duration: Some(args.duration),
        batch: args.load.batch,
        seed: args.load.seed,
        run: run_name("demo"),
    };
    say(&format!("sending {} events/s for {} as run {}", load.rate, clock(args.duration), load.run));
    stack.start_simulator(&load)?;
    let (board, resources) = follow_load(stack, args.duration).await?;
    let token = stack.plan().token.as_ref().map(|(_, token)| token.clone());
    let client = HttpClient::new(token, AUDIT_TIMEOUT);
    say("draining: waiting until everything accepted is queryable");
    let drain_start = Instant::now();
    let drain_timeout = Duration::from_secs(args.drain_timeout_s);
    match drain::wait(&client, &stack.query_url(), drain_timeout).await {
        Ok(()) => say(&format!("drained after {:.1} s", drain_start.elapsed().as_secs_f64())),
        // The audit names what is missing.
        Err(error) => complain(&error.to_string()),
    }
    let audit = Audit {
        run: Some(load.run.clone()),
        results: stack.directory().results(),
        query_url: stack.query_url(),
        client: client.clone(),
        redis: stack.redis().clone(),
        drain_timeout: Duration::ZERO,
    };
    let report = audit.carry_out().await?;
    let summary = Summary::new(stack, &client, &report, &board, &resources).await;
    say(&format!("\n{summary}\n"));
    Ok(report)
}

/// Shows the progress of the load until the simulator has ended.
async fn follow_load(stack: &mut Stack, length: Duration) -> anyhow::Result<(Board, Resources)> {
    let start = Instant::now();
    let mut observations = Observations::of(stack);
    let (mut board, mut resources) = (Board::default(), Resources::default());
    let mut progress = Progress::new();
    loop {
        let observation = observations.next().await?;
        resources.take_in(&observation);
        let ended = stack.newly_ended();
        if let Some(ended) = ended.iter().find(|ended| !ended.is_fine()) {
            progress.end();
            bail!("{} ended during the load: {}; {}", ended.name, describe(ended.status), ended.log);
        }
        if !ended.is_empty() {
            progress.end();
            return Ok((board, resources));
        }
        board.update(observation);
        if start.elapsed() > length + LOAD_GRACE {
            progress.end();
            bail!("the simulator has not ended {} s after its time", LOAD_GRACE.as_secs());
        }
        progress.show(&plain::progress(&board, start.elapsed(), length));
    }
}

/// A line that is overwritten on a terminal, and written now and then elsewhere.
struct Progress {
    is_terminal: bool,
    last: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal(), last: Instant::now() }
    }

    fn show(&mut self, line: &str) {
        if self.is_terminal {
            let mut out = std::io::stdout();
            // A line that nobody can read is no reason to stop.
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush()).unwrap_or_default();
        } else if self.last.elapsed() >= LINE_INTERVAL {
            self.last = Instant::now();
            say(line);
        }
    }

    fn end(&self) {
        if self.is_terminal {
            say("");
        }
    }
}

fn redis(args: &DemoArgs) -> anyhow::Result<RedisPlan> {
    let server = args.stack.find_redis_server()?;
    let port = *ports::unused(1)?.first().context("no port")?;
    Ok(RedisPlan::Own { server, port })
}

fn addresses(workers: u16) -> anyhow::Result<Addresses> {
    let ports = ports::unused(3 + usize::from(workers))?;
    let mut addresses = ports.into_iter().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut next = || addresses.next().context("no port");
    Ok(Addresses { ingest: next()?, query: next()?, simulator: next()?, workers: addresses.collect() })
}

/// Reads `30s`, `5m` or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit_s) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_s));
    let bounded = seconds.filter(|seconds| (1..=24 * 3600).contains(seconds));
    bounded.map(Duration::from_secs).ok_or_else(|| "1s to 24 hours, such as 30s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_minutes() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for text in ["", "0", "-1s", "1h", "99999999m", "18446744073709551615m"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}

//! `testbed up`: the whole pipeline on this machine, with a live screen, until it is stopped.

mod live;

use crate::console::{complain, say};
use crate::interrupts::Interrupts;
use crate::stack::arguments::{self, LoadArgs, StackArgs, TelemetryDefaults};
use crate::stack::directory::Directory;
use crate::stack::plan::{Addresses, Load, Plan, RedisPlan, TelemetryPlan};
use crate::stack::{Stack, ports};
use crate::watch::screen::Facts;
use anyhow::Context;
use clap::Args;
use service::config::Secret;
use service::redis::RedisArgs;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Arguments of `testbed up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Directory for data, caches, logs and results [default: ~/.local/state/testbed]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Use a Redis that runs already, with REDIS_USERNAME, REDIS_PASSWORD_FILE and REDIS_CA_FILE as the services do
    #[arg(long, value_name = "URL", conflicts_with = "redis_server")]
    redis_url: Option<Secret>,
    #[command(flatten)]
    redis: RedisCredentials,
    /// Port of the Redis that is started
    #[arg(long, value_name = "PORT", default_value_t = 6390)]
    redis_port: u16,
    /// Address that the services listen on; 0.0.0.0 for clients on other machines
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port of ingest-api
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    ingest_port: u16,
    /// Port of query-api
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    query_port: u16,
    /// Port of process-worker; more workers get the ports after it [default: 8082]
    #[arg(long, value_name = "PORT")]
    worker_port: Option<u16>,
    /// Port of the simulator's statistics [default: the one after the last worker's]
    #[arg(long, value_name = "PORT")]
    simulator_port: Option<u16>,
    /// Port where Prometheus finds the services' metrics, with a collector
    #[arg(long, value_name = "PORT", default_value_t = 8889)]
    metrics_port: u16,
    /// Let a simulator send this many events a second [default: no load]
    #[arg(long, value_name = "EVENTS", value_parser = arguments::rate)]
    rate: Option<f64>,
    /// Plain lines in place of the screen, also on a terminal
    #[arg(long)]
    plain: bool,
    /// Seconds between two plain lines
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    interval_s: u64,
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// Who we are at a Redis that runs already: the variables of the services.
#[derive(Debug, Clone, Args)]
pub struct RedisCredentials {
    #[arg(long, env = "REDIS_USERNAME", hide = true)]
    redis_username: Option<String>,
    #[arg(long, env = "REDIS_PASSWORD_FILE", hide = true)]
    redis_password_file: Option<PathBuf>,
    #[arg(long, env = "REDIS_PASSWORD", hide = true, hide_env_values = true)]
    redis_password: Option<Secret>,
    #[arg(long, env = "REDIS_CA_FILE", hide = true)]
    redis_ca_file: Option<PathBuf>,
}

impl RedisCredentials {
    /// With an address, the settings of a connection.
    #[must_use]
    pub fn at(&self, redis_url: Secret) -> RedisArgs {
        RedisArgs {
            redis_url,
            redis_username: self.redis_username.clone(),
            redis_password_file: self.redis_password_file.clone(),
            redis_password: self.redis_password.clone(),
            redis_ca_file: self.redis_ca_file.clone(),
        }
    }
}

/// Runs until it is stopped.
///
/// # Errors
/// Where the testbed does not come up. The exit code is 1 where a part died or did not stop cleanly.
pub async fn run(args: &UpArgs) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let root = args.dir.clone().map_or_else(|| args.stack.environment.state_directory(), Ok)?;
    let plan = args.plan()?;
    let directory = Directory::open(&root)?;
    let mut stack = Stack::new(plan, directory)?;
    for leftover in stack.stop_leftovers().await {
        say(&format!("stopped {leftover}, which an earlier run had left"));
    }
    ports::check(&stack.plan().claims(args.rate.is_some()))?;
    let lived = tokio::select! {
        lived = live(&mut stack, args) => lived,
        () = interrupts.next() => Ok(()),
    };
    let is_clean = stop(&mut stack, &mut interrupts).await;
    lived?;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Stops all parts and says what is going on; a further signal kills them. True where all had run until now and
/// stopped cleanly.
pub async fn stop(stack: &mut Stack, interrupts: &mut Interrupts) -> bool {
    if stack.parts().iter().all(|part| part.process.end().is_some()) {
        return stack.stop(complain).await;
    }
    say("stopping (ctrl-c again kills)");
    let stopped = tokio::select! {
        is_clean = stack.stop(complain) => Some(is_clean),
        () = interrupts.next() => None,
    };
    match stopped {
        Some(is_clean) => {
            say("stopped");
            is_clean
        }
        None => {
            stack.kill().await;
            complain("all parts were killed");
            false
        }
    }
}

/// Starts everything and shows it until somebody stops it.
async fn live(stack: &mut Stack, args: &UpArgs) -> anyhow::Result<()> {
    say(&format!("starting in {}", stack.directory().root().display()));
    stack.start().await?;
    let mut facts = facts(stack, args);
    if let Some(rate) = args.rate {
        let (LoadArgs { batch, seed }, run) = (args.load.clone(), run_name("up"));
        say(&format!("a simulator sends {rate} events/s as run {run}"));
        facts.addresses.push(("audit", how_to_audit(stack, &run)));
        stack.start_simulator(&Load { rate, duration: None, batch, seed, run })?;
    }
    for (name, address) in &facts.addresses {
        say(&format!("  {name:<8}{address}"));
    }
    say(&format!("  {}", describe_telemetry(&stack.plan().telemetry)));
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !args.plain {
        live::on_screen(stack, &facts).await
    } else {
        live::in_lines(stack, Duration::from_secs(args.interval_s)).await
    }
}

/// A run id that sorts by time: `up-1764000000`.
pub(super) fn run_name(prefix: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}-{}", now.as_secs())
}

/// The command that audits a run of the simulator. Its ledger is there once it has ended.
fn how_to_audit(stack: &Stack, run: &str) -> String {
    let results = stack.directory().results();
    let redis = match stack.plan().redis {
        RedisPlan::Own { port, .. } => format!(" --redis-url redis://127.0.0.1:{port}"),
        // Its address may hold a password.
        RedisPlan::Running { .. } => String::new(),
    };
    format!(
        "stop the simulator, then: testbed audit --run {run} --results {} --query-url {}{redis}",
        results.display(),
        stack.query_url()
    )
}

fn facts(stack: &Stack, args: &UpArgs) -> Facts {
    let plan = stack.plan();
    let redis = match &plan.redis {
        RedisPlan::Own { server, .. } => format!("{} {}", server.product, server.version),
        RedisPlan::Running { .. } => format!("redis at {}", stack.redis().address()),
    };
    let plural = if plan.partitions == 1 { "" } else { "s" };
    let mut addresses = vec![
        ("send", format!("{}/v1/events", stack.ingest_url())),
        ("query", format!("{}/v1/events", stack.query_url())),
    ];
    if let RedisPlan::Own { port, .. } = plan.redis {
        addresses.push(("redis", format!("redis-cli -p {port}")));
    }
    if let TelemetryPlan::Collector { collector, .. } = &plan.telemetry {
        addresses.push(("otlp", collector.otlp_url()));
        let (services, own) = (collector.metrics_url(), collector.own_metrics_url());
        addresses.push(("metrics", format!("{services}, the collector's own {own}")));
        addresses.push(("traces", format!("testbed trace EVENT-ID{}", directory_flag(args))));
    }
    addresses.push(("logs", stack.directory().logs().display().to_string()));
    Facts {
        summary: format!("{redis} · {} partition{plural} · work {}", plan.partitions, plan.work.0),
        addresses,
    }
}

/// What a command about this testbed needs to find it.
fn directory_flag(args: &UpArgs) -> String {
    args.dir.as_ref().map(|directory| format!(" --dir {}", directory.display())).unwrap_or_default()
}

/// What becomes of the services' telemetry, in words.
pub(super) fn describe_telemetry(plan: &TelemetryPlan) -> String {
    match plan {
        TelemetryPlan::Off => {
            "telemetry is not sent anywhere: there is no collector (see --collector), or it is switched off"
                .into()
        }
        TelemetryPlan::Environment { mode } => {
            let mode = mode.as_ref().map(|mode| format!(" ({mode})")).unwrap_or_default();
            format!("telemetry{mode} goes where the OTEL_* variables say")
        }
        TelemetryPlan::Collector { collector, mode } => {
            format!("telemetry ({mode}) goes to {}", collector.program.display())
        }
    }
}

impl UpArgs {
    fn plan(&self) -> anyhow::Result<Plan> {
        let redis = match &self.redis_url {
            Some(url) => {
                RedisPlan::Running { url: url.clone(), config: self.redis.at(url.clone()).convert()? }
            }
            None => RedisPlan::Own { server: self.stack.find_redis_server()?, port: self.redis_port },
        };
        let telemetry = TelemetryDefaults { mode: "full", metrics_port: Some(self.metrics_port) };
        self.stack.plan(redis, self.addresses()?, telemetry)
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        let at = |port| SocketAddr::new(self.bind, port);
        let first = self.worker_port.unwrap_or(8082);
        let after_last =
            first.checked_add(self.stack.workers).context("--worker-port leaves no room for all workers")?;
        Ok(Addresses {
            ingest: at(self.ingest_port),
            query: at(self.query_port),
            workers: (first..after_last).map(at).collect(),
            simulator: at(self.simulator_port.unwrap_or(after_last)),
        })
    }
}

//! Arguments that `up` and `demo` share, and what both take from the environment.

use super::collector::{self, Collector};
use super::plan::{Addresses, Plan, RedisPlan, TelemetryPlan};
use super::programs::{Programs, named};
use super::redis_server::{self, RedisServer, RedisServerError};
use anyhow::Context;
use clap::Args;
use service::config::AuthArgs;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the parts are like.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Parts")]
pub struct StackArgs {
    /// Redis or Valkey server to start [default: redis-server, else valkey-server, in PATH]
    #[arg(long, value_name = "PATH")]
    pub redis_server: Option<PathBuf>,
    /// Directory of the services' programs [default: beside testbed, else PATH]
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Number of partitions of the streams
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub partitions: u16,
    /// What a worker does with each event
    #[arg(long, value_name = "KIND", default_value = "none", value_parser = ["none", "hash", "matrix", "chase", "json"])]
    pub work: String,
    /// How much of it, by the kind
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub work_amount: u32,
    /// How much telemetry the services send: none, metrics and logs, 1 % of the traces as well, or all of them
    /// [default where there is a collector: full for up, sampled for demo]
    #[arg(long, env = "TELEMETRY", value_name = "MODE", value_parser = ["off", "metrics", "sampled", "full"])]
    pub telemetry: Option<String>,
    /// OpenTelemetry Collector to start [default: otelcol-testbed or otelcol-contrib, beside testbed or in PATH]
    #[arg(long, value_name = "PATH")]
    pub collector: Option<PathBuf>,
    /// Seconds that the parts have to become ready
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub ready_timeout_s: u64,
    /// Seconds that a part has to stop before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub stop_timeout_s: u64,
    /// The token of ingest and query.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What is taken from the environment.
    #[command(flatten)]
    pub environment: Environment,
}

/// What a command does about telemetry where nobody says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct TelemetryDefaults {
    /// How much is sent to a collector of our own.
    pub mode: &'static str,
    /// Port of the services' metrics; `None` for any.
    pub metrics_port: Option<u16>,
}

/// Load that is sent by a simulator.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load (further settings of the simulator through its environment variables)")]
pub struct LoadArgs {
    /// Events a request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
    /// Seed of the schedule and the events
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// Reads a rate: events a second, above 0.
///
/// # Errors
/// Another number, or none.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "a number above 0".to_owned())
}

/// Variables that other programs define. They have flags because everything comes in through arguments, but
/// nobody needs to use those.
#[derive(Debug, Clone, Default, Args)]
pub struct Environment {
    /// Where programs are looked for.
    #[arg(long = "env-path", env = "PATH", hide = true)]
    pub search_path: Option<OsString>,
    /// The user's directory.
    #[arg(long = "env-home", env = "HOME", hide = true)]
    pub home: Option<PathBuf>,
    /// The user's directory for state.
    #[arg(long = "env-xdg-state-home", env = "XDG_STATE_HOME", hide = true)]
    pub state_home: Option<PathBuf>,
    #[command(flatten)]
    telemetry: TelemetryEnvironment,
}

/// Variables with which somebody says where telemetry goes. Only whether they are set matters here; the
/// services read them.
#[derive(Debug, Clone, Default, Args)]
struct TelemetryEnvironment {
    #[arg(long = "env-otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide = true)]
    endpoint: Option<String>,
    #[arg(long = "env-otlp-traces-endpoint", env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hide = true)]
    traces_endpoint: Option<String>,
    #[arg(long = "env-otlp-metrics-endpoint", env = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", hide = true)]
    metrics_endpoint: Option<String>,
    #[arg(long = "env-otlp-logs-endpoint", env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", hide = true)]
    logs_endpoint: Option<String>,
    #[arg(long = "env-otel-sdk-disabled", env = "OTEL_SDK_DISABLED", hide = true)]
    disabled: Option<String>,
}

impl Environment {
    /// Whether somebody has said where telemetry goes, or that there is none. By the OpenTelemetry
    /// specification an empty variable is one that is not set.
    #[must_use]
    pub fn decides_about_telemetry(&self) -> bool {
        let TelemetryEnvironment { endpoint, traces_endpoint, metrics_endpoint, logs_endpoint, disabled } =
            &self.telemetry;
        [endpoint, traces_endpoint, metrics_endpoint, logs_endpoint, disabled]
            .iter()
            .any(|variable| variable.as_ref().is_some_and(|value| !value.is_empty()))
    }

    /// Where `up` keeps its state: `$XDG_STATE_HOME/testbed`, else `~/.local/state/testbed`.
    ///
    /// # Errors
    /// Where neither variable is set.
    pub fn state_directory(&self) -> anyhow::Result<PathBuf> {
        let set = |path: &Option<PathBuf>| path.clone().filter(|path| path.is_absolute());
        set(&self.state_home)
            .or_else(|| Some(set(&self.home)?.join(".local/state")))
            .map(|state| state.join("testbed"))
            .context("neither XDG_STATE_HOME nor HOME is set: choose a directory with --dir")
    }
}

impl StackArgs {
    /// The plan of a testbed with this Redis at these addresses.
    ///
    /// # Errors
    /// Where programs are missing or the token cannot be read.
    pub fn plan(
        &self,
        redis: RedisPlan,
        addresses: Addresses,
        telemetry: TelemetryDefaults,
    ) -> anyhow::Result<Plan> {
        let token = self.auth.convert()?;
        Ok(Plan {
            redis,
            addresses,
            partitions: self.partitions,
            work: (self.work.clone(), self.work_amount),
            programs: self.find_programs()?,
            guard: Some(std::env::current_exe().context("cannot see where testbed itself is")?),
            telemetry: self.plan_telemetry(telemetry)?,
            token: self.auth.auth_token_file.clone().zip(token),
            ready_timeout: Duration::from_secs(self.ready_timeout_s),
            stop_timeout: Duration::from_secs(self.stop_timeout_s),
            special: BTreeMap::new(),
        })
    }

    fn plan_telemetry(&self, defaults: TelemetryDefaults) -> anyhow::Result<TelemetryPlan> {
        let mode = self.telemetry.clone();
        if mode.as_deref() == Some("off") {
            return Ok(TelemetryPlan::Off);
        }
        if self.collector.is_none() && self.environment.decides_about_telemetry() {
            return Ok(TelemetryPlan::Environment { mode });
        }
        let found = match &self.collector {
            Some(program) => Ok(named(program, self.environment.search_path.as_deref())),
            None => collector::find(&self.beside()?, self.environment.search_path.as_deref()),
        };
        match found {
            Ok(program) => Ok(TelemetryPlan::Collector {
                collector: Collector { program, ports: collector::Ports::unused(defaults.metrics_port)? },
                mode: mode.unwrap_or_else(|| defaults.mode.into()),
            }),
            // Nobody has asked for it.
            Err(_) if mode.is_none() => Ok(TelemetryPlan::Off),
            Err(error) => Err(error.into()),
        }
    }

    /// The Redis server to start.
    ///
    /// # Errors
    /// As [`redis_server::find`].
    pub fn find_redis_server(&self) -> Result<RedisServer, RedisServerError> {
        redis_server::find(self.redis_server.as_deref(), self.environment.search_path.as_deref())
    }

    fn find_programs(&self) -> anyhow::Result<Programs> {
        Ok(Programs::find(&self.beside()?, self.environment.search_path.as_deref())?)
    }

    /// Where the services' programs should be.
    fn beside(&self) -> anyhow::Result<PathBuf> {
        match &self.programs {
            Some(directory) => Ok(directory.clone()),
            None => std::env::current_exe()
                .ok()
                .and_then(|program| Some(program.parent()?.to_owned()))
                .context("cannot see where testbed itself is: say where the programs are with --programs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(state_home: Option<&str>, home: Option<&str>) -> Environment {
        Environment {
            state_home: state_home.map(PathBuf::from),
            home: home.map(PathBuf::from),
            ..Environment::default()
        }
    }

    #[test]
    fn state_goes_where_the_user_keeps_state() {
        let directory = |state_home, home| environment(state_home, home).state_directory();
        assert_eq!(directory(Some("/s"), Some("/h")).unwrap(), PathBuf::from("/s/testbed"));
        assert_eq!(directory(None, Some("/h")).unwrap(), PathBuf::from("/h/.local/state/testbed"));
        assert_eq!(
            directory(Some("relative"), Some("/h")).unwrap(),
            PathBuf::from("/h/.local/state/testbed")
        );
        assert!(directory(None, None).unwrap_err().to_string().contains("--dir"));
    }

    #[test]
    fn rates_are_above_zero() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["0", "-1", "NaN", "inf", "", "x"] {
            assert!(rate(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn any_telemetry_variable_decides_unless_it_is_empty() {
        let mut environment = Environment::default();
        assert!(!environment.decides_about_telemetry());
        environment.telemetry.endpoint = Some(String::new());
        assert!(!environment.decides_about_telemetry());
        environment.telemetry.metrics_endpoint = Some("http://collector:4317".into());
        assert!(environment.decides_about_telemetry());
    }
}

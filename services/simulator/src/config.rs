//! Arguments of the simulator and their conversion into a plan that can be carried out. A flag wins over the workload
//! file, which wins over the default.

mod args;
mod choice;
mod plan;
mod run_id;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use http::Uri;
use service::config::{AuthArgs, CommonArgs, CommonConfig, ConfigError, Secret};
use service::redis::{RedisArgs, RedisConfig};

use crate::plan::Plan;
use crate::target::Target;
use args::{EventArgs, LoadArgs, OutputArgs, ProbeArgs, ShardArgs};

/// More probes would be a load of their own on query-api.
const PROBES_PER_SECOND_MAX: f64 = 1000.0;

/// Sends a reproducible load of events and keeps a ledger of what became of each.
#[derive(Debug, Parser)]
#[command(
    name = "simulator",
    version = service::build::VERSION,
    // Who forgets `run` is told so by the error.
    override_usage = "simulator run [OPTIONS]      to send a load, see simulator run --help\n       \
                      simulator <COMMAND>"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the simulator can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a load and write what became of it
    Run(Box<RunArgs>),
    /// Combine the results of several simulators of one run
    Merge(MergeArgs),
    /// Show what `run` would send with the same arguments, and send nothing
    Schedule(Box<ScheduleArgs>),
    /// Print the JSON schema of a file
    Schema {
        /// Which file
        file: SchemaFile,
    },
    /// Print what this machine is like and what it reaches, as one line of JSON. Not for people: `testbed` reads it
    #[command(hide = true)]
    Probe {
        /// What to connect to; may be repeated
        #[arg(long, value_name = "NAME=HOST:PORT")]
        reach: Vec<node_facts::Target>,
        /// Try how punctually threads wake and how long storage takes, in this directory, and read counters of noise
        #[arg(long, value_name = "DIR")]
        trials: Option<PathBuf>,
        /// Measure how far the clock of this Redis is ahead
        #[arg(long, value_name = "REDIS_URL")]
        clock: Option<Secret>,
    },
}

/// Arguments of `simulator run`.
#[derive(Debug, Clone, Parser)]
// A negative number is to be refused as such, and not as an unknown flag.
#[command(name = "simulator run", version = service::build::VERSION, allow_negative_numbers = true)]
pub struct RunArgs {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    probes: ProbeArgs,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `simulator merge`.
#[derive(Debug, Clone, clap::Args)]
pub struct MergeArgs {
    /// Directories with the results of one simulator each, or one with directories shard-*-of-*; not with --run
    #[arg(value_name = "DIR", required_unless_present = "run")]
    pub directories: Vec<PathBuf>,
    /// Directory that becomes the combined result; it must not be there yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Fetch the results that the simulators of this run left in Redis, in place of directories
    #[arg(long, value_name = "ID", conflicts_with = "directories")]
    pub run: Option<String>,
    /// Where to fetch them.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// Arguments of `simulator schedule`.
#[derive(Debug, Clone, clap::Args)]
pub struct ScheduleArgs {
    /// Print each request as CSV: index, offset from the start, phase, kind, first sequence number, events
    #[arg(long)]
    pub csv: bool,
    /// What `run` would have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// A file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    /// The workload file
    Workload,
    /// result.json
    Result,
}

/// A validated configuration of a run.
#[derive(Debug, Clone)]
pub struct Config {
    /// What all services have.
    pub common: CommonConfig,
    /// The load.
    pub plan: Plan,
    /// Its receiver.
    pub target: Target,
    /// How long to try for a first connection, and for the other simulators; zero to begin without a connection.
    pub start_timeout: Duration,
    /// Parent of the run's directory.
    pub results_dir: PathBuf,
    /// Whether standard output gets the result as JSON.
    pub is_json: bool,
    /// Where health and statistics are served, if at all.
    pub listen: Option<SocketAddr>,
    /// Whether standard error gets a line about the progress now and then.
    pub shows_progress: bool,
    /// End-to-end probes, if any.
    pub probes: Option<ProbesConfig>,
    /// Where the simulators of a run meet; none for a single one.
    pub shards: Option<RedisConfig>,
}

/// How probes find out when an accepted event can be queried.
#[derive(Debug, Clone)]
pub struct ProbesConfig {
    /// Base URL of query-api.
    pub query_url: String,
    /// Events a second that are looked for, at most.
    pub per_second: f64,
    /// Bearer token of query-api.
    pub auth: Option<Secret>,
}

impl AsRef<CommonArgs> for RunArgs {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

impl RunArgs {
    /// Checks everything that can be checked before the run. Reads the workload file and what it names.
    ///
    /// # Errors
    /// Names the variable that cannot be used, or the place in the workload file.
    pub fn convert(&self) -> Result<Config, ConfigError> {
        let plan = self.plan()?;
        let auth = self.auth.convert()?;
        let shards = (plan.shard.count > 1).then(|| self.redis.convert()).transpose()?;
        Ok(Config {
            common: self.common.convert()?,
            target: Target::new(&self.load.target, auth.clone())?,
            probes: self.probes.convert(auth)?,
            plan,
            start_timeout: Duration::from_secs_f64(self.load.start_timeout.0),
            results_dir: self.output.results.clone(),
            is_json: self.output.json,
            listen: self.output.listen,
            shows_progress: true,
            shards,
        })
    }
}

impl ProbeArgs {
    fn convert(&self, auth: Option<Secret>) -> Result<Option<ProbesConfig>, ConfigError> {
        let Some(url) = &self.query_url else { return Ok(None) };
        let uri: Option<Uri> = url.parse().ok();
        let is_base = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("http")
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        if !is_base {
            let message = format!("{url:?} is not an http:// URL such as http://127.0.0.1:8081");
            return Err(ConfigError::new("QUERY_URL", message));
        }
        if !(self.probes > 0.0 && self.probes <= PROBES_PER_SECOND_MAX) {
            return Err(ConfigError::new("PROBES", "must be above 0 and at most 1000 a second"));
        }
        let query_url = url.trim_end_matches('/').to_owned();
        Ok(Some(ProbesConfig { query_url, per_second: self.probes, auth }))
    }
}

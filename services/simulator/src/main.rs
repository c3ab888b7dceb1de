//! The load generator as a program. Standard output has what was asked for and nothing else.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use node_facts::noise::Noise;
use observability::LogOutput;
use service::config::{EXIT_USAGE, Secret};
use service::launch::{Program, launch_with, parse};
use service::redis::RedisArgs;
use simulator::config::{Cli, Command, MergeArgs, RunArgs, ScheduleArgs, SchemaFile};
use simulator::{Config, RunResult, result, schedule, workload};
use tokio_util::sync::CancellationToken;

const NAME: &str = "simulator";

fn main() -> ExitCode {
    let cli = match parse::<Cli>(NAME) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        Command::Run(args) => launch_with(args.as_ref(), program(), RunArgs::convert, run),
        Command::Merge(args) => tell(merge(&args)),
        Command::Schedule(args) => match args.run.convert() {
            Ok(config) => tell(show_schedule(&args, &config)),
            Err(error) => {
                eprintln!("{NAME}: {error}");
                ExitCode::from(EXIT_USAGE)
            }
        },
        Command::Schema { file } => tell(show_schema(file)),
        Command::Probe { reach, trials, clock } => tell(show_node(&reach, trials.as_deref(), clock)),
    }
}

fn program() -> Program<Config> {
    Program {
        name: NAME,
        log_output: LogOutput::Stderr,
        attributes: |config: &Config| vec![(observability::RUN_ID, config.plan.run_id.clone())],
    }
}

fn tell(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let is_json = config.is_json;
    show(&simulator::run(config, shutdown).await?, is_json)
}

fn merge(args: &MergeArgs) -> anyhow::Result<()> {
    let fetched = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directories = match &args.run {
        None => args.directories.clone(),
        Some(run_id) => {
            let redis = args.redis.convert()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            vec![runtime.block_on(simulator::shards::collect(&redis, run_id, fetched.path()))?.directory]
        }
    };
    show(&simulator::merge(&directories, &args.out)?, false)
}

fn show_schedule(args: &ScheduleArgs, config: &Config) -> anyhow::Result<()> {
    let output = io::BufWriter::new(io::stdout().lock());
    let written = if args.csv {
        schedule::write_csv(&config.plan, output)
    } else {
        schedule::write_summary(&config.plan, output)
    };
    match written {
        // The reader of a pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn show_schema(file: SchemaFile) -> anyhow::Result<()> {
    let schema = match file {
        SchemaFile::Workload => serde_json::to_string_pretty(&workload::schema())? + "\n",
        SchemaFile::Result => result::schema(),
    };
    Ok(io::stdout().write_all(schema.as_bytes())?)
}

fn show_node(
    reach: &[node_facts::Target],
    trials: Option<&Path>,
    clock: Option<Secret>,
) -> anyhow::Result<()> {
    let mut facts = node_facts::probe(Path::new("/"), reach);
    let look = |directory: &Path| {
        let looked = Noise::look(Path::new("/"), directory);
        looked.with_context(|| format!("cannot try the storage in {}", directory.display()))
    };
    facts.noise = trials.map(look).transpose()?;
    if let Some(redis_url) = clock {
        let redis = RedisArgs {
            redis_url,
            redis_username: None,
            redis_password_file: None,
            redis_password: None,
            redis_ca_file: None,
        };
        let redis = redis.convert()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        facts.redis_clock = Some(runtime.block_on(simulator::shards::redis_clock(&redis))?);
    }
    let line = serde_json::to_string(&facts)? + "\n";
    Ok(io::stdout().write_all(line.as_bytes())?)
}

fn show(result: &RunResult, is_json: bool) -> anyhow::Result<()> {
    let text =
        if is_json { serde_json::to_string_pretty(result)? + "\n" } else { simulator::summary(result) };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

//! The common `main`: parse, check, start telemetry, run until a signal, flush.

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use observability::log::LIFECYCLE;
use observability::{Identity, LogOutput, ProcessWatch, TelemetryError};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::build;
use crate::config::{CommonArgs, ConfigError, EXIT_USAGE};

/// What is launched.
#[derive(Clone, Copy, Debug)]
pub struct Program<Config> {
    pub name: &'static str,
    pub log_output: LogOutput,
    /// Resource attributes that come from the configuration.
    pub attributes: fn(&Config) -> Vec<(&'static str, String)>,
}

impl<Config> From<&'static str> for Program<Config> {
    /// A service: its log is its output.
    fn from(name: &'static str) -> Self {
        Self { name, log_output: LogOutput::Stdout, attributes: |_| Vec::new() }
    }
}

/// Runs a service: `convert` checks the arguments, `run` works until the token is cancelled by SIGTERM or SIGINT.
///
/// Exit codes: 0 after a clean stop, 1 when `run` failed, 64 for a bad configuration.
pub fn launch<Args, Config, Run, Running>(
    program: impl Into<Program<Config>>,
    convert: impl FnOnce(&Args) -> Result<Config, ConfigError>,
    run: Run,
) -> ExitCode
where
    Args: clap::Parser + AsRef<CommonArgs>,
    Config: Debug,
    Run: FnOnce(Config, CancellationToken) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    let program = program.into();
    match parse::<Args>(program.name) {
        Ok(args) => launch_with(&args, program, convert, run),
        Err(code) => code,
    }
}

/// As [`launch`], for a program that has read its arguments: one with subcommands.
pub fn launch_with<Args, Config, Run, Running>(
    args: &Args,
    program: impl Into<Program<Config>>,
    convert: impl FnOnce(&Args) -> Result<Config, ConfigError>,
    run: Run,
) -> ExitCode
where
    Args: AsRef<CommonArgs>,
    Config: Debug,
    Run: FnOnce(Config, CancellationToken) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    let Program { name: service, log_output, attributes } = program.into();
    let common = args.as_ref().clone();
    let config = match convert(args) {
        Ok(config) => config,
        Err(error) => return refuse(service, &error.to_string()),
    };
    if common.check_config {
        println!("{service}: configuration is valid\n{config:#?}");
        return ExitCode::SUCCESS;
    }
    let identity = Identity {
        service,
        version: build::VERSION,
        instance: common.instance(),
        revision: build::REVISION,
        attributes: attributes(&config),
    };
    let telemetry = match observability::init(&identity, &common.telemetry, log_output) {
        Ok(telemetry) => telemetry,
        Err(error @ TelemetryError::Setting { .. }) => return refuse(service, &error.to_string()),
        Err(error) => return fail(service, &error.into()),
    };
    // Whoever starts a program at a terminal knows what they asked for; `--check-config` shows the rest.
    let is_watched = log_output == LogOutput::Stderr && io::stderr().is_terminal();
    tracing::info!(
        target: LIFECYCLE,
        service,
        version = build::VERSION,
        revision = build::REVISION,
        telemetry = telemetry.effective(),
        config = (!is_watched).then(|| tracing::field::debug(&config)),
        "starting"
    );
    let outcome = run_to_end(config, run);
    match &outcome {
        Ok(()) => tracing::info!(target: LIFECYCLE, service, "stopped"),
        Err(error) => tracing::error!(target: LIFECYCLE, service, error = format!("{error:#}"), "failed"),
    }
    telemetry.shutdown();
    outcome.map_or_else(|error| fail(service, &error), |()| ExitCode::SUCCESS)
}

/// Reads the arguments of this process. What cannot be used is named on standard error.
///
/// # Errors
/// The exit code: 64 for arguments that cannot be used, 0 where help or the version was asked for.
pub fn parse<Args: clap::Parser>(service: &str) -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // The reader of a pipe may have seen enough.
            write!(io::stdout(), "{error}").ok();
            ExitCode::SUCCESS
        }
        _ => {
            // A flag's value name is its environment variable.
            let variable = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::String(flag)) => flag
                    .split_once('<')
                    .and_then(|(_, rest)| rest.split_once('>'))
                    .map(|(name, _)| name.to_owned()),
                _ => None,
            };
            let prefix = variable.map(|name| format!("{name}: ")).unwrap_or_default();
            refuse(
                service,
                &format!("{prefix}{}", error.to_string().trim_start_matches("error: ").trim_end()),
            )
        }
    })
}

fn run_to_end<Config, Run, Running>(config: Config, run: Run) -> anyhow::Result<()>
where
    Run: FnOnce(Config, CancellationToken) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let watch = ProcessWatch::new(Handle::current().metrics());
        let _watching = AbortOnDropHandle::new(tokio::spawn(watch.run()));
        let shutdown = CancellationToken::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let on_signal = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!(target: LIFECYCLE, "shutting down");
            on_signal.cancel();
        });
        run(config, shutdown).await
    })
}

fn refuse(service: &str, message: &str) -> ExitCode {
    eprintln!("{service}: {message}");
    ExitCode::from(EXIT_USAGE)
}

fn fail(service: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{service}: {error:#}");
    ExitCode::FAILURE
}

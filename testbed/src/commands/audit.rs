//! `testbed audit`: whether every event of a run that was accepted can be queried exactly once.

use super::up::RedisCredentials;
use crate::audit::Audit;
use crate::console::say;
use crate::http_client::HttpClient;
use clap::Args;
use service::config::{AuthArgs, Secret};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// An audit page of a very long run takes a while to be made.
pub(super) const AUDIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of `testbed audit`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 the audit holds, 2 it is violated, 1 it could not be carried out.")]
pub struct AuditArgs {
    /// The run, as the simulator named it; the one in the results that ended last where none is given
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// The simulator's directory of results, or that of the run
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Base URL of query-api
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    query_url: String,
    /// Redis, looked at where something is missing, with REDIS_USERNAME and so on as the services
    #[arg(
        long,
        value_name = "URL",
        env = "REDIS_URL",
        default_value = "redis://127.0.0.1:6390",
        hide_env_values = true
    )]
    redis_url: Secret,
    /// Longest wait for events that are still on their way
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    drain_timeout_s: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    redis: RedisCredentials,
}

/// Carries the audit out and prints what it gave.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let audit = Audit {
        run: args.run.clone(),
        results: args.results.clone(),
        query_url: args.query_url.clone(),
        client: HttpClient::new(args.auth.convert()?, AUDIT_TIMEOUT),
        redis: args.redis.at(args.redis_url.clone()).convert()?,
        drain_timeout: Duration::from_secs(args.drain_timeout_s),
    };
    let report = audit.carry_out().await?;
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(&report.to_string());
    }
    Ok(ExitCode::from(report.exit_code()))
}

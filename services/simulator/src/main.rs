//! The load generator as a program. Standard output has the summary, or the result as JSON, and nothing else.

use std::io::Write as _;
use std::process::ExitCode;

use observability::LogOutput;
use service::launch::{Program, launch};
use simulator::Config;
use simulator::config::Args;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let program = Program {
        name: "simulator",
        log_output: LogOutput::Stderr,
        attributes: |config: &Config| vec![(observability::RUN_ID, config.plan.run_id.clone())],
    };
    launch(program, Args::convert, run)
}

async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let is_json = config.is_json;
    let result = simulator::run(config, shutdown).await?;
    let text = if is_json {
        format!("{}\n", serde_json::to_string_pretty(&result)?)
    } else {
        simulator::summary(&result)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

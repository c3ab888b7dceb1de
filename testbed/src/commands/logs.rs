//! `testbed logs`: follows the logs of all pods on a cluster.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::{ConnectionArgs, connect};
use crate::cluster::follow::{Wanted, follow};
use crate::cluster::rights::{self, Right};
use crate::console::say;
use crate::interrupts::Interrupts;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

/// Lines that wait to be written: a terminal that is slower than the pods slows their streams down.
const LINES_MAX: usize = 1024;

/// Arguments of `testbed logs`.
#[derive(Debug, Args)]
#[command(after_help = "Goes on with pods that come and containers that start again. Ctrl-C ends it.")]
pub struct LogsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only this service, such as process-worker
    service: Option<String>,
    /// The run of each container before the one that runs: why it ended
    #[arg(long)]
    previous: bool,
    /// How far back to begin, such as 90s, 5m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration =
        text.parse().map_err(|_| "is no duration, such as 90s, 5m or 2h".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "lies in the future".to_owned())
}

/// Follows until it is interrupted.
///
/// # Errors
/// Where the cluster cannot be asked.
pub async fn run(args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let cluster = connect(&args.connection).await?;
    let namespace = Some(NAMESPACE);
    let needed = [Right::new("list", "", "pods", namespace), Right::new("get", "", "pods/log", namespace)];
    rights::require(&cluster, needed.into()).await?;
    let wanted = Wanted { service: args.service.clone(), is_previous: args.previous, since: args.since };
    let mut interrupts = Interrupts::listen()?;
    let (sender, mut lines) = mpsc::channel::<String>(LINES_MAX);
    let write = async {
        while let Some(line) = lines.recv().await {
            say(&line);
        }
    };
    tokio::select! {
        (followed, ()) = async { tokio::join!(follow(&cluster, &wanted, sender), write) } => followed?,
        () = interrupts.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_do() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("yesterday").is_err() && duration("-5m").is_err());
    }
}

//! Waits until everything that was applied runs, and shows each pod while it waits.

mod snapshot;
mod table;

use super::connect::Cluster;
use super::kinds::Kinds;
use super::objects::ObjectKey;
use crate::console::{complain, say};
use crate::interrupts::Interrupts;
use snapshot::{Collector, Snapshot};
use std::time::Duration;
use table::Display;
use tokio::time::{Instant, sleep};

pub use snapshot::Fault;

/// How often the API server is asked. By lists and not by watches: pods, events and workloads of one moment belong
/// together, and nothing has to be taken up again after a connection breaks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long the API server may be silent before the cluster counts as gone: k3s restarts within half a minute.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Longest wait for all answers of one look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// A fault that waiting cannot cure must be seen this often: kubelet's view lags behind a change for a moment.
const FINAL_SEEN_MIN: u32 = 3;

/// How a wait has ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything runs.
    Ready,
    /// Waiting cannot help any more.
    Failed(Vec<Fault>),
    /// Time is up: what each workload and pod waits for, and the faults that are known.
    TimedOut { waiting: Vec<String>, faults: Vec<Fault> },
    /// Somebody wants to stop.
    Interrupted,
}

/// Waits for `workloads`, for at most `timeout`.
///
/// # Errors
/// Where the API server cannot be asked any more.
pub async fn wait(
    cluster: &Cluster,
    kinds: &Kinds,
    workloads: &[ObjectKey],
    timeout: Duration,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Outcome> {
    let interrupted = async || interrupts.next().await;
    follow(cluster, kinds, workloads, timeout, Display::new(), interrupted).await
}

/// The same, without showing anything, until the future is dropped.
///
/// # Errors
/// As [`wait`].
pub async fn wait_silently(
    cluster: &Cluster,
    kinds: &Kinds,
    workloads: &[ObjectKey],
    timeout: Duration,
) -> anyhow::Result<Outcome> {
    follow(cluster, kinds, workloads, timeout, Display::silent(), std::future::pending).await
}

async fn follow(
    cluster: &Cluster,
    kinds: &Kinds,
    workloads: &[ObjectKey],
    timeout: Duration,
    mut display: Display,
    mut interrupted: impl AsyncFnMut(),
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let mut collector = Collector::default();
    let mut newest = Snapshot::default();
    let mut silent_since: Option<Instant> = None;
    let mut final_seen = 0;
    loop {
        let look = tokio::time::timeout(LOOK_TIMEOUT, collector.look(cluster, kinds, workloads));
        let snapshot = tokio::select! {
            snapshot = look => snapshot.unwrap_or_else(|_| Err(unanswered(cluster))),
            () = interrupted() => return Ok(Outcome::Interrupted),
        };
        match snapshot {
            Err(error) => {
                if silent_since.is_none() {
                    display.keep();
                    complain(&format!("{error:#}: asking again for {} s", SILENCE_MAX.as_secs()));
                }
                let since = *silent_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= SILENCE_MAX {
                    return Err(error.context("it was applied, but nobody knows what became of it"));
                }
            }
            Ok(snapshot) => {
                if silent_since.take().is_some() {
                    say("the API server answers again");
                }
                display.show(&snapshot, started.elapsed());
                if snapshot.is_done() {
                    return Ok(Outcome::Ready);
                }
                final_seen = if snapshot.has_final_fault() { final_seen + 1 } else { 0 };
                if final_seen >= FINAL_SEEN_MIN {
                    display.end(&snapshot, started.elapsed());
                    return Ok(Outcome::Failed(snapshot.faults()));
                }
                newest = snapshot;
            }
        }
        if started.elapsed() >= timeout {
            display.end(&newest, started.elapsed());
            return Ok(Outcome::TimedOut { waiting: newest.waiting(), faults: newest.faults() });
        }
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            () = interrupted() => return Ok(Outcome::Interrupted),
        }
    }
}

fn unanswered(cluster: &Cluster) -> anyhow::Error {
    anyhow::anyhow!(
        "the API server at {} does not answer within {} s",
        cluster.server,
        LOOK_TIMEOUT.as_secs()
    )
}

//! Waits for a moment in which nobody else uses the nodes: a run that begins in noise is of no use.

use super::{Progress, gates};
use crate::experiment::target::Testbed;
use experiment::environment::NodeEnvironment;
use experiment::record::{Gate, Status};
use std::time::{Duration, Instant};

/// How long a machine with a meter is idle before the load: a second would say little of what it uses then.
const METERED_IDLE: Duration = Duration::from_secs(10);
/// Between two attempts. Looking is work, too.
const PAUSE: Duration = Duration::from_secs(2);

/// The nodes right before a load.
#[derive(Debug)]
pub(super) struct Quiet {
    pub(super) idle: Vec<NodeEnvironment>,
    pub(super) before: Vec<NodeEnvironment>,
    /// From `idle` to `before`.
    pub(super) idle_s: f64,
    pub(super) waited_s: f64,
}

/// Looks at the nodes until no gate says that a run would be invalid, or `patience` is over.
///
/// # Errors
/// A node that cannot be looked at.
pub(super) async fn wait<B: Testbed>(
    testbed: &B,
    patience: Duration,
    progress: &mut dyn FnMut(Progress<'_>),
) -> anyhow::Result<Quiet> {
    let began = Instant::now();
    loop {
        let waited = began.elapsed();
        let idle = testbed.environments().await?;
        let idle_from = Instant::now();
        if idle.iter().any(|node| !node.energy_j.is_empty()) {
            tokio::time::sleep(METERED_IDLE).await;
        }
        let before = testbed.environments().await?;
        let idle_s = idle_from.elapsed().as_secs_f64();
        let noise: Vec<Gate> = gates::before_load(&idle, &before, idle_s)
            .into_iter()
            .filter(|gate| gate.status == Status::Invalid)
            .collect();
        if noise.is_empty() || began.elapsed() >= patience {
            return Ok(Quiet { idle, before, idle_s, waited_s: waited.as_secs_f64() });
        }
        progress(Progress::Waiting { noise: &noise, waited: began.elapsed() });
        tokio::time::sleep(PAUSE).await;
    }
}

//! The lanes of a run, together.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::config::Config;
use crate::error::RunError;
use crate::lane::{self, Begin, LaneConfig, LaneReport, Spawned, Stop};

/// Lanes that are connected and wait for the start. They end where it is dropped.
pub(super) struct Crew {
    lanes: Vec<Spawned>,
    stop: Arc<Stop>,
}

/// Lanes that have begun.
pub(super) struct Working {
    reports: Vec<oneshot::Receiver<Result<LaneReport, RunError>>>,
    /// Ends them early.
    pub(super) stop: Arc<Stop>,
}

impl Crew {
    /// Starts a thread for each lane and waits until all are connected.
    ///
    /// # Errors
    /// A lane that cannot connect, or `shutdown` before all have.
    pub(super) async fn connect(
        config: &Config,
        addresses: &Arc<Addresses>,
        shutdown: &CancellationToken,
    ) -> Result<Self, RunError> {
        let stop = Arc::new(Stop::default());
        let target = Arc::new(config.target.clone());
        let spawn = |thread| {
            lane::spawn(LaneConfig {
                plan: config.plan.clone(),
                target: Arc::clone(&target),
                addresses: Arc::clone(addresses),
                thread,
                start_timeout: config.start_timeout,
                stop: Arc::clone(&stop),
            })
        };
        let lanes = (0..config.plan.threads).map(spawn).collect::<Result<_, _>>()?;
        let mut crew = Self { lanes, stop };
        for lane in &mut crew.lanes {
            tokio::select! {
                connected = &mut lane.connected => connected.map_err(|_| RunError::ThreadFailed)??,
                () = shutdown.cancelled() => {
                    crew.stop.end_sending();
                    return Err(RunError::StoppedEarly);
                }
            }
        }
        Ok(crew)
    }

    /// Lets the lanes begin, each with a `begin` of its own.
    ///
    /// # Errors
    /// A lane that is not there any more.
    pub(super) fn begin(self, begin: impl Fn() -> Begin) -> Result<Working, RunError> {
        let mut reports = Vec::with_capacity(self.lanes.len());
        for lane in self.lanes {
            lane.begin.send(begin()).map_err(|_| RunError::ThreadFailed)?;
            reports.push(lane.report);
        }
        Ok(Working { reports, stop: self.stop })
    }
}

impl Working {
    /// Waits for all of them.
    ///
    /// # Errors
    /// A lane that failed.
    pub(super) async fn finish(self) -> Result<Vec<LaneReport>, RunError> {
        let mut reports = Vec::with_capacity(self.reports.len());
        for report in self.reports {
            reports.push(report.await.map_err(|_| RunError::ThreadFailed)??);
        }
        Ok(reports)
    }
}

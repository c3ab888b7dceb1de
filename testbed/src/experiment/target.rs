//! Where runs are carried out. Above it nothing knows whether services are processes or pods.

pub mod cluster;
mod effective;
mod environment;
pub mod local;
mod workload;

use experiment::bundle::TargetKind;
use experiment::cell::Cell;
use experiment::record::{ClockFacts, ServiceFacts};
use measurement::clock::ClockOffset;
use serde_json::Value;
use service::redis::RedisConfig;
use std::collections::BTreeMap;
use std::path::Path;

/// A place for runs.
#[expect(async_fn_in_trait, reason = "runs are carried out on the main thread, to which children are bound")]
pub trait Target {
    type Testbed: Testbed;

    /// For the head of the bundle.
    fn kind(&self) -> TargetKind;

    /// Looks whether each cell can be had here: programs, placements, nodes, settings that the services know.
    ///
    /// # Errors
    /// The first cell that cannot, and why.
    async fn check(&mut self, cells: &[Cell]) -> anyhow::Result<()>;

    /// Starts a fresh testbed for a run: an empty Redis, services and caches of their own; returns when all are ready. Logs go
    /// into `directory`.
    ///
    /// # Errors
    /// What does not start. Nothing is left behind.
    async fn start(&mut self, cell: &Cell, directory: &Path) -> anyhow::Result<Self::Testbed>;
}

/// A load of a run.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// The simulator's workload file.
    pub workload: &'a Path,
    /// The id of all its events.
    pub run_id: &'a str,
    /// Events a second that the simulator looks for at the query API.
    pub probes_per_s: f64,
}

/// A testbed that runs, for one run.
#[expect(async_fn_in_trait, reason = "runs are carried out on the main thread, to which children are bound")]
pub trait Testbed {
    /// Where the simulator's probes and the audit ask.
    fn query_url(&self) -> &str;

    fn redis(&self) -> &RedisConfig;

    /// What really runs, and where.
    ///
    /// # Errors
    /// A service that does not say.
    async fn services(&self) -> anyhow::Result<Vec<ServiceFacts>>;

    /// Facts and noise of each node at this moment.
    ///
    /// # Errors
    /// A node that cannot be looked at.
    async fn environments(&self) -> anyhow::Result<Vec<experiment::environment::NodeEnvironment>>;

    /// What each service tells of its own counters, by its name of [`Testbed::services`]: the answers of `/statz`. One that does
    /// not answer is absent.
    async fn statistics(&self) -> BTreeMap<String, Value>;

    /// The clocks of the nodes against one of them.
    ///
    /// # Errors
    /// A clock that cannot be asked.
    async fn clocks(&self) -> anyhow::Result<Vec<ClockFacts>>;

    /// How far the clock by which a load begins is ahead of this machine's.
    ///
    /// # Errors
    /// A clock that cannot be asked.
    async fn load_clock(&self) -> anyhow::Result<ClockOffset>;

    /// Sends a load, and calls `sample` each second meanwhile and once after its end; its results are then in `directory`, as
    /// the simulator writes them. Where a part dies, the load is ended early: see [`Testbed::deaths`].
    ///
    /// # Errors
    /// A load that left no result.
    async fn load(
        &mut self,
        load: &Load<'_>,
        directory: &Path,
        sample: &mut dyn FnMut(experiment::sample::Sample),
    ) -> anyhow::Result<()>;

    /// The architecture that a service of [`Testbed::services`] should have; none where any is right.
    fn wanted_architecture(&self, _service: &str) -> Option<&str> {
        None
    }

    /// Parts that have ended since the start though nobody stopped them: which, how, and their last words.
    fn deaths(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Stops everything, and keeps the last lines of each log in the directory that it was started with.
    ///
    /// # Errors
    /// What did not stop.
    async fn stop(self) -> anyhow::Result<()>;
}

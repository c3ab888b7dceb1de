//! A target that does to the runs of some cells what their plan does not say.

use crate::proxy::Proxy;
use crate::stalls::{Stall, Stalls};
use experiment::bundle::TargetKind;
use experiment::cell::Cell;
use experiment::environment::NodeEnvironment;
use experiment::plan::Settings;
use experiment::record::{ClockFacts, ServiceFacts};
use experiment::sample::Sample;
use measurement::clock::ClockOffset;
use serde_json::Value;
use service::redis::RedisConfig;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use testbed::experiment::target::local::{LocalTarget, LocalTestbed};
use testbed::experiment::target::{Load, Target, Testbed};

/// What is done, by the id of the cell; the plan knows nothing of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injection {
    /// Set in place of what the cell has.
    pub(crate) settings: BTreeMap<String, Settings>,
    /// ingest-api is stopped and continued, again and again.
    pub(crate) stalls: BTreeMap<String, Stall>,
    /// Each request reaches ingest-api by a proxy, which holds it back so long.
    pub(crate) delays: BTreeMap<String, Duration>,
}

/// This machine, with an injection.
pub(crate) struct InjectedTarget {
    pub(crate) target: LocalTarget,
    pub(crate) injection: Injection,
}

/// The processes of a run, and what is done to them.
pub(crate) struct InjectedTestbed {
    testbed: LocalTestbed,
    stall: Option<Stall>,
    delay: Option<Duration>,
}

impl Injection {
    /// A cell as it is really run.
    fn applied(&self, cell: &Cell) -> Cell {
        let mut cell = cell.clone();
        cell.settings.extend(self.settings.get(&cell.id).cloned().unwrap_or_default());
        cell
    }
}

impl Target for InjectedTarget {
    type Testbed = InjectedTestbed;

    fn kind(&self) -> TargetKind {
        self.target.kind()
    }

    async fn check(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        let cells: Vec<Cell> = cells.iter().map(|cell| self.injection.applied(cell)).collect();
        self.target.check(&cells).await
    }

    async fn start(&mut self, cell: &Cell, directory: &Path) -> anyhow::Result<InjectedTestbed> {
        let testbed = self.target.start(&self.injection.applied(cell), directory).await?;
        let stall = self.injection.stalls.get(&cell.id).copied();
        let delay = self.injection.delays.get(&cell.id).copied();
        Ok(InjectedTestbed { testbed, stall, delay })
    }
}

impl Testbed for InjectedTestbed {
    fn query_url(&self) -> &str {
        self.testbed.query_url()
    }

    fn redis(&self) -> &RedisConfig {
        self.testbed.redis()
    }

    async fn services(&self) -> anyhow::Result<Vec<ServiceFacts>> {
        self.testbed.services().await
    }

    async fn environments(&self) -> anyhow::Result<Vec<NodeEnvironment>> {
        self.testbed.environments().await
    }

    async fn statistics(&self) -> BTreeMap<String, Value> {
        self.testbed.statistics().await
    }

    async fn clocks(&self) -> anyhow::Result<Vec<ClockFacts>> {
        self.testbed.clocks().await
    }

    async fn load_clock(&self) -> anyhow::Result<ClockOffset> {
        self.testbed.load_clock().await
    }

    async fn load(
        &mut self,
        load: &Load<'_>,
        directory: &Path,
        sample: &mut dyn FnMut(Sample),
    ) -> anyhow::Result<()> {
        let proxy = self.delay.map(|delay| Proxy::start(self.testbed.target_url(), delay)).transpose()?;
        if let Some(proxy) = &proxy {
            self.testbed.send_to(proxy.url());
        }
        let processes = self.testbed.processes();
        let stalls = self.stall.map(|stall| Stalls::begin(processes["ingest-api"], stall)).transpose()?;
        self.testbed.load(load, directory, sample).await?;
        stalls.map_or(Ok(()), Stalls::end)
    }

    fn wanted_architecture(&self, service: &str) -> Option<&str> {
        self.testbed.wanted_architecture(service)
    }

    fn deaths(&mut self) -> Vec<String> {
        self.testbed.deaths()
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.testbed.stop().await
    }
}

//! Runs on this machine: processes with a Redis, caches and ports of their own.

pub mod arguments;
mod arms;
mod check;
mod division;
mod environment;
mod looking;
mod meters;
mod programs;
mod sampling;
mod testbed;
mod traffic;

use super::Target;
use crate::experiment::run::settings::CellSettings;
use crate::processors::ProcessorSet;
use crate::stack::collector::{Collector, Ports};
use crate::stack::directory::Directory;
use crate::stack::plan::{Addresses, Plan, RedisPlan, TelemetryPlan};
use crate::stack::programs::Programs;
use crate::stack::redis_server::RedisServer;
use crate::stack::special::{NICENESS_MAX, Special};
use crate::stack::{Role, Stack, ports};
use anyhow::Context;
use arms::{Arm, arms};
use division::Division;
use experiment::bundle::TargetKind;
use experiment::cell::Cell;
use experiment::plan::Service;
use meters::Meters;
use programs::{Runnable, Shelf};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
pub use testbed::LocalTestbed;

/// What local runs need.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    shelf: Shelf,
    redis: RedisServer,
    collector: Option<PathBuf>,
    /// The testbed program, through which parts are started.
    guard: Option<PathBuf>,
    ready_timeout: Duration,
    stop_timeout: Duration,
    /// CSV that a meter of the machine's power writes.
    energy_csv: Option<PathBuf>,
}

impl LocalOptions {
    /// Parts are started through this testbed program, and not through the one that runs: for tests.
    #[must_use]
    pub fn guarded_by(self, testbed: &Path) -> Self {
        Self { guard: Some(testbed.to_owned()), ..self }
    }
}

/// This machine.
#[derive(Debug)]
pub struct LocalTarget {
    options: LocalOptions,
    division: Division,
    meters: Arc<Meters>,
}

impl LocalTarget {
    /// This machine, with the processors that this process may use.
    ///
    /// # Errors
    /// Where the system does not tell which, or the log of a meter cannot be used.
    pub fn new(options: LocalOptions) -> anyhow::Result<Self> {
        let allowed = ProcessorSet::allowed().context("cannot see which processors may be used")?;
        let meters = Arc::new(Meters::of(Path::new("/"), options.energy_csv.clone()));
        meters.joules()?;
        Ok(Self { options, division: Division::of(&allowed), meters })
    }

    /// Keeps this thread, and those that it starts from now on, off the simulator's processors: even a millisecond of looking
    /// each second would make one request in a hundred late.
    ///
    /// # Errors
    /// A system that does not let it.
    pub fn keep_aside(&self) -> std::io::Result<()> {
        self.division.services.as_ref().map_or(Ok(()), ProcessorSet::keep_to)
    }

    /// How the services of a cell are run.
    fn runnables(&self, arms: &BTreeMap<Service, Arm>) -> anyhow::Result<BTreeMap<Service, Runnable>> {
        let find =
            |(service, arm): (&Service, &Arm)| Ok((*service, self.options.shelf.find(service.name(), *arm)?));
        arms.iter().map(find).collect()
    }

    fn plan(&self, settings: &CellSettings, runnables: &BTreeMap<Service, Runnable>) -> anyhow::Result<Plan> {
        let options = &self.options;
        let ports = ports::unused(4 + usize::from(settings.workers))?;
        let mut ports = ports.into_iter();
        let mut address = || -> anyhow::Result<SocketAddr> {
            Ok(SocketAddr::from(([127, 0, 0, 1], ports.next().context("no port")?)))
        };
        let program = |service| runnables[&service].program.clone();
        Ok(Plan {
            redis: RedisPlan::Own { server: options.redis.clone(), port: address()?.port() },
            addresses: Addresses {
                ingest: address()?,
                query: address()?,
                simulator: address()?,
                workers: (0..settings.workers).map(|_| address()).collect::<Result<_, _>>()?,
            },
            partitions: settings.partitions,
            work: ("none".into(), 1),
            programs: Programs {
                ingest_api: program(Service::IngestApi),
                process_worker: program(Service::ProcessWorker),
                query_api: program(Service::QueryApi),
                simulator: options.shelf.native.simulator.clone(),
            },
            guard: options.guard.clone(),
            telemetry: self.telemetry(&settings.telemetry)?,
            token: None,
            ready_timeout: options.ready_timeout,
            stop_timeout: options.stop_timeout,
            special: self.special(settings, runnables),
        })
    }

    fn telemetry(&self, mode: &str) -> anyhow::Result<TelemetryPlan> {
        if mode == "off" {
            return Ok(TelemetryPlan::Off);
        }
        let program = self.options.collector.clone();
        let program = program.context("there is no collector: name one with --collector")?;
        let collector = Collector { program, ports: Ports::unused(None)? };
        Ok(TelemetryPlan::Collector { collector, mode: mode.to_owned() })
    }

    fn special(
        &self,
        settings: &CellSettings,
        runnables: &BTreeMap<Service, Runnable>,
    ) -> BTreeMap<Role, Special> {
        let text = |set: &Option<ProcessorSet>| set.as_ref().map(ToString::to_string);
        let division = &self.division;
        let with_simulator =
            |niceness| Special { processors: text(&division.simulator), niceness, ..Special::default() };
        let mut special = BTreeMap::from([
            (Role::Simulator, with_simulator(0)),
            // What it does can wait, and requests would be sent late.
            (Role::Collector, with_simulator(NICENESS_MAX)),
        ]);
        let directives = settings.redis.iter().map(|(name, value)| (name.clone(), value.clone()));
        let redis = Special {
            processors: text(&division.redis),
            directives: directives.collect(),
            ..Special::default()
        };
        special.insert(Role::Redis, redis);
        for (service, runnable) in runnables {
            let variables = settings.services.get(service).into_iter().flatten();
            let of_service = Special {
                settings: variables.map(|(name, value)| (name.clone(), OsString::from(value))).collect(),
                processors: text(&division.services),
                runner: runnable.runner.clone(),
                ..Special::default()
            };
            special.insert(role(*service), of_service);
        }
        // What somebody has in their shell must not be a hidden setting of a measurement.
        special.values_mut().for_each(|special| special.is_isolated = true);
        special
    }
}

impl Target for LocalTarget {
    type Testbed = LocalTestbed;

    fn kind(&self) -> TargetKind {
        TargetKind::Local
    }

    async fn check(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        for cell in cells {
            let checked = check::check(self, cell).await;
            checked.with_context(|| format!("cell {} cannot be had on this machine", cell.id))?;
        }
        Ok(())
    }

    async fn start(&mut self, cell: &Cell, directory: &Path) -> anyhow::Result<LocalTestbed> {
        let settings = CellSettings::of(cell)?;
        let arms = arms(&settings, service::build::ARCH)?;
        let runnables = self.runnables(&arms)?;
        let mut known = BTreeMap::new();
        for (service, runnable) in &runnables {
            known.insert(*service, runnable.known_settings().await?);
        }
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        // Beside the results, on the storage that is measured, and to be moved there.
        let scratch = tempfile::Builder::new().prefix(".testbed-").tempdir_in(directory)?;
        let stack = Stack::new(self.plan(&settings, &runnables)?, Directory::open(scratch.path())?)?;
        let mut testbed =
            LocalTestbed::new(stack, scratch, directory.join("logs"), arms, known, Arc::clone(&self.meters));
        match testbed.start().await {
            Ok(()) => Ok(testbed),
            Err(error) => {
                let message = testbed.kept(&format!("{error:#}"));
                // What did not start is what is to be known, not that it did not stop either.
                super::Testbed::stop(testbed).await.unwrap_or_default();
                Err(anyhow::anyhow!(message))
            }
        }
    }
}

fn role(service: Service) -> Role {
    match service {
        Service::IngestApi => Role::Ingest,
        Service::ProcessWorker => Role::Worker,
        Service::QueryApi => Role::Query,
    }
}

//! Runs on a cluster: each is a fresh deployment of the services with a Redis of its own, and a job of simulators.

mod arguments;
mod composition;
mod job;
mod nodes;
mod pod_client;
mod pods;
mod redis_clock;
mod remains;
mod results;
mod sampling;
mod testbed;

use super::Target;
use crate::cluster::apply::How;
use crate::cluster::compose::Pin;
use crate::cluster::connect::Cluster;
use crate::cluster::deployment::{self, Deployment};
use crate::cluster::kinds::Kinds;
use crate::cluster::objects::{Object, ObjectKey};
use crate::cluster::placement::misfits;
use crate::cluster::rights::{self, Right};
use crate::cluster::watch::{self, Fault, Outcome};
use crate::cluster::words::explain;
use crate::cluster::{NAMESPACE, inventory};
use crate::experiment::run::settings::CellSettings;
use anyhow::{Context, bail, ensure};
pub use arguments::ClusterArgs;
use composition::{CellObjects, compose};
use experiment::bundle::TargetKind;
use experiment::cell::Cell;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
pub use remains::Remains;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use testbed::ClusterTestbed;

/// Objects of a run are nobody else's: what is in the way is taken over.
const HOW: How = How { is_overwriting: true };

/// What of a testbed no plan says.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    pub components: Vec<String>,
    pub revision: Option<String>,
    pub kubernetes: Option<PathBuf>,
    pub nodes: Vec<Pin>,
    /// At least 2.
    pub shards: u32,
    /// The simulator's program on this machine.
    pub simulator: PathBuf,
    pub timeout: Duration,
}

/// A cluster.
pub struct ClusterTarget {
    cluster: Cluster,
    options: ClusterOptions,
}

impl ClusterTarget {
    /// A cluster that has answered.
    #[must_use]
    pub fn new(cluster: Cluster, options: ClusterOptions) -> Self {
        Self { cluster, options }
    }

    /// What its runs leave there.
    #[must_use]
    pub fn remains(&self) -> Remains {
        Remains::of(self)
    }

    async fn nodes(&self) -> anyhow::Result<Vec<Node>> {
        let nodes = Api::all(self.cluster.client.clone()).list(&ListParams::default()).await;
        let nodes = nodes.map_err(|error| {
            anyhow::anyhow!("cannot list nodes: {}", explain(&error, &self.cluster.server))
        })?;
        Ok(nodes.items)
    }

    /// Nobody's testbed is taken away, and nothing but a run changes the number of pods.
    async fn require_free(&self) -> anyhow::Result<()> {
        let inventory = inventory::read(&self.cluster).await?;
        let deployed = inventory.filter(|inventory| !inventory.is_of_experiment);
        let has_objects =
            deployed.is_some_and(|inventory| inventory.objects.iter().any(|key| !key.is_own_namespace()));
        ensure!(
            !has_objects,
            "the testbed is deployed on {} ({}), and each run begins with a fresh one: take it away with `testbed undeploy`",
            self.cluster.context,
            self.cluster.server
        );
        let scalers = pods::look(&self.cluster).await?.autoscalers;
        ensure!(
            scalers.is_empty(),
            "the namespace {NAMESPACE} has autoscalers, which change the number of pods under a run: delete {}",
            scalers.join(", ")
        );
        Ok(())
    }

    async fn check_cell(&self, cell: &Cell, nodes: &[Node]) -> anyhow::Result<Vec<Object>> {
        let objects = compose(&self.options, &CellSettings::of(cell)?, nodes).await?;
        nodes::image(&objects.job)?;
        let objects = [objects.services, objects.job].concat();
        let misfits = misfits(&objects, nodes);
        ensure!(misfits.is_empty(), "no nodes for it: {}", misfits.join("; "));
        Ok(objects)
    }

    /// What runs need besides applying objects.
    fn needed(&self, kinds: &Kinds, objects: &[Object]) -> BTreeSet<Right> {
        let keys: Vec<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
        let namespace = Some(NAMESPACE);
        let mut needed = rights::on_objects(kinds, &keys, &["get", "delete"]);
        needed.extend([
            Right::new("get", "", "pods/log", namespace),
            // The API server asks for it where a websocket is opened by GET.
            Right::new("get", "", "pods/portforward", namespace),
            Right::new("create", "", "pods", namespace),
            Right::new("delete", "", "pods", namespace),
            Right::new("list", "autoscaling", "horizontalpodautoscalers", namespace),
            Right::new("get", "", "nodes", None),
        ]);
        needed
    }

    /// Deploys services and waits for their pods.
    async fn deploy(&self, objects: &CellObjects) -> anyhow::Result<()> {
        let deployment = apply(&self.cluster, objects.services.clone(), &objects.revision).await?;
        let workloads = deployment.workloads();
        let timeout = self.options.timeout;
        match watch::wait_silently(&self.cluster, &deployment.kinds, &workloads, timeout).await? {
            Outcome::Ready => Ok(()),
            Outcome::Failed(faults) => bail!("the services do not come up: {}", told(&faults)),
            Outcome::TimedOut { waiting, faults } => bail!(
                "not everything runs after {} s (--timeout-s): {}; {}",
                timeout.as_secs(),
                waiting.join("; "),
                told(&faults)
            ),
            Outcome::Interrupted => bail!("interrupted"),
        }
    }
}

/// Applies objects as those of an experiment.
async fn apply(cluster: &Cluster, objects: Vec<Object>, revision: &str) -> anyhow::Result<Deployment> {
    let kinds = deployment::require(cluster, &objects).await?;
    let mut deployment = Deployment::plan(cluster, kinds, objects, HOW).await?;
    deployment.plan.is_of_experiment = true;
    deployment.apply(cluster, revision).await?;
    Ok(deployment)
}

fn told(faults: &[Fault]) -> String {
    let told = |fault: &Fault| {
        let diagnosis = &fault.diagnosis;
        let evidence = diagnosis.evidence.lines().map(|line| format!(" | {line}")).collect::<String>();
        format!("{}: {}{evidence}: {}", fault.name, diagnosis.cause, diagnosis.remedy)
    };
    if faults.is_empty() {
        return "nothing says why".to_owned();
    }
    faults.iter().map(told).collect::<Vec<_>>().join("; ")
}

impl Target for ClusterTarget {
    type Testbed = ClusterTestbed;

    fn kind(&self) -> TargetKind {
        TargetKind::Cluster
    }

    async fn check(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        self.require_free().await?;
        let nodes = self.nodes().await?;
        for cell in cells {
            let cannot = || format!("cell {} cannot be had on {}", cell.id, self.cluster.context);
            let objects = self.check_cell(cell, &nodes).await.with_context(cannot)?;
            let kinds = deployment::require(&self.cluster, &objects).await.with_context(cannot)?;
            rights::require(&self.cluster, self.needed(&kinds, &objects)).await.with_context(cannot)?;
        }
        Ok(())
    }

    async fn start(&mut self, cell: &Cell, directory: &Path) -> anyhow::Result<ClusterTestbed> {
        self.require_free().await?;
        deployment::clear(&self.cluster).await.context("cannot take away what the last run left")?;
        let nodes = self.nodes().await?;
        let settings = CellSettings::of(cell)?;
        let objects = compose(&self.options, &settings, &nodes).await?;
        let started = match self.deploy(&objects).await {
            Ok(()) => {
                let (cluster, options) = (self.cluster.clone(), self.options.clone());
                ClusterTestbed::begin(cluster, options, objects, &nodes, directory).await
            }
            Err(error) => Err(error),
        };
        if started.is_err() {
            // What did not start is what is to be known; what is left behind now, the next start takes away.
            deployment::clear(&self.cluster).await.unwrap_or_default();
        }
        started
    }
}

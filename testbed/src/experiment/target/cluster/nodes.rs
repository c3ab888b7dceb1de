//! What the nodes of a run are like, by a pod on each: facts, noise, and clocks.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::cluster::objects::{Object, is_built_here};
use crate::cluster::quantity::whole;
use crate::doctor::collect::{ClusterSource, SCRATCH, look};
use crate::experiment::target::{self, environment::Machine};
use anyhow::Context;
use experiment::environment::NodeEnvironment;
use experiment::record::ClockFacts;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use measurement::clock::ClockOffset;
use node_facts::ProbeFacts;

/// Where Redis is for pods of the namespace.
const REDIS_URL: &str = "redis://redis:6379";

/// Looks at nodes.
pub(super) struct Nodes {
    source: ClusterSource,
    /// Of the simulator: its program looks.
    image: String,
}

impl Nodes {
    pub(super) fn new(cluster: &Cluster, image: String) -> Self {
        let source = ClusterSource { cluster: cluster.clone(), namespace: NAMESPACE.to_owned() };
        Self { source, image }
    }

    /// Facts and noise of each.
    ///
    /// # Errors
    /// A node that cannot be looked at.
    pub(super) async fn environments(&self, names: &[String]) -> anyhow::Result<Vec<NodeEnvironment>> {
        let looked = look(&self.source, &self.image, &["--trials", SCRATCH], names).await?;
        let api: Api<Node> = Api::all(self.source.cluster.client.clone());
        let mut environments = Vec::new();
        for (name, facts) in names.iter().zip(looked) {
            let node = api.get(name).await.with_context(|| format!("cannot read the node {name}"))?;
            environments.push(environment(name, &node, facts)?);
        }
        Ok(environments)
    }

    /// The clock of each against that of Redis, by which all simulators begin; what they stamp later is by the clocks of their own
    /// nodes. Both were read by exchanges between the node and Redis, whose shortest round trip bounds the error.
    ///
    /// # Errors
    /// A node from which Redis cannot be asked.
    pub(super) async fn clocks(&self, names: &[String]) -> anyhow::Result<Vec<ClockFacts>> {
        let looked = look(&self.source, &self.image, &["--clock", REDIS_URL], names).await?;
        let clock = |(name, facts): (&String, ProbeFacts)| {
            let ahead = facts.redis_clock.with_context(|| of_another_version(name))?;
            let now = ClockOffset { offset_us: -ahead.offset_us, ..ahead };
            Ok(ClockFacts { node: name.clone(), before: now, after: now })
        };
        names.iter().zip(looked).map(clock).collect()
    }
}

/// The image of the simulator among the objects of its job.
///
/// # Errors
/// Where there is none.
pub(super) fn image(job: &[Object]) -> anyhow::Result<String> {
    let mut images = job.iter().flat_map(Object::images);
    let image = images.find(|image| is_built_here(image));
    image.map(str::to_owned).context("the component simulator-job has no job with an image of the simulator")
}

fn of_another_version(node: &str) -> String {
    format!(
        "the probe on {node} does not tell it: the simulator's image is of another version; build and pin it again"
    )
}

fn environment(name: &str, node: &Node, mut facts: ProbeFacts) -> anyhow::Result<NodeEnvironment> {
    let noise = facts.noise.take().with_context(|| of_another_version(name))?;
    let status = node.status.clone().unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let capacity = status.capacity.unwrap_or_default();
    let of = |resource: &str| capacity.get(resource).and_then(|amount| whole(&amount.0));
    let machine = Machine {
        node: name.to_owned(),
        architecture: info.architecture,
        kernel: info.kernel_version,
        processors: of("cpu").and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
        memory_bytes: of("memory").unwrap_or(0),
    };
    Ok(target::environment::environment(machine, facts, noise))
}

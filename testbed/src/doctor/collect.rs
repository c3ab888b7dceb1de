//! Collects facts: from the checkout, the registry, the builder, and a cluster. What cannot be had becomes a reason, so that
//! one part that is away does not keep the others from being looked at.

mod bake;
mod builder;
mod cluster;
mod collector;
mod images;
mod manifests;
mod objects;
mod probing;
mod run;
mod workloads;

use super::facts::{About, Collected, CollectorFacts, FACTS_VERSION, Facts, ManifestFacts};
use crate::cluster::compose::Composed;
use crate::images::platform::Platform;
use crate::images::registry::RegistryOptions;
use serde_json::Value;
use std::path::PathBuf;

pub use cluster::ClusterSource;
pub use images::registry_of;
pub use probing::{ProbeSource, Probed, SCRATCH, look, probe, skip, sweep};

/// Where facts come from.
#[derive(Debug)]
pub struct Sources {
    /// What is or will be deployed, or why it cannot be rendered.
    pub manifests: Result<Composed, String>,
    /// The bake file.
    pub bake_file: PathBuf,
    /// The registry of the services' images; none where it is not known.
    pub registry: Option<String>,
    /// Their tag, for images that the manifests do not pin.
    pub revision: Option<String>,
    pub registry_options: RegistryOptions,
    /// The builder's name.
    pub builder: String,
    /// The collector's program, for `validate`; none: `otelcol-contrib` or `otelcol` on the PATH.
    pub otelcol: Option<PathBuf>,
    /// The cluster, or why none is asked.
    pub cluster: Result<ClusterSource, String>,
}

/// Collects all facts that need no pods, and calls `progress` with a line before each slow step. Nodes are not probed.
pub async fn collect(sources: &Sources, progress: &mut dyn FnMut(&str)) -> Facts {
    let (manifests, collector) = of_manifests(sources, progress).await;
    let (cluster, mut nodes) = match &sources.cluster {
        Ok(cluster) => {
            let labels = manifests.known().map(ManifestFacts::node_labels).unwrap_or_default();
            cluster::facts(cluster, &labels, progress).await
        }
        Err(reason) => (Collected::Missing(reason.clone()), Vec::new()),
    };
    let platforms: Vec<Platform> = nodes.iter().map(|node| node.platform.clone()).collect();
    let of_this_machine = async {
        progress("asking docker buildx");
        let build = bake::facts(sources).await.into();
        let builder = builder::facts(sources).await.into();
        let images = images::facts(sources, &manifests, &platforms, progress).await.into();
        progress("waiting for each node to tell its time");
        (build, builder, images)
    };
    let clocks = cluster::measure_clocks(sources, &mut nodes);
    let ((build, builder, images), ()) = tokio::join!(of_this_machine, clocks);
    let about = About {
        version: FACTS_VERSION,
        testbed: service::build::VERSION.to_owned(),
        recorded_at: jiff::Timestamp::now(),
        registry: sources.registry.clone(),
    };
    Facts { about, manifests, images, build, builder, collector, cluster, nodes }
}

async fn of_manifests(
    sources: &Sources,
    progress: &mut dyn FnMut(&str),
) -> (Collected<ManifestFacts>, Collected<CollectorFacts>) {
    let composed = match &sources.manifests {
        Ok(composed) => composed,
        Err(reason) => {
            let collector = Collected::Missing(format!("there are no manifests: {reason}"));
            return (Collected::Missing(reason.clone()), collector);
        }
    };
    let objects: Vec<Value> = composed.objects.iter().map(|object| object.value.clone()).collect();
    progress("looking at the collector's configuration");
    let collector = collector::facts(&objects, sources.otelcol.as_deref()).await.into();
    (Collected::Known(manifests::facts(&composed.title, &objects)), collector)
}

//! A pod on each node for some seconds: that it starts proves that the node can pull, and what it prints is what the node is
//! like. It is the simulator's own image and has the simulator's labels, so that the policies of the services hold for it.

mod destinations;
mod image;
mod place;
mod pod;

use super::Sources;
use super::cluster::{COMPONENT, ClusterSource, DOCTOR, said};
use crate::console::complain;
use crate::doctor::facts::{Collected, Facts, NodeFacts, PullFacts};
use crate::images::platform::ARCHITECTURES;
use crate::interrupts::Interrupts;
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use node_facts::{ProbeFacts, Target};
use place::Place;
use pod::{End, Order};
use std::time::Duration;

/// Beyond it something is left behind, and is told.
const DELETE_TIMEOUT: Duration = Duration::from_secs(15);

/// What was said of the pods.
#[derive(Debug, Clone, Default)]
pub struct ProbeSource {
    /// In place of the pinned image of the simulator.
    pub image: Option<String>,
    /// What to connect to, besides what the manifests name.
    pub targets: Vec<Target>,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probed {
    pub is_interrupted: bool,
    /// What could not be deleted, and how to do it: one sentence each.
    pub left: Vec<String>,
}

/// Probes all nodes of `facts` at the same time, until it is interrupted, and leaves nothing behind in the cluster.
pub async fn probe(
    sources: &Sources,
    wanted: &ProbeSource,
    facts: &mut Facts,
    progress: &mut dyn FnMut(&str),
    interrupts: &mut Interrupts,
) -> Probed {
    let Ok(source) = &sources.cluster else { return Probed::default() };
    let image = image::choose(sources, wanted, facts);
    let found = match image {
        Ok(image) => Place::find(source).await.map(|place| (image, place)),
        Err(reason) => Err(reason),
    };
    let (image, place) = match found {
        Ok(found) => found,
        Err(reason) => {
            skip(facts, &reason);
            return Probed::default();
        }
    };
    let mut targets = destinations::of_manifests(facts, &place);
    targets.extend(wanted.targets.iter().cloned());
    progress("starting a pod on each node to look at it");
    let reach = targets
        .iter()
        .flat_map(|target| ["--reach".to_owned(), format!("{}={}", target.name, target.address)]);
    let order = Order { image, arguments: reach.collect(), is_pulled: true };
    let is_interrupted = on_all_nodes(source, &place, &order, facts, interrupts).await;
    progress("deleting the pods again");
    let mut left = delete_pods(source, &place.namespace, &place.selector()).await;
    left.extend(place.leave(source).await);
    Probed { is_interrupted, left }
}

/// Where a probe can try the storage that its node gives to pods.
pub const SCRATCH: &str = pod::SCRATCH;

/// Runs the probe of the simulator's `image` with these arguments on these nodes, at the same time, and leaves nothing behind; what
/// cannot be deleted is told.
///
/// # Errors
/// The first node on which it did not run.
pub async fn look(
    source: &ClusterSource,
    image: &str,
    arguments: &[&str],
    nodes: &[String],
) -> anyhow::Result<Vec<ProbeFacts>> {
    let place = Place::find(source).await.map_err(anyhow::Error::msg)?;
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let order = Order { image: image.to_owned(), arguments, is_pulled: false };
    let api: Api<Pod> = Api::namespaced(source.cluster.client.clone(), &place.namespace);
    let started = join_all(nodes.iter().map(|node| pod::start(&api, &place, &order, node))).await;
    let ends = join_all(started.into_iter().map(|started| pod::wait(&api, started))).await;
    let mut left = delete_pods(source, &place.namespace, &place.selector()).await;
    left.extend(place.leave(source).await);
    // What was seen is whole without it.
    left.iter().for_each(|left| complain(left));
    let looked = nodes.iter().zip(ends).map(|(node, end)| {
        let reason = |reason: String| anyhow::anyhow!("cannot look at the node {node}: {reason}");
        match told(&order, end) {
            (Collected::Known(PullFacts { error: Some(error), .. }), _) => Err(reason(error)),
            (_, Collected::Known(facts)) => Ok(facts),
            (_, Collected::Missing(missing)) => Err(reason(missing)),
        }
    });
    looked.collect()
}

/// Deletes what a [`look`] has left in the namespace that was dropped before its end.
///
/// # Errors
/// What could not be deleted.
pub async fn sweep(source: &ClusterSource) -> anyhow::Result<()> {
    let left = delete_pods(source, &source.namespace, &format!("{COMPONENT}={DOCTOR}")).await;
    anyhow::ensure!(left.is_empty(), "{}", left.join("; "));
    Ok(())
}

/// Tells of every node why it was not probed.
pub fn skip(facts: &mut Facts, reason: &str) {
    for node in &mut facts.nodes {
        node.pull = Collected::Missing(reason.to_owned());
        node.probe = Collected::Missing(reason.to_owned());
    }
}

/// Whether it was interrupted.
async fn on_all_nodes(
    source: &ClusterSource,
    place: &Place,
    order: &Order,
    facts: &mut Facts,
    interrupts: &mut Interrupts,
) -> bool {
    let api: Api<Pod> = Api::namespaced(source.cluster.client.clone(), &place.namespace);
    // To the end, whatever happens: what was asked for is there, whether its answer is waited for or not.
    let started = join_all(facts.nodes.iter().map(|node| start(&api, place, order, node))).await;
    let ended = join_all(started.into_iter().map(|started| pod::wait(&api, started)));
    let ends = tokio::select! {
        ends = ended => ends,
        () = interrupts.next() => return true,
    };
    for (node, end) in facts.nodes.iter_mut().zip(ends) {
        (node.pull, node.probe) = told(order, end);
    }
    false
}

/// The pod's name, or why there is none.
async fn start(api: &Api<Pod>, place: &Place, order: &Order, node: &NodeFacts) -> Result<String, End> {
    let ready = node.conditions.iter().find(|condition| condition.kind == "Ready");
    if ready.is_some_and(|ready| ready.status != "True") {
        return Err(End::Unknown("the node is not ready, so no pod was started on it".to_owned()));
    }
    if !ARCHITECTURES.contains(&node.platform.architecture.as_str()) {
        return Err(End::Unknown(format!("no image of the testbed is for {}", node.platform)));
    }
    pod::start(api, place, order, &node.name).await
}

fn told(order: &Order, end: End) -> (Collected<PullFacts>, Collected<ProbeFacts>) {
    let pull = |error| Collected::Known(PullFacts { image: order.image.clone(), error });
    match end {
        End::NotPulled(error) => {
            (pull(Some(error)), Collected::Missing("the probe's image was not pulled".to_owned()))
        }
        End::Unknown(reason) => (Collected::Missing(reason.clone()), Collected::Missing(reason)),
        End::Printed(log) => (pull(None), printed(&log)),
    }
}

fn printed(log: &str) -> Collected<ProbeFacts> {
    let Some(line) = log.lines().rev().find(|line| line.starts_with('{')) else {
        let said = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        return Collected::Missing(format!("the probe printed no facts, but: {said}"));
    };
    serde_json::from_str(line).map_or_else(
        |error| {
            let reason =
                format!("the probe's facts cannot be read, its image is of another version: {error}");
            Collected::Missing(reason)
        },
        Collected::Known,
    )
}

/// Those with a label. Gives what to do where it fails.
async fn delete_pods(source: &ClusterSource, namespace: &str, selector: &str) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(source.cluster.client.clone(), namespace);
    let selected = kube::api::ListParams::default().labels(selector);
    let parameters = DeleteParams::default().grace_period(0);
    let delete = async {
        let pods = api.list_metadata(&selected).await?;
        let names = pods.items.into_iter().filter_map(|pod| pod.metadata.name).collect::<Vec<_>>();
        let deleted = join_all(names.iter().map(|name| api.delete(name, &parameters))).await;
        deleted
            .into_iter()
            .find_map(|deleted| deleted.err().filter(|error| !is_gone(error)))
            .map_or(Ok(()), Err)
    };
    let error = match tokio::time::timeout(DELETE_TIMEOUT, delete).await {
        Ok(Ok(())) => return Vec::new(),
        Ok(Err(error)) => said(&error),
        Err(_) => "the API server does not answer".to_owned(),
    };
    let command = format!("kubectl delete pods --namespace {namespace} --selector {selector}");
    vec![format!("the pods that looked at nodes cannot be deleted: {error}: run `{command}`")]
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

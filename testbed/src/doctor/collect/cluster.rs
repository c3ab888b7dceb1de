//! What the API server says.

mod clocks;
mod events;
mod nodes;
pub(super) mod pods;
mod storage;

use super::Sources;
use crate::cluster::connect::Cluster;
use crate::cluster::quantity::{thousandths, whole};
use crate::doctor::facts::{AutoscalerFacts, ClusterFacts, Collected, NodeFacts, QuotaFacts, redact};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// The label that tells pods of the doctor from others that have the same name, and its value.
pub(super) const COMPONENT: &str = "app.kubernetes.io/component";
pub(super) const DOCTOR: &str = "doctor";

/// A cluster that has answered.
pub struct ClusterSource {
    pub cluster: Cluster,
    /// Where the testbed is.
    pub namespace: String,
}

impl Debug for ClusterSource {
    /// Without the client, which holds credentials.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ClusterSource")
            .field("context", &self.cluster.context)
            .finish_non_exhaustive()
    }
}

/// The cluster and its nodes. What may not be read is told in `missing`.
pub(super) async fn facts(
    source: &ClusterSource,
    node_labels: &BTreeSet<String>,
    progress: &mut dyn FnMut(&str),
) -> (Collected<ClusterFacts>, Vec<NodeFacts>) {
    progress(&format!("asking the cluster {}", source.cluster.context));
    let mut missing = Vec::new();
    let client = &source.cluster.client;
    let namespace = source.namespace.as_str();
    let nodes: Vec<Node> = or_missing(list(&Api::all(client.clone())).await, "nodes", &mut missing);
    let mut pods: Vec<Pod> = or_missing(list(&namespaced(source)).await, "pods", &mut missing);
    pods.retain(|pod| pod.labels().get(COMPONENT).is_none_or(|component| component != DOCTOR));
    let claims: Vec<PersistentVolumeClaim> =
        or_missing(list(&namespaced(source)).await, "persistentvolumeclaims", &mut missing);
    let volumes: Vec<PersistentVolume> =
        or_missing(list(&Api::all(client.clone())).await, "persistentvolumes", &mut missing);
    let quotas: Vec<ResourceQuota> =
        or_missing(list(&namespaced(source)).await, "resourcequotas", &mut missing);
    let scalers: Vec<HorizontalPodAutoscaler> =
        or_missing(list(&namespaced(source)).await, "horizontalpodautoscalers", &mut missing);
    let events: Vec<Event> = or_missing(list(&namespaced(source)).await, "events", &mut missing);
    let deployments: Vec<Deployment> =
        or_missing(list(&namespaced(source)).await, "deployments", &mut missing);
    let spaces = Api::<Namespace>::all(client.clone()).get_opt(namespace).await;
    let mut pod_facts: Vec<_> = pods.iter().map(pods::facts).collect();
    events::attach(&events, &mut pod_facts);
    pods::read_last_lines(&namespaced(source), &mut pod_facts).await;
    let space = spaces.unwrap_or_else(|error| {
        missing.push(format!("get namespace {namespace}: {}", said(&error)));
        None
    });
    let cluster = ClusterFacts {
        context: source.cluster.context.clone(),
        version: source.cluster.version.clone(),
        namespace: namespace.to_owned(),
        namespace_labels: space.map(|space| space.metadata.labels.unwrap_or_default()),
        pods: pod_facts,
        claims: claims.iter().map(|claim| storage::claim(claim, &pods)).collect(),
        volumes: volumes.iter().map(storage::volume).collect(),
        quotas: quotas.into_iter().map(quota).collect(),
        autoscalers: scalers.into_iter().filter_map(autoscaler).collect(),
        refusals: events::refusals(&events, &deployments),
        missing,
    };
    let mut labels = node_labels.clone();
    labels.extend(
        cluster.volumes.iter().flat_map(|volume| volume.nodes.iter().flatten()).map(|of| of.key.clone()),
    );
    let mut nodes: Vec<NodeFacts> = nodes.iter().map(|node| nodes::facts(node, &labels)).collect();
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    (Collected::Known(cluster), nodes)
}

/// Takes as long as it takes all nodes to tell their time, once every ten seconds.
pub(super) async fn measure_clocks(sources: &Sources, nodes: &mut [NodeFacts]) {
    if let Ok(source) = &sources.cluster {
        clocks::measure(&source.cluster.client, nodes).await;
    }
}

fn namespaced<K>(source: &ClusterSource) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(source.cluster.client.clone(), &source.namespace)
}

async fn list<K: Clone + DeserializeOwned + Debug>(api: &Api<K>) -> Result<Vec<K>, String> {
    api.list(&ListParams::default()).await.map(|list| list.items).map_err(|error| said(&error))
}

fn or_missing<T>(listed: Result<Vec<T>, String>, what: &str, missing: &mut Vec<String>) -> Vec<T> {
    listed.unwrap_or_else(|error| {
        missing.push(format!("list {what}: {error}"));
        Vec::new()
    })
}

/// The API server's own words where it answered, which name verb and resource of a right that is missing.
pub(super) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => redact(&status.message),
        error => redact(&error.to_string()),
    }
}

fn quota(quota: ResourceQuota) -> QuotaFacts {
    let amounts = |amounts: Option<BTreeMap<String, Quantity>>| -> BTreeMap<String, u64> {
        let amount = |(name, amount): (String, Quantity)| {
            let is_processors = name.ends_with("cpu");
            let value = if is_processors { thousandths(&amount.0) } else { whole(&amount.0) };
            Some((name, value?))
        };
        amounts.unwrap_or_default().into_iter().filter_map(amount).collect()
    };
    let status = quota.status.unwrap_or_default();
    QuotaFacts {
        name: quota.metadata.name.unwrap_or_default(),
        hard: amounts(quota.spec.and_then(|spec| spec.hard)),
        used: amounts(status.used),
    }
}

fn autoscaler(scaler: HorizontalPodAutoscaler) -> Option<AutoscalerFacts> {
    let spec = scaler.spec?;
    Some(AutoscalerFacts {
        name: scaler.metadata.name?,
        target: spec.scale_target_ref.name,
        replicas_max: u32::try_from(spec.max_replicas).ok()?,
    })
}

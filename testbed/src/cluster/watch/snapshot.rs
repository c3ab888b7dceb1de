//! What the cluster says at one moment about the workloads that are waited for.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::cluster::kinds::Kinds;
use crate::cluster::objects::ObjectKey;
use crate::cluster::pods::{
    Diagnosis, PodState, ended_container, observe, of_failed_job, of_refused_creation,
};
use crate::cluster::rollout::{Rollout, is_current, refused_creation, rollout};
use crate::cluster::words::explain;
use crate::console::UNKNOWN;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Lines that say why a program has ended.
const LAST_LINES: i64 = 5;

/// Something that does not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A pod, or a workload that has none.
    pub name: String,
    pub diagnosis: Diagnosis,
}

/// One moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) rollouts: Vec<Rollout>,
    /// Of the newest versions.
    pub(super) pods: Vec<PodState>,
    /// Workloads whose pods are not even created.
    pub(super) refused: Vec<Fault>,
}

impl Snapshot {
    pub(super) fn is_done(&self) -> bool {
        self.rollouts.iter().all(|rollout| rollout.is_done)
    }

    /// All that is known to be wrong; the same cause once.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let of_pod =
            |pod: &PodState| Some(Fault { name: pod.name.clone(), diagnosis: pod.diagnosis.clone()? });
        let mut faults: Vec<Fault> = self.refused.clone();
        for fault in self.pods.iter().filter_map(of_pod) {
            if faults.iter().all(|known| known.diagnosis.cause != fault.diagnosis.cause) {
                faults.push(fault);
            }
        }
        faults
    }

    /// What each workload and pod that does not run waits for.
    pub(super) fn waiting(&self) -> Vec<String> {
        let unfinished = self.rollouts.iter().filter(|rollout| !rollout.is_done);
        let workloads = unfinished.map(|Rollout { key, ready, wanted, .. }| {
            let is_settling = if ready >= wanted { ", and the pods before them are not gone" } else { "" };
            format!("{key}: {ready} of {wanted} pods run{is_settling}")
        });
        let pods = self.pods.iter().filter_map(|pod| {
            let next = pod.waiting_for.as_ref()?;
            let place = pod.node.as_ref().map(|node| {
                let architecture = pod.architecture.as_deref().unwrap_or(UNKNOWN);
                format!(" on {node} ({architecture})")
            });
            Some(format!("{}{} waits for {next}", pod.name, place.unwrap_or_default()))
        });
        workloads.chain(pods).collect()
    }

    pub(super) fn has_final_fault(&self) -> bool {
        self.faults().iter().any(|fault| fault.diagnosis.is_final)
    }
}

/// Asks the cluster, and keeps the last words of programs that ended.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// By pod and number of its restarts.
    last_lines: BTreeMap<(String, i32), Vec<String>>,
}

impl Collector {
    pub(super) async fn look(
        &mut self,
        cluster: &Cluster,
        kinds: &Kinds,
        workloads: &[ObjectKey],
    ) -> anyhow::Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        for key in workloads {
            let live = kinds.live(cluster, key).await?;
            let live = live.ok_or_else(|| anyhow::anyhow!("{key} was deleted while it was waited for"))?;
            snapshot.rollouts.extend(rollout(key, &live));
        }
        let pods: Vec<Pod> = list(cluster, Api::namespaced(cluster.client.clone(), NAMESPACE)).await?;
        let sets: Vec<ReplicaSet> = list(cluster, Api::namespaced(cluster.client.clone(), NAMESPACE)).await?;
        let mut events: Vec<Event> =
            list(cluster, Api::namespaced(cluster.client.clone(), NAMESPACE)).await?;
        events.sort_by_key(last_seen);
        let nodes: Vec<Node> = list(cluster, Api::all(cluster.client.clone())).await?;
        let is_waited_for = |pod: &&Pod| workloads.iter().any(|key| is_current(pod, key, &sets));
        for pod in pods.iter().filter(is_waited_for) {
            let about_pod: Vec<&Event> =
                events.iter().filter(|event| event.involved_object.uid == pod.metadata.uid).collect();
            let node_name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
            let node =
                nodes.iter().find(|node| node.metadata.name.as_ref() == node_name && node_name.is_some());
            let lines = self.lines(cluster, pod).await;
            snapshot.pods.push(observe(pod, &about_pod, node, &lines));
        }
        snapshot.pods.sort_by(|one, other| one.name.cmp(&other.name));
        snapshot.refused = refused(&snapshot, &sets, &events);
        Ok(snapshot)
    }

    /// What a container that ended wrote last; nothing where its node does not say.
    async fn lines(&mut self, cluster: &Cluster, pod: &Pod) -> Vec<String> {
        let Some((container, is_previous)) = ended_container(pod) else { return Vec::new() };
        let name = pod.metadata.name.clone().unwrap_or_default();
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let restarts = statuses.map(|status| status.restart_count).sum();
        if let Some(lines) = self.last_lines.get(&(name.clone(), restarts)) {
            return lines.clone();
        }
        let wanted = LogParams {
            container: Some(container.to_owned()),
            previous: is_previous,
            tail_lines: Some(LAST_LINES),
            ..LogParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
        let Ok(text) = pods.logs(&name, &wanted).await else { return Vec::new() };
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        self.last_lines.insert((name, restarts), lines.clone());
        lines
    }
}

async fn list<K>(cluster: &Cluster, api: Api<K>) -> anyhow::Result<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug + kube::Resource,
    K::DynamicType: Default,
{
    let listed = api.list(&ListParams::default()).await.map_err(|error| {
        let kind = K::plural(&K::DynamicType::default()).into_owned();
        anyhow::anyhow!("cannot list {kind}: {}", explain(&error, &cluster.server))
    })?;
    Ok(listed.items)
}

/// When an event was seen last.
fn last_seen(event: &Event) -> impl Ord + use<> {
    let of_series =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let newest = of_series
        .or(event.last_timestamp.as_ref().map(|time| time.0))
        .or(event.event_time.as_ref().map(|time| time.0));
    newest.or(event.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// Workloads whose pods are refused, so that there is no pod to look at. Of a Deployment its replica set says so; of others
/// only events, which stay when the reason has passed.
fn refused(snapshot: &Snapshot, sets: &[ReplicaSet], events: &[Event]) -> Vec<Fault> {
    let unfinished = snapshot.rollouts.iter().filter(|rollout| !rollout.is_done);
    let refusal = |rollout: &Rollout| {
        let key = &rollout.key;
        if let Some(message) = &rollout.failure {
            return Some(Fault { name: key.to_string(), diagnosis: of_failed_job(message) });
        }
        let of_event = || {
            if snapshot.pods.iter().any(|pod| pod.service == key.name) {
                return None;
            }
            let is_about = |event: &&Event| {
                event.reason.as_deref() == Some("FailedCreate") && event.involved_object.uid == rollout.uid
            };
            events.iter().rev().find(is_about)?.message.clone()
        };
        let message = match key.kind.as_str() {
            "Deployment" => refused_creation(key, sets, events),
            _ => of_event(),
        };
        Some(Fault { name: key.to_string(), diagnosis: of_refused_creation(&message?)? })
    };
    unfinished.filter_map(refusal).collect()
}

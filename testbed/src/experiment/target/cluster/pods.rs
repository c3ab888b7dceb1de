//! The pods of a run at one moment, and what has changed under it since its start.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::Cluster;
use crate::cluster::placement::{architecture, is_unready, name};
use crate::cluster::words::explain;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::ListParams;
use std::collections::BTreeMap;

/// Redis and the services: not the simulator, and not what looks at nodes.
const OF_PIPELINE: &str = "app.kubernetes.io/component=pipeline";

/// A pod of Redis or of a service, by its uid in [`Moment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodFacts {
    pub(super) name: String,
    /// `process-worker`.
    pub(super) service: String,
    pub(super) node: String,
    /// The port that it serves.
    pub(super) port: u16,
    /// `sha256:…`
    pub(super) digest: Option<String>,
    pub(super) restarts: u32,
    pub(super) is_ready: bool,
}

/// One moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// By uid.
    pub(super) pods: BTreeMap<String, PodFacts>,
    /// The architecture of each node that is ready, by its name.
    pub(super) nodes: BTreeMap<String, String>,
    pub(super) autoscalers: Vec<String>,
}

impl Moment {
    /// Its pods by uid, with the names of their services, which replicas have a number of. That goes by their nodes, and only then
    /// by the names of pods, which are made up anew in each run: the same on the same nodes is called the same.
    pub(super) fn named(&self) -> Vec<(&String, &PodFacts, String)> {
        let mut pods: Vec<(&String, &PodFacts)> = self.pods.iter().collect();
        pods.sort_by_key(|&(_, pod)| (&pod.service, &pod.node, &pod.name));
        let mut named: Vec<(&String, &PodFacts, String)> = Vec::new();
        for (uid, pod) in &pods {
            let replicas = pods.iter().filter(|(_, other)| other.service == pod.service).count();
            let number = named.iter().filter(|(_, other, _)| other.service == pod.service).count() + 1;
            let name = if replicas > 1 { format!("{}-{number}", pod.service) } else { pod.service.clone() };
            named.push((*uid, *pod, name));
        }
        named
    }
}

/// Asks the cluster.
///
/// # Errors
/// Where it does not answer.
pub(super) async fn look(cluster: &Cluster) -> anyhow::Result<Moment> {
    let all = ListParams::default();
    let of_pipeline = ListParams::default().labels(OF_PIPELINE);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let autoscalers: Api<HorizontalPodAutoscaler> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let asked = async {
        tokio::try_join!(pods.list(&of_pipeline), nodes.list(&all), autoscalers.list_metadata(&all))
    };
    let (pods, nodes, autoscalers) = asked.await.map_err(|error| {
        anyhow::anyhow!("cannot see what runs in {NAMESPACE}: {}", explain(&error, &cluster.server))
    })?;
    let ready = nodes.items.iter().filter(|node| !is_unready(node));
    Ok(Moment {
        pods: pods.items.iter().filter_map(facts).collect(),
        nodes: ready.map(|node| (name(node).to_owned(), architecture(node).to_owned())).collect(),
        autoscalers: autoscalers.items.into_iter().filter_map(|scaler| scaler.metadata.name).collect(),
    })
}

/// None of one that goes.
fn facts(pod: &Pod) -> Option<(String, PodFacts)> {
    let metadata = &pod.metadata;
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (spec, status) = (pod.spec.as_ref()?, pod.status.clone().unwrap_or_default());
    let container = status.container_statuses.iter().flatten().next();
    let conditions = status.conditions.iter().flatten();
    let port = spec.containers.first()?.ports.iter().flatten().next();
    let facts = PodFacts {
        name: metadata.name.clone()?,
        service: metadata.labels.as_ref()?.get("app.kubernetes.io/name")?.clone(),
        node: spec.node_name.clone().unwrap_or_default(),
        port: port.and_then(|port| u16::try_from(port.container_port).ok()).unwrap_or_default(),
        digest: container.and_then(|status| Some(status.image_id.rsplit_once('@')?.1.to_owned())),
        restarts: container.map_or(0, |status| u32::try_from(status.restart_count).unwrap_or_default()),
        is_ready: conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True"),
    };
    Some((metadata.uid.clone()?, facts))
}

/// What makes a run that began at `start` invalid: one sentence each.
pub(super) fn changes(start: &Moment, now: &Moment) -> Vec<String> {
    let mut changes = Vec::new();
    for (uid, old) in &start.pods {
        let Some(new) = now.pods.get(uid) else {
            changes.push(format!("{} on {} has gone", old.name, old.node));
            continue;
        };
        if new.restarts > old.restarts {
            changes.push(format!("{} on {} was started again", old.name, old.node));
        }
        if new.digest != old.digest {
            let digest = |facts: &PodFacts| facts.digest.clone().unwrap_or_else(|| "none".to_owned());
            changes.push(format!(
                "{} has another image: {} instead of {}",
                old.name,
                digest(new),
                digest(old)
            ));
        }
    }
    let came = now.pods.iter().filter(|(uid, _)| !start.pods.contains_key(*uid));
    changes.extend(came.map(|(_, new)| format!("{} on {} has come", new.name, new.node)));
    let mut used: Vec<&String> = start.pods.values().map(|pod| &pod.node).collect();
    used.sort_unstable();
    used.dedup();
    let lost = used.into_iter().filter(|node| !now.nodes.contains_key(*node));
    changes.extend(lost.map(|node| format!("the node {node} is gone or not ready")));
    let scalers = now.autoscalers.iter().filter(|name| !start.autoscalers.contains(name));
    changes.extend(
        scalers.map(|name| format!("the autoscaler {name} has come, which changes the number of pods")),
    );
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> PodFacts {
        PodFacts {
            name: name.into(),
            service: "process-worker".into(),
            node: "r3-node".into(),
            port: 8082,
            digest: Some("sha256:aa".into()),
            restarts: 0,
            is_ready: true,
        }
    }

    fn moment() -> Moment {
        Moment {
            pods: BTreeMap::from([("1".to_owned(), pod("worker-a"))]),
            nodes: BTreeMap::from([("r3-node".to_owned(), "arm64".to_owned())]),
            autoscalers: Vec::new(),
        }
    }

    fn after(change: impl FnOnce(&mut Moment)) -> Vec<String> {
        let mut now = moment();
        change(&mut now);
        changes(&moment(), &now)
    }

    #[test]
    fn cluster_that_stays_as_it_is_is_no_reason() {
        assert!(changes(&moment(), &moment()).is_empty());
        assert!(after(|now| now.pods.get_mut("1").unwrap().is_ready = false).is_empty(), "the audit tells");
    }

    #[test]
    fn replicas_are_numbered_by_their_nodes_whatever_their_pods_are_called() {
        let named = |names: [&str; 2]| -> Vec<(String, String)> {
            let on = |name: &str, node: &str| PodFacts { node: node.into(), ..pod(name) };
            let api = PodFacts { service: "query-api".into(), ..pod("query-api-a") };
            let pods = [on(names[0], "b"), on(names[1], "a"), api];
            let uids = ["1", "2", "3"].map(str::to_owned);
            let moment = Moment { pods: uids.into_iter().zip(pods).collect(), ..Moment::default() };
            moment.named().into_iter().map(|(_, pod, name)| (name, pod.node.clone())).collect()
        };
        let expected = [("process-worker-1", "a"), ("process-worker-2", "b"), ("query-api", "r3-node")];
        let expected = expected.map(|(name, node)| (name.to_owned(), node.to_owned()));
        assert_eq!((named(["x", "y"]), named(["y", "x"])), (expected.clone().into(), expected.into()));
    }

    #[test]
    fn each_change_under_a_run_is_told() {
        assert_eq!(
            after(|now| now.pods.get_mut("1").unwrap().restarts = 1),
            ["worker-a on r3-node was started again"]
        );
        let moved = after(|now| {
            now.pods =
                BTreeMap::from([("2".to_owned(), PodFacts { node: "clus1".into(), ..pod("worker-b") })]);
        });
        assert_eq!(moved, ["worker-a on r3-node has gone", "worker-b on clus1 has come"]);
        let image = after(|now| now.pods.get_mut("1").unwrap().digest = Some("sha256:bb".into()));
        assert_eq!(image, ["worker-a has another image: sha256:bb instead of sha256:aa"]);
        assert_eq!(after(|now| now.nodes.clear()), ["the node r3-node is gone or not ready"]);
        let scaled = after(|now| now.autoscalers.push("process-worker".into()));
        assert!(scaled[0].starts_with("the autoscaler process-worker has come"), "{scaled:?}");
    }
}

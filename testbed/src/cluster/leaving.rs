//! What is waited for while objects go: pods end when their node's kubelet says so, and a node that does not answer never does.

use super::connect::Cluster;
use super::objects::ObjectKey;
use super::placement::is_unready;
use super::prune::Stuck;
use super::words::explain;
use super::{NAMESPACE, PART_OF};
use crate::console::say;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions};
use std::time::Duration;
use tokio::time::Instant;

/// Between looks; nothing of this happens at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How much longer a node is waited for that is not ready. It counts as that 40 seconds after its last word.
const SILENT_MAX: Duration = Duration::from_secs(15);

/// What has been said and seen while objects go.
pub(super) struct Leaving {
    stuck: Stuck,
    looked: Instant,
    said: String,
    silent_since: Option<Instant>,
}

/// A pod that is to go.
struct Going {
    pod: Pod,
    node: String,
    is_silent: bool,
}

impl Leaving {
    pub(super) fn new(stuck: Stuck) -> Self {
        Self { stuck, looked: Instant::now(), said: String::new(), silent_since: None }
    }

    /// Says now and then what `key` waits for, with its finalizers.
    ///
    /// # Errors
    /// Where pods are held by nodes that do not answer, for longer than a restart takes: which, and what to do.
    pub(super) async fn look(
        &mut self,
        cluster: &Cluster,
        key: &ObjectKey,
        finalizers: &[String],
    ) -> anyhow::Result<()> {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.looked = Instant::now();
        // Who may not list them is told when time is up.
        let going = going(cluster).await.unwrap_or_default();
        let (silent, ending): (Vec<Going>, Vec<Going>) = going.into_iter().partition(|pod| pod.is_silent);
        if silent.is_empty() {
            self.silent_since = None;
            let what = if ending.is_empty() {
                format!("{key}, which has the finalizers {}", finalizers.join(", "))
            } else {
                format!("pods to end: {}", named(&ending))
            };
            self.say(format!("waiting for {what}"));
            return Ok(());
        }
        if self.stuck == Stuck::Force {
            for pod in &silent {
                forget(cluster, pod).await?;
            }
            return Ok(());
        }
        let names = named(&silent);
        self.say(format!("waiting for {names}: the node is not ready, so nobody says that it has ended"));
        anyhow::ensure!(
            self.silent_since.get_or_insert_with(Instant::now).elapsed() < SILENT_MAX,
            "pods cannot end, as their nodes do not answer: {names}; start the nodes (`systemctl status k3s-agent`) and try \
             again, or say `testbed undeploy --force`: the cluster then forgets these pods, which may go on running there"
        );
        Ok(())
    }

    /// Once, until there is something else to say.
    fn say(&mut self, line: String) {
        if self.said != line {
            say(&line);
            self.said = line;
        }
    }
}

fn named(pods: &[Going]) -> String {
    let names: Vec<String> = pods
        .iter()
        .map(|Going { pod, node, .. }| {
            format!("{} on {node}", pod.metadata.name.as_deref().unwrap_or_default())
        })
        .collect();
    names.join(", ")
}

/// Pods of the testbed that are to go; silent is a node that is gone or not ready.
async fn going(cluster: &Cluster) -> kube::Result<Vec<Going>> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let pods = pods.list(&ListParams::default().labels(&format!("{PART_OF}=testbed"))).await?;
    let nodes: Vec<Node> = Api::all(cluster.client.clone()).list(&ListParams::default()).await?.items;
    let going = pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_some());
    let going = going.filter_map(|pod| {
        let name = pod.spec.as_ref()?.node_name.clone()?;
        let node = nodes.iter().find(|node| node.metadata.name.as_ref() == Some(&name));
        Some(Going { pod, node: name, is_silent: node.is_none_or(is_unready) })
    });
    Ok(going.collect())
}

/// Deletes a pod without its node's word.
async fn forget(cluster: &Cluster, Going { pod, node, .. }: &Going) -> anyhow::Result<()> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
    let at_once = DeleteParams::default().grace_period(0).preconditions(preconditions);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    match pods.delete(name, &at_once).await {
        Ok(_) => say(&format!("forgot {name} on {node}, where it may still run")),
        // It has ended meanwhile.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
        Err(error) => anyhow::bail!("cannot delete {name}: {}", explain(&error, &cluster.server)),
    }
    Ok(())
}

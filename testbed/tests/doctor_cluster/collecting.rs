//! A namespace of a test's own in the one cluster, and what is collected of it.

use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use test_cluster::{ADMIN, Cluster, Kubelet, Node, Script};
use test_support::eventually;
use testbed::cluster::connect::{ConnectionArgs, connect};
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::collect::{ClusterSource, ProbeSource, Probed, Sources, collect, probe};
use testbed::doctor::examine;
use testbed::doctor::facts::{Facts, NodeFacts};
use testbed::images::registry::RegistryOptions;
use testbed::interrupts::Interrupts;

pub(crate) const IMAGE: &str = "192.168.0.35:5000/testbed/query-api@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(crate) struct Fixture {
    pub(crate) client: Client,
    kubeconfig: PathBuf,
    pub(crate) kubelet: Kubelet,
    pub(crate) name: &'static str,
}

impl Fixture {
    /// A namespace, and a node for each architecture, on which only its pods are placed.
    pub(crate) async fn start(name: &'static str, architectures: &[&str]) -> Self {
        Self::on(Cluster::shared().await, name, architectures).await
    }

    /// On a cluster, which may be of the test's own.
    pub(crate) async fn on(cluster: &Cluster, name: &'static str, architectures: &[&str]) -> Self {
        cluster.namespace(name, &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
        Self::without_namespace(cluster, name, architectures).await
    }

    /// Before the namespace is there.
    pub(crate) async fn without_namespace(
        cluster: &Cluster,
        name: &'static str,
        architectures: &[&str],
    ) -> Self {
        let node = |architecture: &&str| {
            Node::new(&format!("{name}-{architecture}"), architecture).label("testbed/scope", name)
        };
        let kubelet = Kubelet::start(cluster, architectures.iter().map(node).collect()).await;
        Self { client: cluster.client(ADMIN).await, kubeconfig: cluster.kubeconfig(ADMIN), kubelet, name }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// Runs a pod of query-api that does this, until `is_reached`, and collects.
    pub(crate) async fn run(&self, script: Script, is_reached: impl Fn(&ContainerStatus) -> bool) -> Facts {
        let is_reached =
            |status: &PodStatus| status.container_statuses.iter().flatten().next().is_some_and(&is_reached);
        self.run_until(script, is_reached).await
    }

    /// As [`Self::run`], for what the pod as a whole has come to.
    pub(crate) async fn run_until(&self, script: Script, is_reached: impl Fn(&PodStatus) -> bool) -> Facts {
        self.kubelet.script(self.name, "query-api", script);
        let pod = serde_json::from_value(pod(self.name)).unwrap();
        let pods = self.pods();
        pods.create(&PostParams::default(), &pod).await.unwrap();
        eventually("the pod is as it should be", async || {
            is_reached(&pods.get("query-api-1").await.unwrap().status?).then_some(())
        })
        .await;
        self.collect().await
    }

    pub(crate) async fn collect(&self) -> Facts {
        facts(&self.kubeconfig, self.name).await
    }

    /// Collects, and probes with pods.
    pub(crate) async fn probe(&self, wanted: &ProbeSource) -> (Facts, Probed) {
        self.probe_as(&self.kubeconfig, wanted).await
    }

    /// As the user of another kubeconfig.
    pub(crate) async fn probe_as(&self, kubeconfig: &Path, wanted: &ProbeSource) -> (Facts, Probed) {
        let sources = sources(kubeconfig, self.name).await;
        let mut facts = collect(&sources, &mut |_| {}).await;
        let mut interrupts = Interrupts::listen().unwrap();
        let probed = probe(&sources, wanted, &mut facts, &mut |_| {}, &mut interrupts).await;
        (facts, probed)
    }

    /// The nodes of this fixture among those of all tests.
    pub(crate) fn nodes(&self, facts: &Facts) -> Vec<NodeFacts> {
        let is_own =
            |node: &&NodeFacts| node.labels.get("testbed/scope").is_some_and(|scope| scope == self.name);
        facts.nodes.iter().filter(is_own).cloned().collect()
    }
}

/// All facts of which only the cluster can be had.
pub(crate) async fn facts(kubeconfig: &Path, namespace: &str) -> Facts {
    collect(&sources(kubeconfig, namespace).await, &mut |_| {}).await
}

async fn sources(kubeconfig: &Path, namespace: &str) -> Sources {
    let args = ConnectionArgs { kubeconfig: Some(kubeconfig.into()), context: None };
    let cluster = connect(&args).await.unwrap();
    Sources {
        manifests: Err("there is no folder".to_owned()),
        bake_file: "/nonexistent".into(),
        registry: None,
        revision: None,
        registry_options: RegistryOptions::default(),
        builder: "testbed".to_owned(),
        otelcol: None,
        cluster: Ok(ClusterSource { cluster, namespace: namespace.to_owned() }),
    }
}

/// The pods that are created while `work` is done.
pub(crate) async fn created<T>(client: &Client, work: impl Future<Output = T>) -> (T, Vec<Pod>) {
    let pods: Api<Pod> = Api::all(client.clone());
    let version = pods.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let events = pods.watch(&WatchParams::default(), &version).await.unwrap();
    let done = work.await;
    // One more, by which all others are known; nothing places it.
    let last = json!({
        "metadata": {"generateName": "last-"},
        "spec": {"schedulerName": "none", "containers": [{"name": "last", "image": "last"}]},
    });
    let own: Api<Pod> = Api::namespaced(client.clone(), "default");
    let last = own.create(&PostParams::default(), &serde_json::from_value(last).unwrap()).await.unwrap();
    let name = last.metadata.name.unwrap();
    let is_other = |event: &WatchEvent<Pod>| match event {
        WatchEvent::Added(pod) => pod.metadata.name.as_ref() != Some(&name),
        _ => true,
    };
    let until_last = events.boxed().try_take_while(|event| std::future::ready(Ok(is_other(event))));
    let events: Vec<WatchEvent<Pod>> = until_last.try_collect().await.unwrap();
    own.delete(&name, &DeleteParams::default()).await.unwrap();
    let added = events.into_iter().filter_map(|event| match event {
        WatchEvent::Added(pod) => Some(pod),
        _ => None,
    });
    (done, added.collect())
}

/// Check and evidence of what is found of pods.
pub(crate) fn of_pods(facts: &Facts) -> Vec<(Check, String)> {
    let report = examine(facts, &[]);
    let found = report
        .findings()
        .filter(|(result, severity, _)| *severity == Severity::Error && result.subject.starts_with("pod "));
    found.map(|(result, _, failure)| (result.check, failure.evidence.clone())).collect()
}

fn pod(scope: &str) -> Value {
    json!({
        "metadata": {"name": "query-api-1", "labels": {"app.kubernetes.io/name": "query-api"}},
        "spec": {
            "nodeSelector": {"testbed/scope": scope},
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "query-api",
                "image": IMAGE,
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

/// Why its container waits.
pub(crate) fn waiting(status: &ContainerStatus) -> Option<&str> {
    status.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

/// Whether it has ended, now or before.
pub(crate) fn has_ended(status: &ContainerStatus) -> bool {
    let states = [&status.state, &status.last_state];
    states.into_iter().flatten().any(|state| state.terminated.is_some())
}

//! A namespace and a node of a test's own, in the one cluster.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use test_cluster::{ADMIN, Behaviour, Cluster, Kubelet, Node, Script};
use test_support::eventually;

pub(crate) const IMAGE: &str = "192.168.0.35:5000/testbed/ingest-api:abc@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) kubelet: Kubelet,
    /// Of the namespace and of the node.
    pub(crate) name: &'static str,
}

impl Fixture {
    /// With one amd64 node; no pod of another test is placed on it.
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::with_nodes(name, vec![node(name, name, "amd64")]).await
    }

    pub(crate) async fn with_nodes(name: &'static str, nodes: Vec<Node>) -> Self {
        let cluster = Cluster::shared().await;
        let client = cluster.client(ADMIN).await;
        cluster.namespace(name, &[]).await;
        let kubelet = Kubelet::start(cluster, nodes).await;
        Self { client, kubelet, name }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// A pod `a` whose container `ingest-api` does this.
    pub(crate) async fn run(&self, script: Script) {
        self.kubelet.script(self.name, "ingest-api", script);
        self.create(pod(self.name, "a")).await;
    }

    pub(crate) async fn create(&self, pod: Value) {
        let pod = serde_json::from_value(pod).expect("the pod is a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("the pod is allowed");
    }

    /// A Deployment `ingest-api` of pods as [`pod`] gives them.
    pub(crate) async fn deploy(&self, replicas: u32) -> Api<Deployment> {
        let mut template = pod(self.name, "a");
        template["metadata"] = json!({"labels": {"app": "ingest-api"}});
        let selector = json!({"matchLabels": {"app": "ingest-api"}});
        let deployment = json!({
            "metadata": {"name": "ingest-api"},
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        });
        let deployment = serde_json::from_value(deployment).expect("the deployment is one");
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), self.name);
        deployments.create(&PostParams::default(), &deployment).await.expect("the deployment is allowed");
        deployments
    }

    /// Waits for an event with this message.
    pub(crate) async fn event(&self, message: &str) {
        let events: Api<Event> = Api::namespaced(self.client.clone(), self.name);
        eventually(message, async || {
            let events = events.list(&ListParams::default()).await.ok()?;
            events.items.into_iter().find(|event| event.message.as_deref() == Some(message))
        })
        .await;
    }

    /// The pod, once it is as asked for.
    pub(crate) async fn until(&self, pod: &str, what: &str, condition: impl Fn(&Pod) -> bool) -> Pod {
        let pods = self.pods();
        eventually(what, async || pods.get(pod).await.ok().filter(|pod| condition(pod))).await
    }

    /// Runs a pod, until its container waits for this reason; gives the container's status and the phase.
    pub(crate) async fn waits(&self, behaviour: Behaviour, reason: &str) -> (ContainerStatus, String) {
        self.run(Script::new(behaviour)).await;
        let pod = self.until("a", reason, |pod| waiting(pod).is_some_and(|(found, _)| found == reason)).await;
        let phase = pod.status.clone().and_then(|status| status.phase).expect("a pod has a phase");
        (container(&pod).expect("it waits").clone(), phase)
    }
}

/// A node that only pods of [`pod`] with this scope are placed on.
pub(crate) fn node(scope: &str, name: &str, architecture: &str) -> Node {
    Node::new(name, architecture).label("scope", scope)
}

pub(crate) fn pod(scope: &str, name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"scope": scope},
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "ingest-api", "image": IMAGE}],
        },
    })
}

pub(crate) fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

pub(crate) fn waiting(pod: &Pod) -> Option<(&str, &str)> {
    let waiting = container(pod)?.state.as_ref()?.waiting.as_ref()?;
    Some((waiting.reason.as_deref()?, waiting.message.as_deref().unwrap_or_default()))
}

/// Status, reason and message of a condition.
pub(crate) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| condition.type_ == kind)?;
    let (reason, message) = (condition.reason.as_deref(), condition.message.as_deref());
    Some((&condition.status, reason.unwrap_or_default(), message.unwrap_or_default()))
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(status, ..)| status == "True")
}

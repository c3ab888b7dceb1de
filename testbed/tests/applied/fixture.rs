//! A cluster with a node of each kind, and the real kubectl.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt as _};
use test_cluster::{ADMIN, Cluster, Kubelet, Node};
use test_support::eventually;

use crate::repository::Repository;

/// That of an old Raspberry Pi: a 64-bit kernel with a 32-bit system.
pub(crate) const NARROW: &str = "pi-1";
/// As placement-pinned names them.
pub(crate) const AMD64: &str = "node-1";
pub(crate) const ARM64: &str = "node-2";

pub(crate) struct Fixture {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) repository: Repository,
    _kubelet: Kubelet,
}

impl Fixture {
    /// All nodes have the label of placement-by-label.
    pub(crate) async fn start() -> Self {
        let cluster = Cluster::start().await;
        let client = cluster.client(ADMIN).await;
        let nodes = [(AMD64, "amd64"), (ARM64, "arm64"), (NARROW, "arm")]
            .map(|(name, kind)| Node::new(name, kind).label("nodetype", "vm").resources("16", "16Gi"));
        let kubelet = Kubelet::start(&cluster, nodes.into()).await;
        Self { cluster, client, repository: Repository::with_pins(), _kubelet: kubelet }
    }

    /// # Panics
    /// Where it fails, or the API server warns of something.
    pub(crate) fn kubectl(&self, arguments: &[&str], path: &Path) {
        let kubeconfig = self.cluster.kubeconfig(ADMIN);
        let output =
            Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig).args(arguments).arg(path).output();
        let output =
            output.unwrap_or_else(|error| panic!("kubectl does not start ({error}); install kubectl"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?} {}: {said}", path.display());
    }

    pub(crate) fn apply(&self, folder: &Path) {
        self.kubectl(&["apply", "-k"], folder);
    }

    /// What a Job runs cannot be changed: one that is to run again is deleted first.
    pub(crate) async fn delete_jobs(&self) {
        let jobs: Api<Job> = self.api();
        jobs.delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
        eventually("there is no Job", async || {
            jobs.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
        })
        .await;
    }

    /// Waits until each Deployment has all its pods and no others, and no pod waits for a node.
    pub(crate) async fn settled(&self, what: &str) {
        let deployments: Api<Deployment> = self.api();
        eventually(&format!("{what}: all pods run"), async || {
            let deployments = deployments.list(&ListParams::default()).await.ok()?.items;
            let are_complete = !deployments.is_empty() && deployments.iter().all(is_complete);
            let pods = self.pods().await?;
            let are_placed =
                pods.iter().all(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()));
            (are_complete && are_placed).then_some(())
        })
        .await;
    }

    /// Nodes by the name of what runs on them.
    pub(crate) async fn nodes(&self) -> BTreeMap<String, Vec<String>> {
        let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pod in self.pods().await.unwrap() {
            let name = pod.labels()["app.kubernetes.io/name"].clone();
            nodes.entry(name).or_default().push(pod.spec.unwrap().node_name.unwrap());
        }
        nodes
    }

    /// Those that are not being deleted.
    async fn pods(&self) -> Option<Vec<Pod>> {
        let pods = self.api::<Pod>().list(&ListParams::default()).await.ok()?;
        Some(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), "testbed")
    }
}

/// As `kubectl rollout status` decides.
fn is_complete(deployment: &Deployment) -> bool {
    let (Some(spec), Some(status)) = (&deployment.spec, &deployment.status) else { return false };
    let wanted = spec.replicas;
    status.observed_generation >= deployment.metadata.generation
        && [status.replicas, status.updated_replicas, status.available_replicas] == [wanted; 3]
}

//! What the real control plane does.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::{Node as ApiNode, Pod};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Error;
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use test_cluster::{ADMIN, Cluster};
use test_support::eventually;
use tokio::net::TcpStream;

use crate::fixtures::{Fixture, condition, is_ready, node, pod};

#[tokio::test]
async fn api_server_is_of_a_supported_version() {
    let client = Cluster::shared().await.client(ADMIN).await;

    let version = client.apiserver_version().await.expect("the API server answers");

    assert_eq!(version.major, "1");
    assert!(version.git_version.starts_with(&format!("v1.{}.", version.minor)), "{version:?}");
}

#[tokio::test]
async fn nodes_are_registered_as_described() {
    let described = node("described", "described", "arm")
        .resources("2", "1Gi")
        .taint("dedicated", "noise", "NoSchedule")
        .condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure")
        .kubelet_version("v1.33.1+k3s1")
        .address("192.168.0.99");
    let fixture = Fixture::with_nodes("described", vec![described]).await;

    let nodes: Api<ApiNode> = Api::all(fixture.client.clone());
    let node = nodes.get("described").await.expect("the node exists");

    let (spec, status) = (node.spec.expect("a spec"), node.status.expect("a status"));
    let information = status.node_info.expect("information");
    assert_eq!(
        (information.architecture.as_str(), information.kubelet_version.as_str()),
        ("arm", "v1.33.1+k3s1")
    );
    assert_eq!(status.allocatable.expect("allocatable resources")["memory"].0, "1Gi");
    assert!(status.addresses.expect("addresses").iter().any(|address| address.address == "192.168.0.99"));
    let conditions = status.conditions.expect("conditions");
    assert!(
        conditions.iter().any(|condition| condition.type_ == "DiskPressure" && condition.status == "True")
    );
    assert!(spec.taints.expect("taints").iter().any(|taint| taint.key == "dedicated"));
}

fn requiring(architecture: &str, scope: &str, name: &str) -> Value {
    let mut pod = pod(scope, name);
    pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({
        "nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/arch", "operator": "In", "values": [architecture]},
        ]}],
    });
    pod
}

#[tokio::test]
async fn scheduler_places_pods_by_architecture() {
    let nodes = vec![node("placement", "clus1", "amd64"), node("placement", "r3-node", "arm64")];
    let fixture = Fixture::with_nodes("placement", nodes).await;

    fixture.create(requiring("arm64", "placement", "on-arm64")).await;
    fixture.create(requiring("riscv64", "placement", "nowhere")).await;

    let placed = fixture.until("on-arm64", "the pod is ready", is_ready).await;
    assert_eq!(placed.spec.and_then(|spec| spec.node_name).as_deref(), Some("r3-node"));
    let unplaced = |pod: &Pod| condition(pod, "PodScheduled").is_some_and(|(status, ..)| status == "False");
    let pod = fixture.until("nowhere", "the pod cannot be placed", unplaced).await;
    let (_, reason, message) = condition(&pod, "PodScheduled").expect("the condition is there");
    assert_eq!(reason, "Unschedulable");
    assert!(message.contains("didn't match Pod's node affinity/selector"), "{message}");
}

#[tokio::test]
async fn too_large_pods_stay_pending() {
    let fixture = Fixture::start("too-large").await;
    let mut large = pod("too-large", "a");
    large["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "64Gi"}});

    fixture.create(large).await;

    let message = |pod: &Pod| {
        condition(pod, "PodScheduled").is_some_and(|(.., text)| text.contains("Insufficient memory"))
    };
    fixture.until("a", "the scheduler says what is missing", message).await;
}

#[tokio::test]
async fn restricted_namespaces_refuse_root() {
    let cluster = Cluster::shared().await;
    cluster.namespace("restricted", &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
    let pods: Api<Pod> = Api::namespaced(cluster.client(ADMIN).await, "restricted");
    let pod = serde_json::from_value(pod("restricted", "a")).expect("the pod is a pod");

    let refused = pods.create(&PostParams::default(), &pod).await;

    let Err(Error::Api(status)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(status.code, 403);
    assert!(status.message.contains("runAsNonRoot != true"), "{}", status.message);
}

#[tokio::test]
async fn users_have_the_rights_they_were_given() {
    let cluster = Cluster::shared().await;
    let pods: Api<Pod> = Api::namespaced(cluster.client("reader").await, "default");

    let refused = pods.list(&ListParams::default()).await;
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["pods".to_owned()]),
        verbs: vec!["list".to_owned()],
        ..PolicyRule::default()
    };
    cluster.grant("reader", Some("default"), vec![rule]).await;

    let Err(Error::Api(status)) = refused else { panic!("not refused: {refused:?}") };
    assert!(status.message.contains("User \"reader\" cannot list resource \"pods\""), "{}", status.message);
    let allowed = async || pods.list(&ListParams::default()).await.ok();
    eventually("the right is there", allowed).await;
    let elsewhere: Api<Pod> = Api::namespaced(cluster.client("reader").await, "kube-system");
    assert!(elsewhere.list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn a_cluster_ends_with_its_programs() {
    let mut cluster = Cluster::start().await;
    let client = cluster.client(ADMIN).await;
    let kubeconfig = cluster.kubeconfig(ADMIN);

    cluster.kill_api_server();

    assert!(client.apiserver_version().await.is_err());
    drop(cluster);
    assert!(!kubeconfig.exists());
}

#[tokio::test]
async fn a_killed_test_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut test = Command::new(std::env::current_exe().expect("the test knows its own path"))
        .args(["--exact", "control_plane::api_server_is_of_a_supported_version"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the test can be started");
    let port = eventually("the API server listens", async || {
        let kubeconfig = entries(directory.path()).pop()?.join("admin.kubeconfig");
        let config: Value = serde_json::from_str(&fs::read_to_string(kubeconfig).ok()?).ok()?;
        let (_, port) = config.pointer("/clusters/0/cluster/server")?.as_str()?.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| port)
    })
    .await;

    test.kill().expect("our child can be killed");
    test.wait().expect("our child can be waited for");

    eventually("the API server has ended and the directory is gone", async || {
        let is_gone =
            TcpStream::connect(("127.0.0.1", port)).await.is_err() && entries(directory.path()).is_empty();
        is_gone.then_some(())
    })
    .await;
}

fn entries(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    entries.map(|entry| entry.expect("the directory can be read").path()).collect()
}

//! The doctor is stopped while its pods run.

use crate::program::{command, text};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams};
use std::process::Stdio;
use test_cluster::{ADMIN, Behaviour, Cluster, Kubelet, Node, Script};
use test_support::eventually;

/// Interrupts it when a pod of its runs on each of two nodes, and gives what it said.
async fn interrupted(cluster: &Cluster, signal: &str) -> String {
    let nodes = ["r1-node", "r3-node"].map(|name| Node::new(name, "arm64"));
    let kubelet = Kubelet::start(cluster, nodes.into()).await;
    // They do not end by themselves.
    kubelet.script("", "probe", Script::new(Behaviour::Runs));
    let kubeconfig = cluster.kubeconfig(ADMIN);
    let image = "192.168.0.35:5000/testbed/simulator:1";
    let arguments =
        ["--kubeconfig", text(&kubeconfig), "--kubernetes", "/nonexistent", "--probe-image", image];
    let child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pods: Api<Pod> = Api::all(cluster.client(ADMIN).await);
    eventually("both pods run", async || {
        let running = pods.list(&ListParams::default().fields("status.phase=Running")).await.unwrap();
        (running.items.len() == 2).then_some(())
    })
    .await;
    let id = child.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill").args([signal, &id]).status().await.unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let left = pods.list(&ListParams::default()).await.unwrap().items;
    assert!(left.is_empty(), "{left:#?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn no_pod_stays_in_the_namespace_of_the_testbed() {
    let cluster = Cluster::start().await;
    cluster.namespace("testbed", &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
    let told = interrupted(&cluster, "-INT").await;
    assert_eq!(told, "testbed: interrupted: there is no report\n");
}

#[tokio::test]
async fn no_temporary_namespace_stays() {
    let cluster = Cluster::start().await;
    interrupted(&cluster, "-TERM").await;
    let namespaces: Api<Namespace> = Api::all(cluster.client(ADMIN).await);
    eventually("the temporary namespace is gone", async || {
        let all = namespaces.list(&ListParams::default()).await.unwrap().items;
        let is_ours = |space: &Namespace| space.metadata.name.as_ref().unwrap().starts_with("testbed");
        (!all.iter().any(is_ours)).then_some(())
    })
    .await;
}

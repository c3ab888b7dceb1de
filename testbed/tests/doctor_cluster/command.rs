//! The program against a cluster: what it records is what it would find of it again.

use crate::program::{command, doctor, text};
use serde_json::Value;
use std::process::Output;
use test_cluster::{ADMIN, Cluster, Kubelet, Node};

#[tokio::test]
async fn a_node_that_is_not_ready_is_found_and_found_again_in_the_recording() {
    let cluster = Cluster::start().await;
    let node = Node::new("r3-node", "arm64").condition("Ready", "False", "KubeletNotReady", "no network yet");
    let _kubelet = Kubelet::start(&cluster, vec![node]).await;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let kubeconfig = cluster.kubeconfig(ADMIN);
    let arguments = ["--kubeconfig", text(&kubeconfig), "--context", ADMIN, "--kubernetes", "/nonexistent"];
    let image = ["--probe-image", "192.168.0.35:5000/testbed/simulator:1", "--record", text(&recording)];
    let (report, code) = doctor(&[&arguments[..], &image].concat()).await;
    assert_eq!(code, Some(2), "{report:#}");
    let results = report["results"].as_array().unwrap();
    let found: Vec<&Value> = results.iter().filter(|result| result["outcome"] == "found").collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((&found[0]["check"], &found[0]["subject"]), (&"kernel".into(), &"node r3-node".into()));
    assert!(found[0]["evidence"].as_str().unwrap().contains("no network yet"), "{found:#?}");
    let pulls = results.iter().find(|result| result["check"] == "node-pulls").unwrap();
    assert!(pulls["reason"].as_str().unwrap().contains("the node is not ready"), "{pulls:#}");
    assert_eq!(doctor(&["--from", text(&recording)]).await, (report, code));

    let (report, _) = doctor(&[&arguments[..], &["--no-probe", "--only", "node-pulls"]].concat()).await;
    assert_eq!(report["results"][0]["reason"], "no probe (--no-probe)", "{report:#}");
}

#[tokio::test]
async fn a_cluster_that_is_away_is_told_with_its_address() {
    let mut cluster = Cluster::start().await;
    let kubeconfig = cluster.kubeconfig(ADMIN);
    cluster.kill_api_server();
    let Output { status, stderr, .. } = command(&["--kubeconfig", text(&kubeconfig)]).output().await.unwrap();
    assert_eq!(status.code(), Some(1));
    let told = String::from_utf8(stderr).unwrap();
    assert!(told.contains(&cluster.url()) && told.contains("--offline"), "{told}");
}

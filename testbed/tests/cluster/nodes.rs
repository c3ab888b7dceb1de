//! Nodes that are not ready, for a moment and for longer.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use std::mem;
use test_cluster::{Kubelet, Node};

fn unready() -> Vec<Node> {
    let node = Node::new("r3-node", "arm64");
    vec![node.condition("Ready", "False", "KubeletNotReady", "container runtime network not ready")]
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_is_not_ready_is_waited_for() {
    let fixture = Fixture::with_nodes(unready()).await;
    let (code, said) = fixture.deploy(&["--yes", "--timeout-s", "2"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("r3-node stayed not ready for 2 s") && said.contains("--no-wait"), "{said}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none(), "{said}");

    let deploy = fixture.start_deploy(&["--yes"]);
    deploy.says("r3-node: not ready; waiting for it", 1).await;
    fixture.node_is_ready("r3-node", true).await;
    let (code, said) = deploy.run().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("everything runs"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_waited_for_where_nobody_wants_to() {
    let fixture = Fixture::with_nodes(unready()).await;
    let (code, said) = fixture.deploy(&["--yes", "--no-wait"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("r3-node: not ready; pods that fit nowhere else wait"), "{said}");
    assert!(said.contains("+ Deployment/query-api") && !said.contains("everything runs"), "{said}");

    // Pods of the version before may still read their settings.
    fixture.configure(5);
    let (code, said) = fixture.deploy(&["--no-wait"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(fixture.names::<ConfigMap>().await.len(), 3, "both settings, and the inventory");
    fixture.node_is_ready("r3-node", true).await;
    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 0, "what was applied without waiting comes up: {said}");
    assert_eq!(fixture.names::<ConfigMap>().await.len(), 2, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_node_does_not_hold_undeploying_up_silently() {
    let mut fixture = Fixture::with_repository(vec![Node::new("r3-node", "arm64")]).await;
    fixture.deployed().await;
    let mine = json!({"metadata": {"name": "mine", "labels": {"app.kubernetes.io/part-of": "testbed"}},
        "spec": {"nodeName": "r3-node",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "mine", "image": "r/mine",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
    let pods = fixture.api::<Pod>();
    pods.create(&PostParams::default(), &serde_json::from_value(mine).unwrap()).await.unwrap();
    let nobody = Kubelet::start(&fixture.cluster, Vec::new()).await;
    drop(mem::replace(&mut fixture.kubelet, nobody));
    fixture.node_is_ready("r3-node", false).await;

    let mut undeploy = fixture.start_testbed(&["undeploy", "--yes"]);
    undeploy.says("on r3-node: the node is not ready", 1).await;
    undeploy.says("undeploy --force", 1).await;
    assert_eq!(undeploy.end().await.code(), Some(1), "{}", undeploy.said());
    assert!(pods.list(&ListParams::default()).await.unwrap().items.len() > 1);

    let (code, said) = fixture.testbed(&["undeploy", "--yes", "--force"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("forgot") && said.contains("where it may still run"), "{said}");
    assert!(said.contains("others have put something there: Pod/mine"), "{said}");
    let mine = pods.get("mine").await.unwrap();
    assert!(mine.metadata.deletion_timestamp.is_none(), "what nobody deletes is not forgotten");
}

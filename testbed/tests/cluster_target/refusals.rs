//! What is refused before the first run.

use crate::fixture::{Fixture, NAMESPACE, cell};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use testbed::cluster::connect::{ConnectionArgs, connect};
use testbed::cluster::inventory::{self, Inventory};
use testbed::cluster::objects::ObjectKey;
use testbed::experiment::target::Target as _;

#[tokio::test]
async fn testbed_of_somebody_and_autoscalers_are_in_the_way() {
    let fixture = Fixture::start().await;
    fixture.cluster.namespace(NAMESPACE, &[]).await;
    let mut target = fixture.target().await;
    let cell = cell(&[]);

    let scalers: Api<HorizontalPodAutoscaler> = Api::namespaced(fixture.client.clone(), NAMESPACE);
    let scaler =
        serde_json::from_value(json!({"metadata": {"name": "process-worker"}, "spec": {"maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "process-worker"}}}));
    scalers.create(&PostParams::default(), &scaler.unwrap()).await.unwrap();
    let said = target.check(std::slice::from_ref(&cell)).await.unwrap_err().to_string();
    assert!(said.contains("has autoscalers") && said.ends_with("delete process-worker"), "{said}");
    scalers.delete("process-worker", &DeleteParams::default()).await.unwrap();

    let kubeconfig = Some(fixture.cluster.kubeconfig(test_cluster::ADMIN).into_os_string());
    let cluster = connect(&ConnectionArgs { kubeconfig, context: None }).await.unwrap();
    let somebodys = ObjectKey {
        api_version: "v1".into(),
        kind: "Service".into(),
        namespace: Some(NAMESPACE.into()),
        name: "query-api".into(),
    };
    let deployed = Inventory { objects: vec![somebodys], revision: "abc".into(), is_of_experiment: false };
    inventory::write(&cluster, &deployed).await.unwrap();
    let said = target.check(std::slice::from_ref(&cell)).await.unwrap_err().to_string();
    assert!(said.contains("the testbed is deployed on") && said.contains("testbed undeploy"), "{said}");
    assert!(target.start(&cell, fixture.directory.path()).await.is_err());
    assert_eq!(inventory::read(&cluster).await.unwrap(), Some(deployed), "nothing was taken away");
}

#[tokio::test]
async fn cell_that_no_node_can_take_is_named() {
    let fixture = Fixture::start().await;
    let mut target = fixture.target().await;
    let big = cell(&[("placement", json!({"query-api": "r4-node"}))]);
    let said = format!("{:#}", target.check(&[cell(&[]), big]).await.unwrap_err());
    assert!(said.contains("cell a cannot be had on admin") && said.contains("clus1, r3-node"), "{said}");
}

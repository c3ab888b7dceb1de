//! What `testbed deploy` applies, changes, and leaves alone.

use crate::fixture::{Fixture, NAMESPACE, Testbed};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use test_cluster::Node;

#[tokio::test(flavor = "multi_thread")]
async fn testbed_is_deployed_once_and_then_only_what_changes() {
    let fixture = Fixture::start().await;
    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 64, "{said}");
    assert!(
        said.contains("context  admin") && said.contains("r3-node (arm64)") && said.contains("--yes"),
        "{said}"
    );
    assert_eq!(fixture.names::<Deployment>().await, [""; 0], "nothing is applied without a yes");

    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("+ Deployment/query-api") && said.contains("everything runs"), "{said}");

    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("nothing to change"), "{said}");

    fixture.configure(8);
    let (code, said) = fixture.deploy(&["--dry-run"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("~ Deployment/query-api") && said.contains("envFrom"), "{said}");
    let before = fixture.names::<ConfigMap>().await;

    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 0, "{said}");
    let after = fixture.names::<ConfigMap>().await;
    assert_eq!((before.len(), after.len()), (2, 2), "the settings before are pruned: {before:?} {after:?}");
    assert_ne!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_made_is_neither_changed_nor_deleted() {
    let fixture = Fixture::start().await;
    fixture.cluster.namespace(NAMESPACE, &[]).await;
    fixture.somebody_puts("notes").await;
    let metadata = ObjectMeta { name: Some("query-api".into()), ..ObjectMeta::default() };
    let service: Service =
        serde_json::from_value(json!({"metadata": metadata, "spec": {"ports": [{"port": 80}]}})).unwrap();
    fixture.api::<Service>().create(&PostParams::default(), &service).await.unwrap();

    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Service/query-api: is there already, and the testbed has not made it"), "{said}");
    assert_eq!(fixture.names::<Deployment>().await, [""; 0]);

    fixture.api::<Service>().delete("query-api", &kube::api::DeleteParams::default()).await.unwrap();
    fixture.deployed().await;
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("was there before, and stays"), "{said}");
    assert_eq!(fixture.names::<ConfigMap>().await, ["notes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_somebody_holds_are_taken_over_only_when_said() {
    let fixture = Fixture::start().await;
    fixture.deployed().await;
    let patch = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}});
    let how = PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
    fixture.api::<Deployment>().patch("query-api", &how, &Patch::Merge(&patch)).await.unwrap();

    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(".terminationGracePeriodSeconds is held by kubectl-edit"), "{said}");

    let (code, said) = fixture.deploy(&["--overwrite"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("terminationGracePeriodSeconds: 7 → 0"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn placement_that_no_node_satisfies_applies_nothing() {
    let fixture = Fixture::with_nodes(vec![Node::new("clus1", "amd64"), Node::new("pi-1", "arm")]).await;
    let (code, said) = fixture.deploy(&["--yes", "--placement", "arm64"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("clus1: is not kubernetes.io/arch=arm64"), "{said}");
    assert!(said.contains("pi-1 has a system for arm"), "{said}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_the_cluster_refuses_leaves_no_namespace() {
    let fixture = Fixture::start().await;
    let kustomization =
        "namespace: testbed\nresources: [all.yaml, broken.yaml]\nconfigMapGenerator: [{name: query-api}]\n";
    fixture.write("base/kustomization.yaml", kustomization);
    fixture.write(
        "base/broken.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: broken}\nspec: {ports: [{port: 99999}]}\n",
    );
    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Service/broken") && said.contains("99999"), "{said}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named_before_anything_is_done() {
    let fixture = Fixture::start().await;
    let folder = fixture.manifests.path().display().to_string();
    let arguments = ["deploy", "--yes", "--kubernetes", &folder];
    let (code, said) = Testbed::start(&arguments, &fixture.cluster.kubeconfig("student")).run().await;
    assert_eq!(code, 1, "{said}");
    for right in [
        "patch deployments.apps in namespace testbed",
        "create namespaces in the whole cluster",
        "get pods/log",
    ] {
        assert!(said.contains(right), "{right} is missing in: {said}");
    }
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none());
}

//! What `testbed undeploy` deletes.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn namespace_of_its_own_goes_with_everything() {
    let fixture = Fixture::start().await;
    fixture.deployed().await;
    let (code, said) = fixture.testbed(&["undeploy"]).await;
    assert_eq!(code, 64, "{said}");
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    assert!(namespaces.get_opt(NAMESPACE).await.unwrap().is_none(), "{said}");

    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("has put nothing on"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_was_given_away_stays_and_one_that_is_held_is_told() {
    let fixture = Fixture::start().await;
    fixture.deployed().await;
    let services = fixture.api::<Service>();
    let label = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}});
    services.patch("query-api", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    let deployments = fixture.api::<Deployment>();
    let finalizers = |names: &[&str]| Patch::Merge(json!({"metadata": {"finalizers": names}}));
    let how = PatchParams::default();
    let pods = fixture.api::<Pod>();
    let pod = pods.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    pods.patch(&pod, &how, &finalizers(&["example.org/held"])).await.unwrap();
    deployments.patch("query-api", &how, &finalizers(&["example.org/held"])).await.unwrap();

    // Its node is ready: nothing is forgotten.
    let mut undeploy = fixture.start_testbed(&["undeploy", "--yes", "--force"]);
    undeploy.says(&format!("waiting for pods to end: {pod} on "), 1).await;
    pods.patch(&pod, &how, &finalizers(&[])).await.unwrap();
    undeploy.says("waiting for Deployment/query-api, which has the finalizers example.org/held", 1).await;
    deployments.patch("query-api", &how, &finalizers(&[])).await.unwrap();
    assert_eq!(undeploy.end().await.code(), Some(0), "{}", undeploy.said());
    let said = undeploy.said();
    assert!(!said.contains("forgot"), "{said}");
    assert!(said.contains("Service/query-api has lost the testbed's label"), "{said}");
    assert!(said.contains("stays, others have put something there: Service/query-api"), "{said}");
    assert_eq!(fixture.names::<Service>().await, ["query-api"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_stays_where_others_have_put_something() {
    let fixture = Fixture::start().await;
    fixture.deployed().await;
    fixture.somebody_puts("notes").await;
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stays, others have put something there: ConfigMap/notes"), "{said}");
    assert_eq!(fixture.names::<ConfigMap>().await, ["notes"]);
}

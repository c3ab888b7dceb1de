//! What a namespace, the scheduler, or a namespace that goes refuses.

use crate::fixture::{Fixture, NAMESPACE};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, LimitRange, Namespace, PersistentVolume, PersistentVolumeClaim, ResourceQuota,
};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use test_support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn quotas_and_limits_of_the_namespace_are_told_and_then_satisfied() {
    let fixture = Fixture::start().await;
    fixture.cluster.namespace(NAMESPACE, &[]).await;
    let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": {"limits.memory": "64Mi"}}});
    let quotas = fixture.api::<ResourceQuota>();
    quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("quota has no room")
            && said.contains("exceeded quota: small")
            && said.contains("→ raise"),
        "{said}"
    );
    quotas.delete("small", &DeleteParams::default()).await.unwrap();

    let limits = json!({"metadata": {"name": "narrow"}, "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}});
    let ranges = fixture.api::<LimitRange>();
    ranges.create(&PostParams::default(), &serde_json::from_value(limits).unwrap()).await.unwrap();
    fixture.configure(5);
    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("LimitRange does not allow")
            && said.contains("maximum memory usage per Container is 64Mi"),
        "{said}"
    );
    ranges.delete("narrow", &DeleteParams::default()).await.unwrap();

    // What was refused before is in the events for an hour.
    fixture.configure(6);
    let (code, said) = fixture.deploy(&[]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn volume_on_another_node_is_told() {
    let fixture = Fixture::start().await;
    fixture.cluster.namespace(NAMESPACE, &[]).await;
    let on_vm = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["clus1"]}]}]}});
    let volume = json!({"metadata": {"name": "data"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
        "local": {"path": "/data"}, "storageClassName": "", "nodeAffinity": on_vm,
        "claimRef": {"namespace": NAMESPACE, "name": "data"}}});
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "",
        "volumeName": "data", "resources": {"requests": {"storage": "1Gi"}}}});
    let volumes: Api<PersistentVolume> = Api::all(fixture.client.clone());
    volumes.create(&PostParams::default(), &serde_json::from_value(volume).unwrap()).await.unwrap();
    let claims = fixture.api::<PersistentVolumeClaim>();
    claims.create(&PostParams::default(), &serde_json::from_value(claim).unwrap()).await.unwrap();
    eventually("the claim is bound", async || {
        let phase = claims.get("data").await.unwrap().status?.phase?;
        (phase == "Bound").then_some(())
    })
    .await;

    let patch = "\
        - {op: add, path: /spec/template/spec/volumes, value: [{name: data, persistentVolumeClaim: {claimName: data}}]}\n";
    fixture.write("mine/volume.yaml", patch);
    let overlay = "namespace: testbed\nresources: [../base]\n\
        components: [../components/placement-arm64, ../images/abc]\n\
        patches: [{path: volume.yaml, target: {kind: Deployment}}]\n";
    fixture.write("mine/kustomization.yaml", overlay);
    let folder = fixture.manifests.path().join("mine").display().to_string();
    let (code, said) = fixture.testbed(&["deploy", "--yes", "--overlay", &folder]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("its volume lives on a node") && said.contains("emptyDir"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_that_goes_takes_nothing() {
    let fixture = Fixture::start().await;
    fixture.cluster.namespace(NAMESPACE, &[]).await;
    fixture.somebody_puts("notes").await;
    let notes = fixture.api::<ConfigMap>();
    let finalizers = |names: &[&str]| Patch::Merge(json!({"metadata": {"finalizers": names}}));
    notes.patch("notes", &PatchParams::default(), &finalizers(&["example.org/held"])).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    namespaces.delete(NAMESPACE, &DeleteParams::default()).await.unwrap();

    let (code, said) = fixture.deploy(&["--yes"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the namespace testbed is being deleted") && said.contains("describe"), "{said}");

    notes.patch("notes", &PatchParams::default(), &finalizers(&[])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_for_another_namespace_are_refused() {
    let fixture = Fixture::start().await;
    fixture.deployed().await;
    fixture.write(
        "mine/kustomization.yaml",
        "namespace: lab\nresources: [../base]\ncomponents: [../images/abc]\n",
    );
    let folder = fixture.manifests.path().join("mine").display().to_string();
    let (code, said) = fixture.testbed(&["deploy", "--overlay", &folder]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("put `namespace: testbed` into its kustomization"), "{said}");

    // Manifests without the namespace do not delete it, with everything in it.
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: extra}\nspec: {ports: [{port: 80}]}\n";
    fixture.write("small/service.yaml", service);
    fixture.write("small/kustomization.yaml", "namespace: testbed\nresources: [service.yaml]\n");
    fixture.somebody_puts("notes").await;
    let folder = fixture.manifests.path().join("small").display().to_string();
    let (code, said) = fixture.testbed(&["deploy", "--overlay", &folder]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(fixture.names::<Deployment>().await, [""; 0], "{said}");
    assert!(fixture.names::<ConfigMap>().await.contains(&"notes".to_owned()), "{said}");
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stays, others have put something there: ConfigMap/notes"), "{said}");
}

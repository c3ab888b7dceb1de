//! The repository's own manifests on a real API server.

use crate::fixture::Fixture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};
use test_cluster::Node;

const VM: &str = "clus1";
const PI: &str = "r3-node";

/// A VM, a Pi with a 64-bit system, and one with a 32-bit system, which must get nothing.
fn nodes() -> Vec<Node> {
    let big = |name: &str, architecture: &str| Node::new(name, architecture).resources("24", "64Gi");
    vec![
        big(VM, "amd64").label("kubernetes.io/hostname", "node-1").label("nodetype", "vm"),
        big(PI, "arm64").label("kubernetes.io/hostname", "node-2"),
        big("pi-1", "arm"),
    ]
}

async fn pods(fixture: &Fixture) -> BTreeSet<String> {
    let pods = fixture.api::<Pod>().list(&ListParams::default()).await.unwrap();
    pods.items.iter().map(|pod| pod.uid().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_placement_moves_the_pods_to_the_nodes_that_it_names() {
    let fixture = Fixture::with_repository(nodes()).await;
    let pipeline = ["redis", "ingest-api", "process-worker", "query-api"];
    let on = |node: &str, worker: &str| -> BTreeSet<(String, String)> {
        let place = |service: &str| if service == "process-worker" { worker } else { node };
        pipeline.map(|service| (service.to_owned(), place(service).to_owned())).into()
    };
    for (placement, expected) in [
        ("any", None),
        ("arm64", Some(on(PI, PI))),
        ("amd64", Some(on(VM, VM))),
        ("split", Some(on(VM, PI))),
        ("by-label", Some(on(VM, VM))),
        ("pinned", Some(on(VM, PI))),
    ] {
        let (code, said) = fixture.deploy(&["--yes", "--placement", placement]).await;
        assert_eq!(code, 0, "{placement}: {said}");
        assert!(said.contains("pi-1 has a system for arm"), "{said}");
        let places = fixture.places().await;
        assert_eq!(places.len(), pipeline.len(), "{placement}: {places:?}");
        assert!(places.iter().all(|(_, node)| node == VM || node == PI), "{placement}: {places:?}");
        assert!(expected.is_none_or(|expected| places == expected), "{placement}: {places:?}");
    }

    let before = pods(&fixture).await;
    let (code, said) = fixture.deploy(&["--placement", "pinned"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("nothing to change"), "{said}");
    assert_eq!(pods(&fixture).await, before);

    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    fixture.cluster.namespace("lab", &[]).await;
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(namespaces.get_opt("testbed").await.unwrap().is_none(), "{said}");
    assert!(namespaces.get_opt("lab").await.unwrap().is_some(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_component_is_taken_and_goes_again() {
    let fixture = Fixture::with_repository(nodes()).await;
    let all = [
        "simulator-job",
        "observability",
        "autoscaling",
        "network-policy",
        "caches-in-memory",
        "guaranteed-qos",
    ];
    let arguments: Vec<&str> = all.iter().flat_map(|name| ["--component", name]).collect();
    let (code, said) = fixture.deploy(&[&["--yes"], &arguments[..]].concat()).await;
    assert_eq!(code, 0, "{said}");
    let places = fixture.places().await;
    for service in ["simulator", "grafana", "prometheus", "otel-collector", "tempo", "loki", "redis"] {
        assert!(places.iter().any(|(name, _)| name == service), "{service}: {places:?}");
    }
    assert!(places.iter().all(|(_, node)| node != "pi-1"), "{places:?}");
    let (code, said) = fixture.deploy(&arguments).await;
    assert_eq!((code, said.contains("nothing to change")), (0, true), "{said}");

    // Another run: a job's template never changes.
    let job = fixture.api::<Job>().get("simulator").await.unwrap().uid();
    let path = fixture.manifests.path().join("components/simulator-job/kustomization.yaml");
    let changed = fs::read_to_string(&path).unwrap().replace("RUN_ID=run-1", "RUN_ID=run-2");
    fs::write(&path, changed).unwrap();
    let (code, said) = fixture.deploy(&arguments).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("± Job/simulator") && said.contains("the run that is under way is ended"),
        "{said}"
    );
    assert_ne!(fixture.api::<Job>().get("simulator").await.unwrap().uid(), job);

    let external = ["external-redis", "external-collector", "network-policy", "network-policy-external"];
    let arguments: Vec<&str> = external.iter().flat_map(|name| ["--component", name]).collect();
    let (code, said) = fixture.deploy(&arguments).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("- Deployment/redis") && said.contains("- Job/simulator"), "{said}");
    let left = fixture.names::<Deployment>().await;
    assert_eq!(left, ["ingest-api", "process-worker", "query-api"]);

    let (code, said) = fixture.deploy(&["--component", "autoscaling-keda"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("install KEDA"), "{said}");

    fixture.somebody_puts("notes").await;
    let (code, said) = fixture.testbed(&["undeploy", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(fixture.names::<ConfigMap>().await, ["notes"]);
    assert_eq!(fixture.names::<Deployment>().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pod_that_restricted_security_refuses_is_told_at_once() {
    let fixture = Fixture::with_repository(nodes()).await;
    let overlay = "namespace: testbed\nresources: [../base]\ncomponents: [../components/redis, ../images/abc]\n\
        patches:\n  - target: {kind: Deployment, name: query-api}\n    patch: |\n      \
        - {op: replace, path: /spec/template/spec/containers/0/securityContext, value: {privileged: true}}\n";
    fixture.write("mine/kustomization.yaml", overlay);
    let folder = fixture.manifests.path().join("mine").display().to_string();
    let started = Instant::now();
    let (code, said) = fixture.testbed(&["deploy", "--yes", "--overlay", &folder]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("Deployment/query-api: the namespace's pod security refuses it")
            && said.contains("must not set securityContext.privileged=true")
            && said.contains("→ correct the fields"),
        "{said}"
    );
    assert!(started.elapsed() < Duration::from_secs(120), "not only when time is up");
}

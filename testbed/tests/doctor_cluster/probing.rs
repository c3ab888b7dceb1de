//! The pods that look at nodes: on all nodes of a cluster, so each test has one of its own.

use crate::collecting::{Fixture, IMAGE, created};
use crate::program::{probed_line, probed_with};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use node_facts::{ProbeFacts, Target};
use std::time::Duration;
use test_cluster::{Behaviour, Cluster, PullError, Script};
use test_support::eventually;
use testbed::doctor::collect::{ProbeSource, Probed};

fn source() -> ProbeSource {
    let target: Target = "redis=192.168.0.35:6379".parse().unwrap();
    ProbeSource { image: Some(IMAGE.replace("query-api", "simulator")), targets: vec![target] }
}

fn completes(lines: &[&str]) -> Script {
    Script::new(Behaviour::Completes { after: Duration::ZERO }).logs(lines)
}

#[tokio::test]
async fn each_node_is_looked_at_and_no_pod_stays() {
    let cluster = Cluster::start().await;
    let fixture = Fixture::on(&cluster, "doctor-probe", &["amd64", "arm64"]).await;
    let line = probed_line(&[]).await;
    fixture.kubelet.script(fixture.name, "probe", completes(&["starting", &line]));
    let wanted = source();
    let ((facts, probed), pods) = created(&fixture.client, fixture.probe(&wanted)).await;
    let nodes = fixture.nodes(&facts);
    assert_eq!(nodes.len(), 2);
    let expected: ProbeFacts = serde_json::from_str(&line).unwrap();
    for node in nodes {
        assert_eq!(node.probe.known().unwrap(), &expected);
        assert_eq!(node.pull.known().unwrap().error, None);
    }
    assert_eq!(probed, Probed::default());
    assert!(fixture.pods().list(&ListParams::default()).await.unwrap().items.is_empty());
    assert_eq!(pods.len(), 2);
    for pod in pods {
        // The policies of the services select by this.
        assert_eq!(pod.metadata.labels.unwrap()["app.kubernetes.io/name"], "simulator");
        let container = pod.spec.unwrap().containers.remove(0);
        assert_eq!(container.image.as_ref(), wanted.image.as_ref());
        // What the real program takes, and has answered.
        assert_eq!(container.args.clone().unwrap(), ["probe", "--reach", "redis=192.168.0.35:6379"]);
        let reached = probed_with(&container.args.unwrap()).await.reached;
        assert_eq!(reached[0].address, "192.168.0.35:6379");
    }
}

#[tokio::test]
async fn nodes_are_looked_at_before_the_first_deployment() {
    let cluster = Cluster::start().await;
    let fixture = Fixture::without_namespace(&cluster, "testbed", &["arm64"]).await;
    fixture.kubelet.script("", "probe", completes(&[&probed_line(&[]).await]));
    let ((facts, probed), pods) = created(&fixture.client, fixture.probe(&source())).await;
    assert_eq!(fixture.nodes(&facts)[0].pull.known().unwrap().error, None);
    assert!(fixture.nodes(&facts)[0].probe.known().is_ok());
    assert_eq!(probed, Probed::default());
    let place = pods[0].metadata.namespace.clone().unwrap();
    assert!(place.starts_with("testbed-doctor-"), "{place}");
    let namespaces: Api<Namespace> = Api::all(fixture.client.clone());
    eventually("the temporary namespace is gone", async || {
        namespaces.get_opt(&place).await.unwrap().is_none().then_some(())
    })
    .await;
    assert!(namespaces.get_opt("testbed").await.unwrap().is_none(), "it is for deploy to create");
}

#[tokio::test]
async fn a_node_that_cannot_pull_is_known_by_the_probe() {
    let cluster = Cluster::start().await;
    let fixture = Fixture::on(&cluster, "doctor-unpulled", &["arm64"]).await;
    fixture.kubelet.script(fixture.name, "probe", Script::new(Behaviour::PullFails(PullError::NoPlatform)));
    let (facts, _) = fixture.probe(&source()).await;
    let node = &fixture.nodes(&facts)[0];
    let error = node.pull.known().unwrap().error.clone().unwrap();
    assert!(error.contains("no match for platform"), "{error}");
    assert_eq!(node.probe.known().unwrap_err(), "the probe's image was not pulled");
}

#[tokio::test]
async fn an_image_that_is_no_probe_is_told_by_what_it_says() {
    let cluster = Cluster::start().await;
    let fixture = Fixture::on(&cluster, "doctor-other", &["arm64", "arm"]).await;
    fixture.kubelet.script(fixture.name, "probe", completes(&["exec format error", ""]));
    let (facts, _) = fixture.probe(&source()).await;
    let nodes = fixture.nodes(&facts);
    // By name: arm, then arm64.
    assert_eq!(nodes[0].probe.known().unwrap_err(), "no image of the testbed is for linux/arm");
    assert_eq!(nodes[1].pull.known().unwrap().error, None);
    assert_eq!(nodes[1].probe.known().unwrap_err(), "the probe printed no facts, but: exec format error");
}

//! A cluster that does not say everything, or nothing.

use crate::collecting::{Fixture, IMAGE, facts, of_pods, waiting};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::ListParams;
use test_cluster::{Behaviour, Cluster, PullError, Script};
use testbed::doctor::check::{Check, Outcome};
use testbed::doctor::collect::{ProbeSource, Probed};
use testbed::doctor::examine;

fn rule(group: &str, resource: &str) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: vec!["get".to_owned(), "list".to_owned()],
        ..PolicyRule::default()
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_named_with_verb_and_resource() {
    let cluster = Cluster::shared().await;
    let found = facts(&cluster.kubeconfig("nobody"), "default").await;
    let missing = &found.cluster.known().unwrap().missing;
    assert!(missing.iter().any(|reason| reason.contains("cannot list resource \"nodes\"")), "{missing:#?}");
    for check in [Check::Kernel, Check::PerformanceState] {
        let results = examine(&found, &[check]).results;
        let told = serde_json::to_string(&results).unwrap();
        assert!(results.len() == 1 && told.contains("list nodes: "), "{told}");
    }
}

#[tokio::test]
async fn pods_are_looked_at_without_a_right_to_nodes() {
    let cluster = Cluster::shared().await;
    let fixture = Fixture::start("doctor-pods-only", &["arm64"]).await;
    let script = Script::new(Behaviour::PullFails(PullError::NotFound));
    fixture.run(script, |status| waiting(status) == Some("ImagePullBackOff")).await;
    cluster.grant("pods-only", Some(fixture.name), vec![rule("", "pods")]).await;
    let found = facts(&cluster.kubeconfig("pods-only"), fixture.name).await;
    let found = of_pods(&found);
    assert!(found.len() == 1 && found[0].0 == Check::NodePulls, "{found:#?}");
}

#[tokio::test]
async fn no_pod_is_started_by_who_may_not_delete_it() {
    let cluster = Cluster::start().await;
    let fixture = Fixture::on(&cluster, "doctor-creator", &["arm64"]).await;
    let mut right = rule("", "pods");
    right.verbs.push("create".to_owned());
    cluster.grant("creator", Some(fixture.name), vec![right]).await;
    cluster.grant("creator", None, vec![rule("", "nodes"), rule("", "namespaces")]).await;
    let (facts, probed) = fixture
        .probe_as(
            &cluster.kubeconfig("creator"),
            &ProbeSource { image: Some(IMAGE.to_owned()), ..ProbeSource::default() },
        )
        .await;
    assert_eq!(probed, Probed::default());
    let reason = fixture.nodes(&facts)[0].probe.known().unwrap_err().to_owned();
    for right in ["delete pods in namespace doctor-creator", "get pods/log in namespace doctor-creator"] {
        assert!(reason.contains(right), "{reason}");
    }
    assert!(!reason.contains("create pods"), "{reason}");
    assert!(fixture.pods().list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_may_not_be_listed_is_not_passed() {
    let cluster = Cluster::shared().await;
    cluster.grant("reader", None, vec![rule("", "nodes"), rule("", "pods")]).await;
    let found = facts(&cluster.kubeconfig("reader"), "default").await;
    let missing = &found.cluster.known().unwrap().missing;
    assert!(
        missing.iter().any(|reason| reason.contains("cannot list resource \"persistentvolumes\"")),
        "{missing:#?}"
    );
    let results = examine(&found, &[Check::Volumes]).results;
    assert!(!results.iter().any(|result| matches!(result.outcome, Outcome::Passed { .. })), "{results:#?}");
    let is_told = |text: &str| serde_json::to_string(&results).unwrap().contains(text);
    assert!(is_told("list persistentvolumes: "), "{results:#?}");
}

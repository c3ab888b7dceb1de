//! What is told of pods that the API server refused, that never get ready, and that nodes have ended.

use crate::collecting::{Fixture, IMAGE};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, ResourceQuota};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use test_cluster::{Behaviour, Script};
use test_support::eventually;
use testbed::doctor::check::{Check, Severity};
use testbed::doctor::examine;
use testbed::doctor::facts::Facts;

async fn create<K>(fixture: &Fixture, object: Value)
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + serde::de::DeserializeOwned
        + serde::Serialize
        + Clone
        + std::fmt::Debug,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(fixture.client.clone(), fixture.name);
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// Its pods run as root, which restricted pod security refuses.
fn of_root() -> Value {
    json!({
        "metadata": {"labels": {"app": "worker"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": IMAGE}]},
    })
}

fn deployment(template: &Value) -> Value {
    let selector = json!({"matchLabels": {"app": "worker"}});
    json!({"metadata": {"name": "worker"}, "spec": {"selector": selector, "template": template}})
}

/// Waits until its controller has given up on a pod of it.
async fn until_refused(fixture: &Fixture) {
    let api: Api<Deployment> = Api::namespaced(fixture.client.clone(), fixture.name);
    eventually("the Deployment is refused its pods", async || {
        let conditions = api.get("worker").await.unwrap().status?.conditions?;
        conditions.iter().find(|condition| condition.type_ == "ReplicaFailure").map(drop)
    })
    .await;
}

/// Collects beside a pod that is well.
async fn collect(fixture: &Fixture) -> Facts {
    fixture.run(Script::new(Behaviour::Runs), |status| status.ready).await
}

/// Subject, cause and severity of all that the check of pods finds.
fn found(facts: &Facts) -> Vec<(String, String, Severity)> {
    let report = examine(facts, &[Check::Pods]);
    let found = report.findings().map(|(result, severity, failure)| {
        (result.subject.clone(), format!("{}: {}", failure.cause, failure.evidence), severity)
    });
    found.collect()
}

#[tokio::test]
async fn a_deployment_that_pod_security_refuses_is_found() {
    let fixture = Fixture::start("doctor-security", &["amd64"]).await;
    let mut template = of_root();
    template["spec"]["restartPolicy"] = json!("Always");
    create::<Deployment>(&fixture, deployment(&template)).await;
    until_refused(&fixture).await;
    let found = found(&collect(&fixture).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].0.as_str(), found[0].2), ("Deployment worker", Severity::Error));
    assert!(found[0].1.contains("pod security refuses") && found[0].1.contains("runAsNonRoot"), "{found:#?}");
}

#[tokio::test]
async fn a_deployment_that_a_quota_refuses_is_found() {
    let fixture = Fixture::start("doctor-quota", &["amd64"]).await;
    let quota = json!({
        "metadata": {"name": "small"},
        "spec": {"hard": {"requests.memory": "1Mi"}, "scopes": ["NotBestEffort"]},
    });
    create::<ResourceQuota>(&fixture, quota).await;
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), fixture.name);
    eventually("the quota is in force", async || quotas.get("small").await.unwrap().status?.hard.map(drop))
        .await;
    let mut template = of_root();
    template["spec"]["restartPolicy"] = json!("Always");
    template["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}});
    let container = &mut template["spec"]["containers"][0];
    container["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    container["resources"] = json!({"requests": {"memory": "2Mi"}});
    create::<Deployment>(&fixture, deployment(&template)).await;
    until_refused(&fixture).await;
    let found = found(&collect(&fixture).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].1.contains("quota is used up") && found[0].1.contains("exceeded quota: small"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn a_job_that_is_refused_is_found_by_its_event() {
    let fixture = Fixture::start("doctor-job", &["amd64"]).await;
    create::<Job>(&fixture, json!({"metadata": {"name": "shards"}, "spec": {"template": of_root()}})).await;
    let events: Api<Event> = Api::namespaced(fixture.client.clone(), fixture.name);
    eventually("the Job's controller tells of it", async || {
        let events = events.list(&ListParams::default()).await.unwrap().items;
        events.iter().find(|event| event.reason.as_deref() == Some("FailedCreate")).map(drop)
    })
    .await;
    let found = found(&collect(&fixture).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].0 == "Job shards" && found[0].1.contains("violates PodSecurity"), "{found:#?}");
}

#[tokio::test]
async fn a_pod_that_is_not_ready_is_known_with_what_was_said_of_it() {
    let fixture = Fixture::start("doctor-unready", &["amd64"]).await;
    let said = "Readiness probe failed: HTTP probe failed with statuscode: 503";
    let is_started = |status: &ContainerStatus| status.started == Some(true);
    fixture.run(Script::new(Behaviour::NeverReady), is_started).await;
    let events: Api<Event> = Api::namespaced(fixture.client.clone(), fixture.name);
    eventually("its kubelet tells of it", async || {
        let events = events.list(&ListParams::default()).await.unwrap().items;
        events.iter().find(|event| event.reason.as_deref() == Some("Unhealthy")).map(drop)
    })
    .await;
    let mut facts = fixture.collect().await;
    let testbed::doctor::facts::Collected::Known(cluster) = &mut facts.cluster else { panic!("no cluster") };
    let pod = &mut cluster.pods[0];
    assert!(!pod.is_ready && pod.phase == "Running" && pod.age_seconds < 120, "{pod:#?}");
    assert_eq!(pod.warnings, [format!("Unhealthy: {said}")]);
    pod.age_seconds = 120;
    let found = found(&facts);
    assert!(found.len() == 1 && found[0].1.contains(said), "{found:#?}");
}

#[tokio::test]
async fn a_pod_that_its_node_evicted_is_found() {
    let fixture = Fixture::start("doctor-evicted", &["amd64"]).await;
    let message = "The node was low on resource: memory.".to_owned();
    let behaviour = Behaviour::Evicted { message: message.clone() };
    // What ran is known until the pod is evicted, so its phase is waited for.
    let facts = fixture.run_until(Script::new(behaviour), |pod| pod.phase.as_deref() == Some("Failed")).await;
    let found = found(&facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].1.contains(&format!("Evicted: {message}")) && found[0].2 == Severity::Warning,
        "{found:#?}"
    );
}

//! Pods that do what they should.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;
use test_cluster::{Behaviour, Script};
use test_support::eventually;

use crate::fixtures::{Fixture, IMAGE, condition, container, is_ready, pod};

#[tokio::test]
async fn a_pod_gets_ready_with_the_digest_it_was_asked_for() {
    let fixture = Fixture::start("ready").await;

    fixture.create(pod("ready", "a")).await;

    let pod = fixture.until("a", "the pod is ready", is_ready).await;
    let status = pod.status.as_ref().expect("a status");
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert!(status.pod_ip.as_ref().is_some_and(|ip| ip.starts_with("10.42.")), "{:?}", status.pod_ip);
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.35"));
    let digest = IMAGE.split_once('@').expect("the image has a digest").1;
    let container = container(&pod).expect("a container");
    assert_eq!(container.image_id, format!("192.168.0.35:5000/testbed/ingest-api@{digest}"));
    assert!(container.state.as_ref().is_some_and(|state| state.running.is_some()));
}

#[tokio::test]
async fn a_pod_that_is_deleted_goes() {
    let fixture = Fixture::start("deleted").await;
    let mut slow = pod("deleted", "a");
    slow["spec"]["terminationGracePeriodSeconds"] = json!(30);
    fixture.create(slow).await;
    fixture.until("a", "the pod is ready", is_ready).await;

    fixture.pods().delete("a", &DeleteParams::default()).await.expect("the pod can be deleted");

    let pods = fixture.pods();
    eventually("the pod is gone", async || pods.get_opt("a").await.ok()?.is_none().then_some(())).await;
}

#[tokio::test]
async fn a_deployment_becomes_available() {
    let fixture = Fixture::start("deployment").await;

    let deployments = fixture.deploy(3).await;

    eventually("three replicas are available", async || {
        let status = deployments.get("ingest-api").await.ok()?.status?;
        (status.available_replicas == Some(3)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_job_completes() {
    let fixture = Fixture::start("job").await;
    let script = Script::new(Behaviour::Completes { after: Duration::ZERO });
    fixture.kubelet.script("job", "ingest-api", script);
    let mut template = pod("job", "a");
    template["metadata"] = json!({});
    template["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"metadata": {"name": "simulator"}, "spec": {"template": template}});
    let jobs: Api<Job> = Api::namespaced(fixture.client.clone(), "job");

    let job = serde_json::from_value(job).expect("the job is one");
    jobs.create(&PostParams::default(), &job).await.expect("the job is allowed");

    eventually("the job has succeeded", async || {
        (jobs.get("simulator").await.ok()?.status?.succeeded == Some(1)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_slow_pod_runs_before_it_is_ready() {
    let fixture = Fixture::start("slow").await;
    fixture.run(Script::new(Behaviour::ReadyAfter(Duration::from_millis(500)))).await;

    let running = |pod: &_| container(pod).is_some_and(|container| container.started == Some(true));
    let pod = fixture.until("a", "the container runs", running).await;

    assert!(!is_ready(&pod));
    fixture.until("a", "the pod is ready", is_ready).await;
}

#[tokio::test]
async fn a_pod_whose_probe_fails_is_never_ready() {
    let fixture = Fixture::start("unready").await;
    fixture.run(Script::new(Behaviour::NeverReady)).await;

    let running = |pod: &_| container(pod).is_some_and(|container| container.started == Some(true));
    let pod = fixture.until("a", "the container runs", running).await;

    let expected = ("False", "ContainersNotReady", "containers with unready status: [ingest-api]");
    assert_eq!(condition(&pod, "Ready"), Some(expected));
    fixture.event("Readiness probe failed: HTTP probe failed with statuscode: 503").await;
}

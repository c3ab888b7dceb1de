//! Each way in which a pod fails is to be seen in the API as real nodes show it.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use serde_json::json;
use test_cluster::{Behaviour, PullError, Script};

use crate::fixtures::{Fixture, IMAGE, condition, container, is_ready, pod, waiting};

fn message(container: &ContainerStatus) -> &str {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    waiting.and_then(|waiting| waiting.message.as_deref()).expect("it waits with a message")
}

fn last_end(container: &ContainerStatus) -> &ContainerStateTerminated {
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    last.expect("the container has ended before")
}

fn has_failed(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed")
}

#[tokio::test]
async fn an_image_that_does_not_exist_backs_off() {
    let fixture = Fixture::start("not-found").await;

    let (container, phase) =
        fixture.waits(Behaviour::PullFails(PullError::NotFound), "ImagePullBackOff").await;

    assert_eq!(phase, "Pending");
    assert_eq!(container.image_id, "");
    // containerd leaves the tag out where there is a digest; the kubelet names what the pod asks for.
    let resolved = IMAGE.replace(":abc@", "@");
    let expected = format!(
        "Back-off pulling image \"{IMAGE}\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{resolved}\": failed to resolve reference \"{resolved}\": {resolved}: not found"
    );
    assert_eq!(message(&container), expected);
    fixture.event("Error: ErrImagePull").await;
}

#[tokio::test]
async fn a_plain_http_registry_is_named_with_its_url() {
    let fixture = Fixture::start("http-registry").await;

    let (container, _) =
        fixture.waits(Behaviour::PullFails(PullError::HttpRegistry), "ImagePullBackOff").await;

    let (name, digest) = IMAGE.split_once('@').expect("the image has a digest");
    assert!(name.ends_with(":abc"));
    let expected = format!(
        "Head \"https://192.168.0.35:5000/v2/testbed/ingest-api/manifests/{digest}\": http: server gave HTTP response to HTTPS client"
    );
    assert!(message(&container).ends_with(&expected), "{}", message(&container));
    assert!(!message(&container).contains("rpc error"), "{}", message(&container));
}

#[tokio::test]
async fn an_image_of_other_platforms_only_backs_off() {
    let fixture = Fixture::start("no-platform").await;

    let (container, _) = fixture.waits(Behaviour::PullFails(PullError::NoPlatform), "ImagePullBackOff").await;

    assert!(
        message(&container).ends_with("no match for platform in manifest: not found"),
        "{}",
        message(&container)
    );
}

#[tokio::test]
async fn a_program_of_another_architecture_crashes_with_its_reason_in_the_log() {
    let fixture = Fixture::start("exec-format").await;

    let (container, phase) = fixture.waits(Behaviour::ExecFormatError, "CrashLoopBackOff").await;

    assert_eq!(phase, "Running");
    assert_eq!(
        (last_end(&container).exit_code, last_end(&container).reason.as_deref()),
        (255, Some("Error"))
    );
    let logs = fixture.pods().logs("a", &kube::api::LogParams::default()).await.expect("logs can be read");
    assert_eq!(logs, "exec /usr/local/bin/ingest-api: exec format error\n");
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_does_not_start() {
    let fixture = Fixture::start("permission").await;

    let (container, _) = fixture.waits(Behaviour::PermissionDenied, "CrashLoopBackOff").await;

    let end = last_end(&container);
    assert_eq!((end.exit_code, end.reason.as_deref()), (128, Some("StartError")));
    let message = end.message.as_deref().expect("a message");
    assert!(message.ends_with("exec: \"/usr/local/bin/ingest-api\": permission denied"), "{message}");
}

#[tokio::test]
async fn a_crash_is_shown_with_its_exit_code() {
    let fixture = Fixture::start("crash").await;

    let (container, _) = fixture.waits(Behaviour::Crashes { exit_code: 132 }, "CrashLoopBackOff").await;

    assert_eq!((last_end(&container).exit_code, container.restart_count), (132, 1));
    let expected = "back-off 10s restarting failed container=ingest-api pod=a_crash(";
    assert!(message(&container).starts_with(expected), "{}", message(&container));
}

#[tokio::test]
async fn too_much_memory_ends_with_137() {
    let fixture = Fixture::start("memory").await;

    let (container, _) = fixture.waits(Behaviour::OutOfMemory, "CrashLoopBackOff").await;

    let end = last_end(&container);
    assert_eq!((end.exit_code, end.reason.as_deref()), (137, Some("OOMKilled")));
}

#[tokio::test]
async fn missing_configuration_is_named() {
    let fixture = Fixture::start("configuration").await;
    let text = "configmap \"testbed\" not found";

    let behaviour = Behaviour::ConfigurationMissing { message: text.to_owned() };
    let (container, phase) = fixture.waits(behaviour, "CreateContainerConfigError").await;

    assert_eq!((message(&container), phase.as_str()), (text, "Pending"));
}

#[tokio::test]
async fn an_image_of_root_is_refused() {
    let fixture = Fixture::start("root").await;

    let (container, _) = fixture.waits(Behaviour::RunsAsRoot, "CreateContainerConfigError").await;

    let expected = "container has runAsNonRoot and image will run as root (pod: \"a_root(";
    assert!(message(&container).starts_with(expected), "{}", message(&container));
}

#[tokio::test]
async fn an_image_of_a_named_user_is_refused() {
    let fixture = Fixture::start("named-user").await;

    let (container, _) =
        fixture.waits(Behaviour::NamedUser("app".to_owned()), "CreateContainerConfigError").await;

    assert!(message(&container).contains("image has non-numeric user (app), cannot verify user is non-root"));
}

#[tokio::test]
async fn an_evicted_pod_has_failed() {
    let fixture = Fixture::start("evicted").await;
    let text = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 96Mi. ";
    fixture.run(Script::new(Behaviour::Evicted { message: text.to_owned() })).await;

    let pod = fixture.until("a", "the pod has failed", has_failed).await;

    let disruption = condition(&pod, "DisruptionTarget").expect("the condition is there");
    assert_eq!(disruption, ("True", "TerminationByKubelet", text));
    let status = pod.status.expect("a status");
    assert_eq!((status.reason.as_deref(), status.message.as_deref()), (Some("Evicted"), Some(text)));
}

#[tokio::test]
async fn without_restarts_a_crash_is_final() {
    let fixture = Fixture::start("final").await;
    fixture.kubelet.script("final", "ingest-api", Script::new(Behaviour::Crashes { exit_code: 1 }));
    let mut once = pod("final", "once");
    once["spec"]["restartPolicy"] = json!("Never");

    fixture.create(once).await;
    fixture.until("once", "the pod has failed", has_failed).await;
    // Another's restart shows that this one's would have come.
    fixture.create(pod("final", "again")).await;
    fixture
        .until("again", "the other is restarted", |pod| {
            waiting(pod).is_some_and(|(reason, _)| reason == "CrashLoopBackOff")
        })
        .await;

    let pod = fixture.pods().get("once").await.expect("the pod exists");
    assert_eq!(container(&pod).map(|container| container.restart_count), Some(0));
}

#[tokio::test]
async fn a_script_holds_for_so_many_pods() {
    let fixture = Fixture::start("counted").await;
    let script =
        Script::new(Behaviour::Evicted { message: "The node had condition: [DiskPressure]. ".to_owned() });
    let script = script.times(1);

    fixture.kubelet.script("counted", "ingest-api", script.clone());
    fixture.create(pod("counted", "a")).await;
    fixture.until("a", "the first is evicted", has_failed).await;
    fixture.create(pod("counted", "b")).await;
    fixture.until("b", "the second runs", is_ready).await;
    // The third's end shows that the second's would have come.
    fixture.kubelet.script("counted", "ingest-api", script);
    fixture.create(pod("counted", "c")).await;
    fixture.until("c", "the third is evicted", has_failed).await;

    assert!(is_ready(&fixture.pods().get("b").await.expect("the second exists")));
}

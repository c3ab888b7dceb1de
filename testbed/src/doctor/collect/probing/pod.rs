//! One pod: what it is, and what becomes of it.

use super::super::cluster::{pods, said};
use super::place::Place;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{LogParams, PostParams};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A small image over a slow network, and three seconds for each address that does not answer.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Controllers give a new namespace its account, without which no pod is admitted, within about a second.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// Kubelets tell of changes within about a second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What the kubelet says where it does not get the image.
const PULL_FAILURES: [&str; 4] =
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];

/// A directory of the pod in which files can be written, on the storage that the node gives to pods.
pub(super) const SCRATCH: &str = "/scratch";

/// What all pods run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) image: String,
    /// After `probe`.
    pub(super) arguments: Vec<String>,
    /// Also where the node has kept the image: that it can be pulled is what is asked.
    pub(super) is_pulled: bool,
}

/// What became of one pod.
pub(super) enum End {
    Printed(String),
    NotPulled(String),
    /// Neither is known.
    Unknown(String),
}

/// Gives the name of the pod.
pub(super) async fn start(api: &Api<Pod>, place: &Place, order: &Order, node: &str) -> Result<String, End> {
    let refused = |reason: &str| End::Unknown(format!("the probe cannot be started: {reason}"));
    let pod = serde_json::from_value(pod(place, order, node)).map_err(|error| refused(&error.to_string()))?;
    let create = async {
        loop {
            match api.create(&PostParams::default(), &pod).await {
                Err(error) if place.is_temporary && said(&error).contains("service account") => {
                    sleep(POLL_INTERVAL).await;
                }
                created => return created,
            }
        }
    };
    match timeout(CREATE_TIMEOUT, create).await {
        Ok(Ok(created)) => Ok(created.metadata.name.unwrap_or_default()),
        Ok(Err(error)) => Err(refused(&said(&error))),
        Err(_) => Err(refused("the API server does not answer, or the namespace gets no service account")),
    }
}

/// Waits until it has ended or cannot start.
pub(super) async fn wait(api: &Api<Pod>, started: Result<String, End>) -> End {
    let name = match started {
        Ok(name) => name,
        Err(end) => return end,
    };
    let deadline = Instant::now() + TIMEOUT;
    let mut state = "it was not placed".to_owned();
    while Instant::now() < deadline {
        match api.get(&name).await {
            Ok(pod) => match look(api, &name, &pod).await {
                Ok(end) => return end,
                Err(now) => state = now,
            },
            Err(error) => state = said(&error),
        }
        sleep(POLL_INTERVAL).await;
    }
    End::Unknown(format!("the probe did not end within {} s: {state}", TIMEOUT.as_secs()))
}

/// Its end, or its state.
async fn look(api: &Api<Pod>, name: &str, pod: &Pod) -> Result<End, String> {
    let facts = pods::facts(pod);
    let container = facts.containers.first();
    let waiting = container.and_then(|container| container.waiting.clone()).unwrap_or_default();
    if PULL_FAILURES.contains(&waiting.as_str()) {
        let message = container.and_then(|container| container.message.clone());
        return Ok(End::NotPulled(message.map_or(waiting, |message| innermost(&message).to_owned())));
    }
    if ["Succeeded", "Failed"].contains(&facts.phase.as_str()) {
        let log = api.logs(name, &LogParams::default()).await;
        return Ok(match log {
            Ok(log) => End::Printed(log),
            Err(error) => End::Unknown(format!("the probe's log cannot be read: {}", said(&error))),
        });
    }
    Err(facts.unschedulable.unwrap_or_else(|| format!("{} {waiting}", facts.phase).trim().to_owned()))
}

/// What containerd says in the end, without the steps that led there, each of which names the image again.
fn innermost(message: &str) -> &str {
    let rest = message.split_once(" desc = ").map_or(message, |(_, rest)| rest);
    ["failed to pull and unpack image \"", "failed to resolve reference \""].into_iter().fold(
        rest,
        |rest, step| {
            let behind = rest.strip_prefix(step).and_then(|rest| rest.split_once("\": "));
            behind.map_or(rest, |(_, rest)| rest)
        },
    )
}

/// As restricted pod security wants it, on this node whatever its taints, and ended by itself.
fn pod(place: &Place, order: &Order, node: &str) -> serde_json::Value {
    let arguments: Vec<&str> =
        std::iter::once("probe").chain(order.arguments.iter().map(String::as_str)).collect();
    let on_node = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "testbed-doctor-", "labels": place.labels()},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 2 * TIMEOUT.as_secs(),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [on_node]}],
            }}},
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "probe",
                "image": order.image,
                "imagePullPolicy": if order.is_pulled { "Always" } else { "IfNotPresent" },
                "args": arguments,
                "resources": {
                    "requests": {"cpu": "10m", "memory": "16Mi"},
                    "limits": {"memory": "32Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
            }],
            "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::innermost;

    #[test]
    fn of_a_failed_pull_the_cause_is_told() {
        let steps = "Back-off pulling image \"r/a@sha256:1\": ErrImagePull: rpc error: code = Unknown desc = failed to pull \
            and unpack image \"r/a@sha256:1\": ";
        for (step, cause) in [
            ("failed to resolve reference \"r/a@sha256:1\": ", "r/a@sha256:1: not found"),
            ("", "no match for platform in manifest: not found"),
        ] {
            assert_eq!(innermost(&format!("{steps}{step}{cause}")), cause);
        }
        assert_eq!(
            innermost("couldn't parse image name \"R\": invalid"),
            "couldn't parse image name \"R\": invalid"
        );
    }
}

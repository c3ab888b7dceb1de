//! The status that kubelet writes for a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::containers::{State, Step};
use crate::image::parts;

/// A container as the API shows it.
pub(crate) struct ContainerView {
    name: String,
    image: String,
    status: Value,
    /// The newest end, which becomes the last state with the next one.
    ended: Option<Value>,
    ready: bool,
}

impl ContainerView {
    pub(crate) fn new(container: &Container) -> Self {
        let image = container.image.clone().unwrap_or_default();
        Self { name: container.name.clone(), image, status: Value::Null, ended: None, ready: false }
    }

    /// `now` is RFC 3339.
    pub(crate) fn apply(&mut self, step: &Step, pod_uid: &str, now: &str) {
        let identity = format!("containerd://{}", hex(&format!("{pod_uid}/{}/{}", self.name, step.restarts)));
        let last = self.ended.clone();
        let mut created = true;
        let state = match &step.state {
            State::Waiting { reason, message, created: exists } => {
                created = *exists;
                json!({"waiting": {"reason": reason, "message": message}})
            }
            State::Running => json!({"running": {"startedAt": self.started().unwrap_or(json!(now))}}),
            State::Terminated { exit_code, reason, message } => {
                let end = json!({
                    "exitCode": exit_code, "reason": reason, "message": message, "containerID": identity,
                    "startedAt": self.started().unwrap_or(json!(now)), "finishedAt": now,
                });
                self.ended = Some(end.clone());
                json!({"terminated": end})
            }
        };
        let is_running = matches!(step.state, State::Running);
        self.ready = step.ready;
        self.status = json!({
            "name": self.name,
            "image": self.image,
            "imageID": if created { image_id(&self.image) } else { String::new() },
            "containerID": created.then_some(identity),
            "state": state,
            "lastState": last.map_or(json!({}), |end| json!({"terminated": end})),
            "ready": step.ready,
            "started": is_running,
            "restartCount": step.restarts,
        });
    }

    /// It has been through a step.
    pub(crate) fn is_known(&self) -> bool {
        !self.status.is_null()
    }

    pub(crate) fn status(&self) -> &Value {
        &self.status
    }

    fn started(&self) -> Option<Value> {
        self.status.pointer("/state/running/startedAt").cloned()
    }

    fn exit_code(&self) -> Option<i64> {
        self.status.pointer("/state/terminated/exitCode")?.as_i64()
    }
}

/// What runs on a node reports the digest that it was asked for; otherwise one that belongs to the name.
fn image_id(image: &str) -> String {
    match parts(image) {
        (repository, digest) if digest.starts_with("sha256:") => format!("{repository}@{digest}"),
        (repository, _) => format!("{repository}@sha256:{}", hex(image)),
    }
}

fn hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a pod is.
pub(crate) struct Place<'a> {
    pub(crate) host_ip: &'a str,
    pub(crate) pod_ip: &'a str,
    /// RFC 3339.
    pub(crate) start_time: &'a str,
    /// `restartPolicy: Always`.
    pub(crate) always_restarts: bool,
}

/// The last status and time of each condition: the time stays while the status does.
pub(crate) type Transitions = BTreeMap<&'static str, (bool, String)>;

/// A strategic merge patch of the pod's status: it keeps what others than kubelet wrote.
pub(crate) fn patch(
    views: &[&ContainerView],
    place: &Place<'_>,
    transitions: &mut Transitions,
    now: &str,
) -> Value {
    let phase = phase(views, place.always_restarts);
    let unready: Vec<&str> = views.iter().filter(|view| !view.ready).map(|view| view.name.as_str()).collect();
    let (reason, message) = match phase {
        _ if unready.is_empty() => (None, None),
        "Succeeded" => (Some("PodCompleted"), None),
        "Failed" => (Some("PodFailed"), None),
        _ => (
            Some("ContainersNotReady"),
            Some(format!("containers with unready status: [{}]", unready.join(" "))),
        ),
    };
    let mut condition =
        |kind: &'static str, is_true: bool, reason: Option<&str>, message: &Option<String>| {
            let entry = transitions.entry(kind).or_insert_with(|| (is_true, now.to_owned()));
            if entry.0 != is_true {
                *entry = (is_true, now.to_owned());
            }
            let status = if is_true { "True" } else { "False" };
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastProbeTime": null, "lastTransitionTime": entry.1,
            })
        };
    let is_ready = unready.is_empty();
    json!({"status": {
        "phase": phase,
        "startTime": place.start_time,
        "hostIP": place.host_ip,
        "hostIPs": [{"ip": place.host_ip}],
        "podIP": place.pod_ip,
        "podIPs": [{"ip": place.pod_ip}],
        "containerStatuses": views.iter().map(|view| &view.status).collect::<Vec<_>>(),
        "conditions": [
            condition("PodReadyToStartContainers", true, None, &None),
            condition("Initialized", true, None, &None),
            condition("ContainersReady", is_ready, reason, &message),
            condition("Ready", is_ready, reason, &message),
        ],
    }})
}

/// As kubelet's `getPhase`: a container that waits after it ran keeps its pod `Running`.
fn phase(views: &[&ContainerView], always_restarts: bool) -> &'static str {
    if views.iter().any(|view| view.status.pointer("/state/waiting").is_some() && view.ended.is_none()) {
        return "Pending";
    }
    let ends: Option<Vec<i64>> = views.iter().map(|view| view.exit_code()).collect();
    match ends {
        Some(codes) if !always_restarts => {
            if codes.iter().all(|code| *code == 0) {
                "Succeeded"
            } else {
                "Failed"
            }
        }
        _ => "Running",
    }
}

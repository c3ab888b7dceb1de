//! What a pod is doing, and why it does not run: a pure function of what the API server has recorded.

mod container;
mod image;
mod scheduling;
#[cfg(test)]
mod tests;

use container::Faulty;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Node, Pod, PodStatus};

pub use scheduling::{of_failed_job, of_refused_creation};

/// Why something does not run, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// In our words.
    pub cause: String,
    /// In the cluster's words.
    pub evidence: String,
    /// What helps.
    pub remedy: String,
    /// Whether waiting cannot help.
    pub is_final: bool,
}

impl Diagnosis {
    fn new(cause: impl Into<String>, evidence: &str, remedy: impl Into<String>, is_final: bool) -> Self {
        Self { cause: cause.into(), evidence: evidence.trim().to_owned(), remedy: remedy.into(), is_final }
    }
}

/// A pod at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    pub name: String,
    /// The service: its label `app.kubernetes.io/name`.
    pub service: String,
    /// None until it is scheduled.
    pub node: Option<String>,
    /// That of the node, as Kubernetes calls it: `arm64`.
    pub architecture: Option<String>,
    /// What its image resolved to on the node, once it is there: `sha256:…`.
    pub digest: Option<String>,
    /// As Kubernetes calls it: `Pending`, `Running`, `Succeeded`, `Failed`; `Terminating` while it is deleted.
    pub phase: String,
    pub is_ready: bool,
    pub restarts: i32,
    /// What comes next, in a few words; none for a pod that is ready or has ended.
    pub waiting_for: Option<String>,
    pub diagnosis: Option<Diagnosis>,
}

/// Reads a pod: with the events about it, its node, and the last lines that its containers wrote before they ended.
#[must_use]
pub fn observe(pod: &Pod, events: &[&Event], node: Option<&Node>, last_lines: &[String]) -> PodState {
    let status = pod.status.clone().unwrap_or_default();
    let is_ready = condition(&status, "Ready") == Some("True");
    let phase = status.phase.clone().unwrap_or_else(|| "Pending".to_owned());
    let is_terminating = pod.metadata.deletion_timestamp.is_some();
    let has_ended = matches!(phase.as_str(), "Succeeded");
    let node_info = node.and_then(|node| node.status.as_ref()).and_then(|status| status.node_info.as_ref());
    let architecture = node_info.map(|info| info.architecture.clone());
    let is_settled = is_terminating || has_ended || is_ready;
    let diagnosis = if is_settled {
        None
    } else {
        diagnose(pod, &status, events, node, architecture.as_deref(), last_lines)
    };
    let waiting_for = if is_settled { None } else { Some(waiting_for(&status, events)) };
    let labels = pod.metadata.labels.as_ref();
    PodState {
        name: pod.metadata.name.clone().unwrap_or_default(),
        service: labels.and_then(|labels| labels.get("app.kubernetes.io/name")).cloned().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        architecture,
        digest: digest(&status),
        phase: if is_terminating { "Terminating".to_owned() } else { phase },
        is_ready,
        restarts: containers(&status).map(|container| container.restart_count).sum(),
        waiting_for,
        diagnosis,
    }
}

/// Where a container has ended before, so that its last lines say why.
#[must_use]
pub fn ended_container(pod: &Pod) -> Option<(&str, bool)> {
    let status = pod.status.as_ref()?;
    let ended = containers(status).find(|container| Faulty::of(container).is_some())?;
    // The lines of the container that runs now, or of the one before it.
    let is_previous = ended.state.as_ref().is_none_or(|state| state.terminated.is_none());
    Some((&ended.name, is_previous))
}

fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let initial = status.init_container_statuses.iter().flatten();
    initial.chain(status.container_statuses.iter().flatten())
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a str> {
    let conditions = status.conditions.iter().flatten();
    conditions
        .into_iter()
        .find(|condition| condition.type_ == kind)
        .map(|condition| condition.status.as_str())
}

fn digest(status: &PodStatus) -> Option<String> {
    let image_id = &status.container_statuses.as_ref()?.first()?.image_id;
    image_id.rsplit_once('@').map(|(_, digest)| digest.to_owned())
}

fn diagnose(
    pod: &Pod,
    status: &PodStatus,
    events: &[&Event],
    node: Option<&Node>,
    architecture: Option<&str>,
    last_lines: &[String],
) -> Option<Diagnosis> {
    if status.reason.as_deref() == Some("Evicted") {
        return Some(scheduling::of_eviction(status.message.as_deref().unwrap_or_default()));
    }
    if let Some(unscheduled) = scheduling::of_conditions(status) {
        return Some(unscheduled);
    }
    let place = container::Place {
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("its node"),
        architecture: architecture.unwrap_or("unknown"),
    };
    let of_container = |container: &ContainerStatus| {
        image::of_waiting(container, events, &place)
            .or_else(|| container::of_waiting(container, &place))
            .or_else(|| container::of_ended(pod, container, events, &place, last_lines))
    };
    containers(status)
        .find_map(of_container)
        .or_else(|| node.and_then(scheduling::of_node))
        .or_else(|| scheduling::of_mounts(events))
}

/// The next step that has not been taken.
fn waiting_for(status: &PodStatus, events: &[&Event]) -> String {
    if condition(status, "PodScheduled") != Some("True") {
        return "a node".to_owned();
    }
    let waiting = containers(status).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        Some((container, waiting.reason.as_deref().unwrap_or_default()))
    });
    match waiting {
        Some((container, "ContainerCreating" | "PodInitializing")) => creating(container, events),
        Some((container, "ErrImagePull" | "ImagePullBackOff")) => format!("the image of {}", container.name),
        Some((container, "CrashLoopBackOff")) => format!("another start of {}", container.name),
        Some((container, reason)) => format!("{} ({reason})", container.name),
        None if status.container_statuses.is_none() => "its node to take it".to_owned(),
        None => "its probes".to_owned(),
    }
}

/// While a container is created, events say whether its image is being pulled.
fn creating(container: &ContainerStatus, events: &[&Event]) -> String {
    let last =
        events.iter().rev().find(|event| matches!(event.reason.as_deref(), Some("Pulling" | "Pulled")));
    match last.and_then(|event| event.reason.as_deref()) {
        Some("Pulling") => format!("the image of {}, being pulled", container.name),
        _ => format!("{} to be created", container.name),
    }
}

/// The message of the newest event with this reason.
fn message_of<'a>(events: &[&'a Event], reason: &str) -> Option<&'a str> {
    let newest = events.iter().rev().find(|event| event.reason.as_deref() == Some(reason))?;
    newest.message.as_deref()
}

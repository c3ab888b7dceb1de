//! A pod, as the API server has it.

use crate::doctor::facts::{ContainerFacts, PodFacts, redact};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use kube::Api;
use kube::api::LogParams;

/// A panic and its reason; more would be in the way of the rest.
const LINES_MAX: i64 = 5;
const LOG_BYTES_MAX: i64 = 4096;

pub(in crate::doctor::collect) fn facts(pod: &Pod) -> PodFacts {
    let status = pod.status.clone().unwrap_or_default();
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let is = |kind: &str, status: &str| {
        conditions.iter().find(|condition| condition.type_ == kind && condition.status == status)
    };
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let age_seconds = created.map_or(0, |created| jiff::Timestamp::now().as_second() - created.as_second());
    let owners = pod.metadata.owner_references.iter().flatten();
    PodFacts {
        name: pod.metadata.name.clone().unwrap_or_default(),
        service: labels.get("app.kubernetes.io/name").cloned().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        phase: status.phase.unwrap_or_default(),
        quality_of_service: status.qos_class.unwrap_or_default(),
        controller: owners.map(|owner| owner.kind.clone()).next(),
        age_seconds: u64::try_from(age_seconds).unwrap_or(0),
        is_ready: is("Ready", "True").is_some(),
        reason: status.reason,
        message: status.message.map(|message| redact(&message)),
        warnings: Vec::new(),
        unschedulable: is("PodScheduled", "False").and_then(|condition| condition.message.clone()),
        containers: status.container_statuses.unwrap_or_default().iter().map(container).collect(),
    }
}

/// Reads the last lines of containers that ended otherwise than by success: some reasons stand nowhere else, such as that of a
/// program for another architecture.
pub(super) async fn read_last_lines(api: &Api<Pod>, pods: &mut [PodFacts]) {
    for pod in pods {
        for container in pod.containers.iter_mut().filter(|container| container.exit_code.is_some()) {
            for previous in [true, false] {
                let parameters = LogParams {
                    container: Some(container.name.clone()),
                    tail_lines: Some(LINES_MAX),
                    limit_bytes: Some(LOG_BYTES_MAX),
                    previous,
                    ..LogParams::default()
                };
                // One that is not there tells nothing; the state above does.
                let log = api.logs(&pod.name, &parameters).await.unwrap_or_default();
                container.last_lines = log.lines().map(redact).collect();
                if !log.is_empty() {
                    break;
                }
            }
        }
    }
}

fn container(status: &ContainerStatus) -> ContainerFacts {
    let state = status.state.clone().unwrap_or_default();
    let waiting = state.waiting.clone().unwrap_or_default();
    let ended = ended(&state).or_else(|| ended(&status.last_state.clone().unwrap_or_default()));
    let why_ended = ended.as_ref().and_then(|ended| ended.message.clone());
    // Of a crash the state says only how long it backs off.
    let message = match waiting.reason.as_deref() {
        Some("CrashLoopBackOff") => why_ended.or(waiting.message),
        _ => waiting.message.or(why_ended),
    };
    ContainerFacts {
        name: status.name.clone(),
        image: redact(&status.image),
        image_id: status.image_id.clone(),
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        waiting: waiting.reason,
        message: message.map(|message| redact(&message)),
        exit_code: ended.as_ref().map(|ended| ended.exit_code),
        ended: ended.and_then(|ended| ended.reason),
        last_lines: Vec::new(),
    }
}

/// Its end, if it is no success.
fn ended(state: &ContainerState) -> Option<ContainerStateTerminated> {
    state.terminated.clone().filter(|ended| ended.exit_code != 0)
}

//! What Kubernetes warns of: pods that are not ready, and pods that nobody sees because they were never created.

use crate::doctor::facts::{PodFacts, RefusalFacts, redact};
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Event;

/// What still goes wrong is told again within that time; what was told before may have been put right.
const RECENT_MINUTES: i64 = 15;

/// What the scheduler says; the pod's condition tells it as long as it holds.
const UNPLACED: &str = "FailedScheduling";

/// Of one pod; more repeat each other.
const WARNINGS_MAX: usize = 3;

/// Gives each pod what was said of it.
pub(super) fn attach(events: &[Event], pods: &mut [PodFacts]) {
    let events = recent(events);
    for pod in pods {
        let is_of_it = |event: &&&Event| {
            event.involved_object.kind.as_deref() == Some("Pod")
                && event.involved_object.name.as_deref() == Some(&pod.name)
                && event.reason.as_deref() != Some(UNPLACED)
        };
        let told = events.iter().filter(is_of_it).map(|event| {
            format!("{}: {}", event.reason.as_deref().unwrap_or_default(), message(event.message.as_deref()))
        });
        pod.warnings = told.take(WARNINGS_MAX).collect();
    }
}

/// Of Deployments by their condition, which stays as long as it holds; of what has no such condition by events.
pub(super) fn refusals(events: &[Event], deployments: &[Deployment]) -> Vec<RefusalFacts> {
    let mut refusals: Vec<RefusalFacts> = deployments.iter().filter_map(failure).collect();
    for event in recent(events) {
        let object = &event.involved_object;
        let kind = object.kind.as_deref().unwrap_or_default();
        // What a ReplicaSet is refused, its Deployment tells.
        if event.reason.as_deref() != Some("FailedCreate") || kind == "ReplicaSet" {
            continue;
        }
        let object = format!("{kind} {}", object.name.as_deref().unwrap_or_default());
        if refusals.iter().all(|refusal| refusal.object != object) {
            refusals.push(RefusalFacts { object, message: message(event.message.as_deref()) });
        }
    }
    refusals
}

fn failure(deployment: &Deployment) -> Option<RefusalFacts> {
    let conditions = deployment.status.as_ref()?.conditions.iter().flatten();
    let mut failures =
        conditions.filter(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True");
    let message = message(failures.next()?.message.as_deref());
    Some(RefusalFacts { object: format!("Deployment {}", deployment.metadata.name.as_ref()?), message })
}

/// Warnings, newest first.
fn recent(events: &[Event]) -> Vec<&Event> {
    let since = Timestamp::now() - RECENT_MINUTES.minutes();
    let warnings = events.iter().filter(|event| event.type_.as_deref() == Some("Warning"));
    let mut recent: Vec<&Event> = warnings.filter(|event| time(event) >= since).collect();
    recent.sort_by_key(|event| std::cmp::Reverse(time(event)));
    recent
}

/// When it was last seen; which of the fields is set depends on who tells it.
fn time(event: &Event) -> Timestamp {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let times = [
        series.map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        event.metadata.creation_timestamp.as_ref().map(|time| time.0),
    ];
    times.into_iter().flatten().max().unwrap_or_default()
}

fn message(message: Option<&str>) -> String {
    redact(message.unwrap_or_default().trim())
}

#[cfg(test)]
mod tests;

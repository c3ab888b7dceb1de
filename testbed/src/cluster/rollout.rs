//! Whether a workload runs as it was applied, and which pods are of its newest version.

use super::objects::ObjectKey;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

/// The number of a rollout, which the deployment controller gives each of its replica sets.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// How far a workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    pub key: ObjectKey,
    /// Another one of the same name has another.
    pub uid: Option<String>,
    /// Pods that it is to have.
    pub wanted: i64,
    /// Pods of its newest version that are ready.
    pub ready: i64,
    /// Whether nothing is left to happen.
    pub is_done: bool,
    /// Why a job was given up, in its controller's words.
    pub failure: Option<String>,
}

/// Reads how far a workload is; none for what is no workload.
#[must_use]
pub fn rollout(key: &ObjectKey, live: &Value) -> Option<Rollout> {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64);
    let status = |name: &str| number(&format!("/status/{name}")).unwrap_or(0);
    let replicas = number("/spec/replicas").unwrap_or(1);
    let (wanted, ready, is_settled) = match key.kind.as_str() {
        // Old pods are counted in replicas, and not in updatedReplicas.
        "Deployment" => {
            let updated = status("updatedReplicas");
            (replicas, status("availableReplicas").min(updated), status("replicas") == updated)
        }
        "StatefulSet" => (replicas, status("readyReplicas").min(status("updatedReplicas")), true),
        "DaemonSet" => (
            status("desiredNumberScheduled"),
            status("numberReady").min(status("updatedNumberScheduled")),
            true,
        ),
        // A run takes as long as it takes: what counts is that it runs, or has ended well.
        "Job" => {
            let wanted = number("/spec/completions").or(number("/spec/parallelism")).unwrap_or(1);
            (wanted, status("ready") + status("succeeded"), true)
        }
        _ => return None,
    };
    // The controller has not looked at it since it was applied.
    let is_seen =
        key.kind == "Job" || status("observedGeneration") >= number("/metadata/generation").unwrap_or(0);
    let failure = if key.kind == "Job" { failure(live) } else { None };
    Some(Rollout {
        key: key.clone(),
        uid: live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned),
        wanted,
        ready,
        is_done: is_seen && is_settled && ready >= wanted,
        failure,
    })
}

/// The condition by which a controller gives a job up.
fn failure(live: &Value) -> Option<String> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    let text = |condition: &Value, name: &str| condition.get(name).and_then(Value::as_str).map(str::to_owned);
    let failed = conditions.iter().find(|condition| {
        text(condition, "type").as_deref() == Some("Failed")
            && text(condition, "status").as_deref() == Some("True")
    })?;
    text(failed, "message")
}

/// Whether a pod belongs to a workload and is of its newest version; `replica_sets` are those of the namespace.
#[must_use]
pub fn is_current(pod: &Pod, key: &ObjectKey, replica_sets: &[ReplicaSet]) -> bool {
    if key.kind != "Deployment" {
        return owner(&pod.metadata).is_some_and(|(kind, name)| kind == key.kind && name == key.name);
    }
    let newest = newest_set(key, replica_sets).and_then(|set| set.metadata.name.as_deref());
    newest.is_some() && owner(&pod.metadata).map(|(_, name)| name) == newest
}

/// The replica set of a deployment's newest version.
fn newest_set<'a>(key: &ObjectKey, replica_sets: &'a [ReplicaSet]) -> Option<&'a ReplicaSet> {
    let own =
        replica_sets.iter().filter(|set| owner(&set.metadata) == Some(("Deployment", key.name.as_str())));
    own.max_by_key(|set| {
        let revision = set.metadata.annotations.as_ref().and_then(|annotations| annotations.get(REVISION));
        revision.and_then(|revision| revision.parse::<u64>().ok())
    })
}

/// Why the newest version of a deployment lacks pods, in the words of admission. Neither the deployment's condition nor that of
/// its replica set says another reason after the first, so that of the newest event counts; `events` are sorted by their time.
#[must_use]
pub fn refused_creation(key: &ObjectKey, replica_sets: &[ReplicaSet], events: &[Event]) -> Option<String> {
    let set = newest_set(key, replica_sets)?;
    let conditions = set.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    let of_set = |event: &&Event| {
        event.reason.as_deref() == Some("FailedCreate") && event.involved_object.uid == set.metadata.uid
    };
    let newest = events.iter().rev().find(of_set).and_then(|event| event.message.clone());
    newest.or_else(|| failed.message.clone()).map(|message| {
        // An event says it in front of the reason.
        message.strip_prefix("Error creating: ").map_or(message.clone(), str::to_owned)
    })
}

/// What controls an object: kind and name.
fn owner(metadata: &ObjectMeta) -> Option<(&str, &str)> {
    let owners = metadata.owner_references.as_ref()?;
    let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some((&controller.kind, &controller.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(kind: &str) -> ObjectKey {
        ObjectKey {
            api_version: "apps/v1".into(),
            kind: kind.into(),
            namespace: None,
            name: "ingest-api".into(),
        }
    }

    fn deployment(status: &Value) -> Rollout {
        let live = json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status});
        rollout(&key("Deployment"), &live).unwrap()
    }

    #[test]
    fn deployment_is_done_when_all_its_pods_are_new_and_available() {
        let status = |seen: i64, replicas: i64, updated: i64, available: i64| json!({"observedGeneration": seen, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available});
        assert!(deployment(&status(2, 2, 2, 2)).is_done);
        assert!(!deployment(&status(1, 2, 2, 2)).is_done, "its change has not been seen");
        assert!(!deployment(&status(2, 3, 2, 3)).is_done, "an old pod is left");
        assert!(!deployment(&status(2, 2, 2, 1)).is_done, "one is not available");
        assert!(!deployment(&json!({})).is_done, "nothing has happened");
    }

    #[test]
    fn newest_reason_counts_where_pods_are_refused() {
        let set = |name: &str, revision: &str| -> ReplicaSet {
            serde_json::from_value(json!({"metadata": {"name": name, "uid": name, "annotations": {REVISION: revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "ingest-api", "uid": "", "controller": true}]},
                "status": {"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": format!("said of {name}")}]}}))
            .unwrap()
        };
        let event = |uid: &str, message: &str| -> Event {
            serde_json::from_value(
                json!({"metadata": {}, "involvedObject": {"uid": uid}, "reason": "FailedCreate", "message": message}),
            )
            .unwrap()
        };
        let sets = [set("old", "1"), set("new", "2")];
        let refused =
            |sets: &[ReplicaSet], events: &[Event]| refused_creation(&key("Deployment"), sets, events);
        let events = [
            event("new", "Error creating: quota"),
            event("new", "Error creating: limits"),
            event("old", "other"),
        ];
        assert_eq!(refused(&sets, &events).as_deref(), Some("limits"));
        assert_eq!(refused(&sets, &[]).as_deref(), Some("said of new"));
        let mut passed = sets.clone();
        let conditions = &mut passed[1].status.as_mut().unwrap().conditions;
        "False".clone_into(&mut conditions.as_mut().unwrap()[0].status);
        assert_eq!(refused(&passed, &events), None, "a reason that has passed");
    }

    #[test]
    fn job_is_done_when_its_pods_run_or_have_ended_well() {
        let job = |ready: i64, succeeded: i64| {
            let live = json!({"spec": {"completions": 2, "parallelism": 2}, "status": {"ready": ready, "succeeded": succeeded}});
            rollout(&key("Job"), &live).unwrap().is_done
        };
        assert!(job(2, 0) && job(1, 1) && !job(1, 0));
    }

    #[test]
    fn pods_of_an_older_version_are_not_current() {
        let set = |name: &str, revision: &str| -> ReplicaSet {
            serde_json::from_value(json!({"metadata": {"name": name, "annotations": {REVISION: revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "ingest-api", "uid": "", "controller": true}]}}))
            .unwrap()
        };
        let pod = |set: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "p",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": "", "controller": true}]}}))
            .unwrap()
        };
        let sets = [set("ingest-api-old", "9"), set("ingest-api-new", "10")];
        assert!(is_current(&pod("ingest-api-new"), &key("Deployment"), &sets));
        assert!(!is_current(&pod("ingest-api-old"), &key("Deployment"), &sets));
        assert!(!is_current(&pod("other"), &key("Deployment"), &sets));
    }
}

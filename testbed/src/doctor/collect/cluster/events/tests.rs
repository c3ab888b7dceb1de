use super::*;
use serde_json::{Value, json};

fn event(minutes: i64, kind: &str, name: &str, reason: &str, message: &str) -> Event {
    let time = (Timestamp::now() - minutes.minutes()).to_string();
    let event = json!({
        "metadata": {"name": "event"},
        "type": "Warning",
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
    });
    serde_json::from_value(event).unwrap()
}

fn deployment(conditions: Value) -> Deployment {
    let deployment = json!({"metadata": {"name": "query-api"}, "status": {"conditions": conditions}});
    serde_json::from_value(deployment).unwrap()
}

#[test]
fn a_pod_has_what_was_said_of_it_lately_newest_first() {
    let pod = json!({"metadata": {"name": "query-api-1"}});
    let mut pods = [super::super::pods::facts(&serde_json::from_value(pod).unwrap())];
    let events = [
        event(3, "Pod", "query-api-1", "Unhealthy", "503"),
        event(1, "Pod", "query-api-1", "FailedMount", "redis://user:secret@redis"),
        event(1, "Pod", "query-api-2", "Unhealthy", "of another"),
        event(1, "Pod", "query-api-1", "FailedScheduling", "it is placed by now"),
        event(1, "Node", "query-api-1", "Rebooted", "of another kind"),
        event(16, "Pod", "query-api-1", "BackOff", "long ago"),
    ];
    attach(&events, &mut pods);
    assert_eq!(pods[0].warnings, ["FailedMount: redis://***@redis", "Unhealthy: 503"]);
}

#[test]
fn what_is_no_warning_is_not_kept() {
    let mut event = event(1, "Pod", "query-api-1", "Pulled", "");
    event.type_ = Some("Normal".to_owned());
    assert!(recent(&[event]).is_empty());
}

#[test]
fn a_deployment_is_refused_as_long_as_its_condition_says_so() {
    let condition =
        |status: &str| json!([{"type": "ReplicaFailure", "status": status, "message": "exceeded quota"}]);
    let refused = refusals(&[], &[deployment(condition("True"))]);
    assert_eq!(
        refused,
        [RefusalFacts { object: "Deployment query-api".to_owned(), message: "exceeded quota".to_owned() }]
    );
    assert!(refusals(&[], &[deployment(condition("False")), deployment(json!([]))]).is_empty());
}

#[test]
fn what_has_no_condition_is_refused_by_its_events_once() {
    let events = [
        event(1, "Job", "simulator", "FailedCreate", "newer"),
        event(2, "Job", "simulator", "FailedCreate", "older"),
        event(1, "ReplicaSet", "query-api-7c9", "FailedCreate", "its Deployment tells"),
        event(1, "Job", "simulator", "BackoffLimitExceeded", "another reason"),
    ];
    let refused = refusals(&events, &[]);
    assert_eq!(refused, [RefusalFacts { object: "Job simulator".to_owned(), message: "newer".to_owned() }]);
}

//! The rules find what is broken on purpose.

use serde_json::{Value, json};

use crate::objects::Object;
use crate::rendering::PLACED;
use crate::rules::faults;

/// Faults of process-worker, after a change of what stands at a JSON pointer from its pods' specification; null removes it.
fn after(pointer: &str, value: &Value) -> Vec<String> {
    let mut workload = PLACED[0].find("Deployment", "process-worker").unwrap().clone();
    let pointer = format!("/spec/template/spec{pointer}");
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = workload.0.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} is not there"));
    match (parent, value) {
        (Value::Object(map), Value::Null) => assert!(map.remove(key).is_some(), "{pointer} is not there"),
        (Value::Object(map), value) => {
            assert_ne!(map.insert(key.to_owned(), value.clone()).as_ref(), Some(value))
        }
        (Value::Array(list), value) => list[key.parse::<usize>().unwrap()] = value.clone(),
        (other, _) => panic!("{pointer} is in {other}"),
    }
    faults(&Object(workload.0))
}

/// Pointer, value, words of the fault.
type Case<'a> = (&'a str, Value, &'a str);

fn assert_found(prefix: &str, cases: &[Case<'_>]) {
    assert!(faults(PLACED[0].find("Deployment", "process-worker").unwrap()).is_empty());
    for (pointer, value, words) in cases {
        let found = after(&format!("{prefix}{pointer}"), value);
        assert!(found.iter().any(|fault| fault.contains(words)), "{pointer} = {value}: {found:?}");
    }
}

#[test]
fn every_broken_pod_is_found() {
    let host_path = json!({"name": "cache", "hostPath": {"path": "/var"}});
    let claim = json!({"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}});
    let beside = |image: &str| json!([{"name": "chown", "image": image}]);
    let narrow = json!({"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64", "arm"]});
    let term = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0";
    let any_architecture = format!("{term}/matchExpressions/0");
    assert_found(
        "",
        &[
            ("/securityContext/runAsNonRoot", Value::Null, "runs as root"),
            ("/securityContext/runAsUser", json!("app"), "has no numeric user"),
            ("/securityContext/runAsUser", json!(0), "has no numeric user"),
            ("/securityContext/fsGroup", Value::Null, "cannot write to its volumes"),
            ("/securityContext/seccompProfile/type", json!("Unconfined"), "has no seccomp profile"),
            ("/hostNetwork", json!(true), "shares the host's namespaces"),
            ("/nodeName", json!("node-1"), "leaves out the scheduler"),
            ("/automountServiceAccountToken", Value::Null, "has a token"),
            ("/enableServiceLinks", Value::Null, "gets variables of services"),
            ("/affinity", Value::Null, "a node that its image is not built for"),
            (&any_architecture, narrow, "a node that its image is not built for"),
            ("/volumes/0/emptyDir/sizeLimit", Value::Null, "may fill the node"),
            ("/volumes/0/emptyDir/medium", json!("Memory"), "leave none for the program"),
            ("/volumes/0", host_path, "ties the pod to a node"),
            ("/volumes/0", claim, "ties the pod to a node"),
            ("/initContainers", beside("busybox"), "chown: has an image without an exact version"),
            ("/initContainers", beside("redis:7.4"), "chown: has an image without an exact version"),
            ("/initContainers", beside("redis:latest"), "chown: has an image without an exact version"),
            ("/initContainers", beside("redis:7.4.7@sha256:12"), "chown: has an image without an exact"),
        ],
    );
}

#[test]
fn every_broken_container_is_found() {
    let of_another = format!("192.168.0.35:5000/testbed/query-api@sha256:{}", "0".repeat(64));
    assert_found(
        "/containers/0",
        &[
            ("/securityContext/allowPrivilegeEscalation", Value::Null, "may escalate"),
            ("/securityContext/readOnlyRootFilesystem", json!(false), "may write to its image"),
            ("/securityContext/capabilities/drop", json!(["NET_RAW"]), "keeps capabilities"),
            ("/securityContext/capabilities/add", json!(["SYS_NICE"]), "adds capabilities"),
            ("/securityContext/privileged", json!(true), "is privileged"),
            ("/securityContext/runAsUser", json!(0), "has a user of its own"),
            ("/ports/0/hostPort", json!(8082), "takes a port of the node"),
            ("/resources/requests/cpu", Value::Null, "requests no processor"),
            ("/resources/requests/memory", json!("1Gi"), "more than its limit"),
            ("/resources/limits/memory", Value::Null, "requests no memory"),
            ("/resources/limits/ephemeral-storage", Value::Null, "requests no ephemeral storage"),
            ("/resources/limits/ephemeral-storage", json!("2Gi"), "no ephemeral storage for logs"),
            ("/resources/limits/cpu", json!("500m"), "without being Guaranteed"),
            ("/image", json!("process-worker"), "is not pinned"),
            ("/image", json!("192.168.0.35:5000/testbed/process-worker:latest"), "is not pinned"),
            ("/image", json!(of_another), "is not pinned"),
            ("/volumeMounts/0/name", json!("other"), "mounts a volume that is not there"),
            ("/startupProbe", Value::Null, "has no startupProbe"),
            ("/livenessProbe", Value::Null, "has no livenessProbe"),
            ("/readinessProbe/httpGet/port", json!("https"), "a port that is not there"),
            ("/livenessProbe/httpGet/path", json!("/readyz"), "instead of /livez"),
        ],
    );
}

//! Pods, and objects as such.

use serde_json::Value;

use crate::objects::{Object, at, list, text};
use crate::rendering::{ALL, PLACED, Rendering, SERVICES, kustomize};
use crate::repository::{PROGRAMS, Repository};
use crate::rules::{faults, is_whole};

/// Everything that may be made: in the namespace, and nothing that outlives it.
const KINDS: [&str; 12] = [
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Job",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "ScaledObject",
    "Service",
    "ServiceAccount",
];

#[test]
fn pods_keep_the_rules() {
    let mut found = Vec::new();
    for rendering in ALL.iter() {
        for workload in rendering.workloads() {
            let faults = faults(workload);
            found.extend(faults.iter().map(|it| format!("{}: {} {it}", rendering.name, workload.name())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn placements_have_the_services_and_redis_and_nothing_else_that_runs() {
    for rendering in PLACED.iter() {
        let mut names: Vec<&str> = rendering.workloads().map(Object::name).collect();
        names.sort_unstable();
        assert_eq!(names, ["ingest-api", "process-worker", "query-api", "redis"], "{}", rendering.name);
    }
}

#[test]
fn simulator_is_pinned_as_well() {
    for rendering in ALL.iter().filter(|it| it.has("simulator-job")) {
        assert!(rendering.find("Job", "simulator").is_some_and(Object::is_own), "{}", rendering.name);
    }
}

#[test]
fn everything_is_in_the_namespace_and_nothing_outlives_it() {
    for rendering in ALL.iter() {
        for object in &rendering.objects {
            let (name, kind) = (object.name(), object.kind());
            assert!(KINDS.contains(&kind), "{}: {kind} {name}", rendering.name);
            let namespace = object.at("/metadata/namespace");
            assert!(kind == "Namespace" || namespace == "testbed", "{}: {kind} {name}", rendering.name);
        }
    }
}

#[test]
fn namespace_admits_restricted_pods_alone() {
    for rendering in ALL.iter() {
        let namespace = rendering.find("Namespace", "testbed").unwrap();
        for mode in ["enforce", "audit", "warn"] {
            let label = namespace.at(&format!("/metadata/labels/pod-security.kubernetes.io~1{mode}"));
            assert_eq!(label, "restricted", "{}: {mode}", rendering.name);
        }
    }
}

#[test]
fn nothing_is_left_to_fill_in() {
    for rendering in ALL.iter() {
        for object in &rendering.objects {
            let mut object = object.0.clone();
            // Files of other programs, with a syntax of their own.
            if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
                data.retain(|key, _| !key.contains('.'));
            }
            let written = object.to_string();
            for sign in ["PLACEHOLDER", "${", "$(", "<", "TODO", "example.com", "changeme"] {
                assert!(!written.contains(sign), "{}: {sign} in {written}", rendering.name);
            }
        }
    }
}

#[test]
fn services_begin_with_one_replica_unless_something_scales_them() {
    for rendering in ALL.iter() {
        for name in SERVICES {
            let replicas = rendering.find("Deployment", name).unwrap().at("/spec/replicas");
            let is_scaled = scalers(rendering).any(|scaler| scaler.at("/spec/scaleTargetRef/name") == name);
            let wanted = if is_scaled { Value::Null } else { Value::from(1) };
            assert_eq!(replicas, &wanted, "{}: {name}", rendering.name);
        }
    }
}

fn scalers(rendering: &Rendering) -> impl Iterator<Item = &Object> {
    rendering.of_kind("HorizontalPodAutoscaler").chain(rendering.of_kind("ScaledObject"))
}

#[test]
fn measured_pods_are_guaranteed_where_that_is_asked_for() {
    let renderings = ALL.iter().filter(|it| it.has("guaranteed-qos"));
    let mut count = 0;
    for rendering in renderings {
        for workload in rendering.workloads() {
            if PROGRAMS.contains(&workload.name()) || workload.name() == "redis" {
                assert!(workload.containers().all(is_whole), "{}: {}", rendering.name, workload.name());
                count += 1;
            }
        }
        for name in SERVICES {
            let strategy =
                rendering.find("Deployment", name).unwrap().at("/spec/strategy/rollingUpdate/maxSurge");
            assert_eq!(strategy, 0, "{}: {name} needs room for two pods", rendering.name);
        }
    }
    assert!(count > 40, "{count}");
}

/// A cache that two pods share, or that a volume keeps, is what ties pods to nodes.
#[test]
fn each_cache_is_in_a_volume_of_its_own_pod() {
    for rendering in ALL.iter() {
        for name in ["process-worker", "query-api"] {
            let workload = rendering.find("Deployment", name).unwrap();
            let container = workload.containers().next().unwrap();
            let path = list(at(container, "/env")).iter().find(|it| it["name"] == "CACHE_PATH").unwrap();
            let path = text(at(path, "/value"));
            let mount = list(at(container, "/volumeMounts"))
                .iter()
                .find(|mount| path.starts_with(&format!("{}/", text(at(mount, "/mountPath")))))
                .unwrap_or_else(|| panic!("{}: {name} cannot write {path}", rendering.name));
            let volumes = list(workload.at("/spec/template/spec/volumes"));
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            assert!(
                volume.get("emptyDir").is_some() && mount["readOnly"] != true,
                "{}: {volume}",
                rendering.name
            );
            let is_in_memory = at(volume, "/emptyDir/medium") == "Memory";
            assert_eq!(is_in_memory, rendering.has("caches-in-memory"), "{}: {name}", rendering.name);
        }
    }
}

#[test]
fn placement_without_pins_says_what_is_missing() {
    let output = kustomize(&Repository::without_pins(), "kubernetes/placements/any");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for words in ["/kubernetes/images/current'", "no such file or directory"] {
        assert!(error.contains(words), "{error}");
    }
}

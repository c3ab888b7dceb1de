//! What objects say of one another: names, selectors and ports that exist.

use serde_json::Value;

use crate::objects::{Object, at, list, selects, text};
use crate::rendering::{ALL, Rendering};

/// Workloads whose pods a selector takes.
fn selected<'a>(rendering: &'a Rendering, selector: &Value) -> Vec<&'a Object> {
    rendering.workloads().filter(|workload| selects(selector, workload.labels())).collect()
}

#[test]
fn services_lead_to_ports_of_one_workload() {
    for rendering in ALL.iter() {
        for service in rendering.of_kind("Service") {
            let selector = serde_json::json!({"matchLabels": service.at("/spec/selector")});
            let workloads = selected(rendering, &selector);
            let [workload] = workloads[..] else {
                panic!("{}: service {} leads to {}", rendering.name, service.name(), workloads.len())
            };
            assert_eq!(workload.name(), service.name(), "{}", rendering.name);
            for port in list(service.at("/spec/ports")) {
                let target = workload.ports().get(&text(at(port, "/targetPort"))).copied();
                assert_eq!(
                    at(port, "/port").as_u64(),
                    target,
                    "{}: {} {port}",
                    rendering.name,
                    service.name()
                );
            }
        }
    }
}

#[test]
fn workloads_and_budgets_select_their_own_pods() {
    for rendering in ALL.iter() {
        for object in rendering.of_kind("Deployment").chain(rendering.of_kind("PodDisruptionBudget")) {
            let workloads = selected(rendering, object.at("/spec/selector"));
            let names: Vec<&str> = workloads.iter().map(|workload| workload.name()).collect();
            assert_eq!(names, [object.name()], "{}: {}", rendering.name, object.kind());
        }
        for budget in rendering.of_kind("PodDisruptionBudget") {
            assert_eq!(
                budget.at("/spec/maxUnavailable"),
                1,
                "{} keeps nodes from being drained",
                budget.name()
            );
        }
        for workload in rendering.workloads() {
            for constraint in list(workload.at("/spec/template/spec/topologySpreadConstraints")) {
                assert!(selects(at(constraint, "/labelSelector"), workload.labels()), "{}", workload.name());
            }
        }
    }
}

#[test]
fn scalers_scale_what_is_there() {
    let mut count = 0;
    for rendering in ALL.iter() {
        for scaler in rendering.of_kind("HorizontalPodAutoscaler").chain(rendering.of_kind("ScaledObject")) {
            let target = scaler.at("/spec/scaleTargetRef");
            assert_eq!(at(target, "/apiVersion"), "apps/v1");
            let name = text(at(target, "/name"));
            let found = rendering.find(&text(at(target, "/kind")), &name);
            assert!(found.is_some(), "{}: {} scales {name}", rendering.name, scaler.name());
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// KEDA reads what the worker reads.
#[test]
fn backlog_is_that_of_the_workers() {
    let keys = &events::Keys::all(1)[0];
    for scaler in ALL.iter().flat_map(|rendering| rendering.of_kind("ScaledObject")) {
        for trigger in list(scaler.at("/spec/triggers")) {
            assert_eq!(at(trigger, "/metadata/stream"), keys.events.as_str());
            assert_eq!(at(trigger, "/metadata/consumerGroup"), events::GROUP);
            assert_eq!(at(trigger, "/metadata/address"), "redis.testbed:6379");
        }
    }
}

/// Names in `configMap`, `configMapRef` and `projected` of a pod.
fn config_maps(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "configMap" || key == "configMapRef" {
                    into.push(text(&value["name"]));
                }
                config_maps(value, into);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| config_maps(value, into)),
        _ => {}
    }
}

#[test]
fn config_maps_and_service_accounts_of_pods_exist() {
    for rendering in ALL.iter() {
        for workload in rendering.workloads() {
            let mut names = Vec::new();
            config_maps(workload.pod().unwrap(), &mut names);
            for name in names {
                let found = rendering.find("ConfigMap", &name);
                assert!(found.is_some(), "{}: {} wants {name}", rendering.name, workload.name());
            }
            let account = workload.at("/spec/template/spec/serviceAccountName");
            let exists = account.is_null() || rendering.find("ServiceAccount", &text(account)).is_some();
            assert!(exists, "{}: {} runs as {account}", rendering.name, workload.name());
        }
    }
}

/// The one secret, which people make.
#[test]
fn password_is_mounted_where_programs_look_for_it() {
    let renderings: Vec<&Rendering> = ALL.iter().filter(|it| it.has("external-redis-password")).collect();
    assert_eq!(renderings.len(), 6);
    for rendering in renderings {
        for workload in rendering.workloads().filter(|workload| workload.is_own()) {
            let volumes = list(workload.at("/spec/template/spec/volumes"));
            let volume = volumes.iter().find(|it| it.get("secret").is_some()).unwrap();
            assert_eq!(at(volume, "/secret/secretName"), "redis-password");
            let container = workload.containers().next().unwrap();
            let mounts = list(at(container, "/volumeMounts"));
            let mount = mounts.iter().find(|it| it["name"] == volume["name"]).unwrap();
            assert_eq!(mount["mountPath"], "/etc/redis-password", "{}", workload.name());
            assert_eq!(mount["readOnly"], true, "{}", workload.name());
        }
    }
}

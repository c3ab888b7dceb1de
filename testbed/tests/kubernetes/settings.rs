//! Settings are those that the programs read, with values that they accept.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Command, CommandFactory, Parser};
use serde_json::Value;
use service::config::{ConfigError, HttpConfig};

use crate::objects::{Object, at, list, text};
use crate::rendering::{ALL, Rendering, SERVICES};

/// Longest wait for the last export of telemetry.
const TELEMETRY: Duration = Duration::from_secs(3);

/// Longest wait of a stopping worker for Redis.
const SETTLING: Duration = Duration::from_secs(5);

/// Environment variables of the one container of a workload, as its process gets them.
pub(crate) fn environment(rendering: &Rendering, workload: &Object) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let container = workload.containers().next().unwrap();
    for source in list(at(container, "/envFrom")) {
        let name = text(at(source, "/configMapRef/name"));
        let map = rendering.find("ConfigMap", &name).unwrap_or_else(|| panic!("no ConfigMap {name}"));
        let data = map.at("/data").as_object().unwrap();
        for (key, value) in data {
            let before = variables.insert(key.clone(), text(value));
            assert!(before.is_none(), "{}: {} has {key} twice", rendering.name, workload.name());
        }
    }
    for variable in list(at(container, "/env")) {
        let value = variable.get("value").map_or_else(|| of_the_pod(variable), text);
        let before = variables.insert(text(at(variable, "/name")), value);
        assert!(before.is_none(), "{}: {} has {variable} twice", rendering.name, workload.name());
    }
    variables
}

/// Something that the downward API could give.
fn of_the_pod(variable: &Value) -> String {
    let field = text(at(variable, "/valueFrom/fieldRef/fieldPath"));
    let known = ["spec.nodeName", "metadata.name", "metadata.uid", "metadata.namespace"];
    assert!(known.contains(&field.as_str()), "{variable}");
    field
}

/// Reads the variables as the program does, each through its flag. Files are not there in tests.
fn read<A: Parser>(rendering: &Rendering, workload: &Object) -> A {
    let mut command: Command = <A as CommandFactory>::command();
    let mut line = vec!["program".to_owned()];
    for (key, value) in environment(rendering, workload) {
        let argument = command.get_arguments().find(|it| it.get_env().is_some_and(|env| env == key.as_str()));
        let Some(argument) = argument else {
            panic!("{}: {} does not read {key}", rendering.name, workload.name());
        };
        if !key.ends_with("_FILE") {
            line.push(format!("--{}={value}", argument.get_long().unwrap()));
        }
    }
    let matches = command.try_get_matches_from_mut(line);
    let matches = matches.unwrap_or_else(|error| panic!("{}: {}: {error}", rendering.name, workload.name()));
    A::from_arg_matches(&matches).unwrap()
}

/// What this test needs of a service's settings.
struct Read {
    port: u16,
    http: HttpConfig,
    partitions: u16,
}

fn service(rendering: &Rendering, name: &str) -> Read {
    let workload = rendering.find("Deployment", name).unwrap();
    let found =
        match name {
            "ingest-api" => read::<ingest_api::config::Args>(rendering, workload).convert().map(|config| {
                Read { port: config.listen_address.port(), http: config.http, partitions: config.partitions }
            }),
            "process-worker" => {
                read::<process_worker::config::Args>(rendering, workload).convert().map(|config| Read {
                    port: config.listen_address.port(),
                    http: config.http,
                    partitions: config.partitions,
                })
            }
            "query-api" => read::<query_api::config::Args>(rendering, workload).convert().map(|config| {
                Read { port: config.listen_address.port(), http: config.http, partitions: config.partitions }
            }),
            _ => Err(ConfigError::new("SERVICE", format!("{name} is none"))),
        };
    found.unwrap_or_else(|error| panic!("{}: {name}: {error}", rendering.name))
}

/// Most bytes that the worker leaves in each stream once they are settled, over all partitions.
pub(crate) fn retention_bytes_max(rendering: &Rendering) -> u64 {
    let workload = rendering.find("Deployment", "process-worker").unwrap();
    let config = read::<process_worker::config::Args>(rendering, workload).convert().unwrap();
    config.retention.bytes_max * u64::from(config.partitions)
}

#[test]
fn services_accept_their_settings_and_listen_where_their_ports_are() {
    for rendering in ALL.iter() {
        for name in SERVICES {
            let ports = rendering.find("Deployment", name).unwrap().ports();
            let port = service(rendering, name).port;
            assert_eq!(
                ports,
                BTreeMap::from([("http".to_owned(), u64::from(port))]),
                "{}: {name}",
                rendering.name
            );
        }
    }
}

#[test]
fn simulator_accepts_its_settings() {
    let mut count = 0;
    for rendering in ALL.iter() {
        if let Some(job) = rendering.find("Job", "simulator") {
            let _: simulator::config::RunArgs = read(rendering, job);
            let variables = environment(rendering, job);
            assert_eq!(job.at("/spec/completions").to_string(), variables["SHARDS"]);
            assert_eq!(job.at("/spec/parallelism").to_string(), variables["SHARDS"]);
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn services_share_redis_and_partitions() {
    for rendering in ALL.iter() {
        let redis = |name: &str| {
            environment(rendering, rendering.find("Deployment", name).unwrap())["REDIS_URL"].clone()
        };
        let first = (redis("ingest-api"), service(rendering, "ingest-api").partitions);
        assert_eq!(first.0.contains("//redis:"), rendering.has("redis"), "{}: {}", rendering.name, first.0);
        for name in SERVICES {
            assert_eq!(
                (redis(name), service(rendering, name).partitions),
                first,
                "{}: {name}",
                rendering.name
            );
        }
    }
}

/// Else the kubelet kills what has not been written yet.
#[test]
fn pods_get_the_time_that_they_need_to_stop() {
    for rendering in ALL.iter() {
        for name in SERVICES {
            let workload = rendering.find("Deployment", name).unwrap();
            let grace = workload.at("/spec/template/spec/terminationGracePeriodSeconds").as_u64().unwrap();
            let http = service(rendering, name).http;
            let needed = http.drain_delay + http.drain_timeout + TELEMETRY + SETTLING;
            assert!(Duration::from_secs(grace) > needed, "{}: {name}: {needed:?}", rendering.name);
            // Whoever takes requests goes on until no node sends it new ones.
            let takes_requests = rendering.find("Service", name).is_some();
            assert_eq!(http.drain_delay >= Duration::from_secs(3), takes_requests, "{name}");
        }
    }
}

#[test]
fn telemetry_is_sent_where_there_is_a_collector_and_only_there() {
    for rendering in ALL.iter() {
        let has_collector = rendering.has("observability") || rendering.has("external-collector");
        for workload in rendering.workloads().filter(|workload| workload.is_own()) {
            let variables = environment(rendering, workload);
            let found =
                (variables["TELEMETRY"] == "off", variables.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"));
            assert_eq!(found, (!has_collector, has_collector), "{}: {}", rendering.name, workload.name());
            for key in ["K8S_NODE_NAME", "K8S_POD_NAME", "K8S_POD_UID", "K8S_NAMESPACE_NAME"] {
                assert!(variables.contains_key(key), "{}: {} lacks {key}", rendering.name, workload.name());
            }
        }
    }
}

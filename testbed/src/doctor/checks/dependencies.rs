//! Whether what services need can be reached, and whether they all mean the same.

use super::findings::Findings;
use super::placement::services;
use crate::doctor::facts::{Container, Facts, Workload};
use crate::images::check::Failure;
use std::collections::BTreeMap;

/// Variables in which all services that have them must agree: they would work beside each other otherwise.
const SHARED: [&str; 2] = ["REDIS_URL", "PARTITIONS"];

/// Services that do nothing without Redis.
const NEED_REDIS: [&str; 3] = ["ingest-api", "process-worker", "query-api"];

/// Variables with the address of another program.
const ADDRESSES: [&str; 4] = ["REDIS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "TARGET_URL", "QUERY_URL"];

/// Nodes reach Redis, the collector and the registry; services share one Redis.
pub(super) fn dependencies(facts: &Facts, findings: &mut Findings) {
    if findings.known("manifests", &facts.manifests).is_some() {
        SHARED.into_iter().for_each(|name| shared(facts, name, findings));
        services(facts).for_each(|workload| addresses(workload, findings));
    }
    if findings.known("cluster", &facts.cluster).is_none() {
        return;
    }
    for node in &facts.nodes {
        let Some(probe) = findings.known(&node.subject(), &node.probe) else { continue };
        for reached in &probe.reached {
            let Some(error) = &reached.error else {
                findings.pass(node.subject(), format!("{} at {}", reached.name, reached.address));
                continue;
            };
            let evidence = format!("{} at {}: {error}", reached.name, reached.address);
            findings.error(
                node.subject(),
                Failure::new(unreached(error), evidence, remedy(&reached.name, error)),
            );
        }
    }
}

fn unreached(error: &str) -> &'static str {
    if error.contains("resolve") {
        "a pod on the node cannot resolve the name"
    } else if error.contains("refused") {
        "nothing listens at the address"
    } else {
        "a pod on the node gets no answer from the address"
    }
}

fn remedy(name: &str, error: &str) -> String {
    if error.contains("resolve") {
        return "check that the Service exists, that CoreDNS runs, and that a policy allows UDP and TCP 53 to it".to_owned();
    }
    if error.contains("refused") {
        return format!("start {name}, or let it listen on more than 127.0.0.1 (`bind` of Redis)");
    }
    format!(
        "allow it in the network policy (an ipBlock, where {name} is outside the cluster), or open the firewall in between"
    )
}

fn shared(facts: &Facts, name: &str, findings: &mut Findings) {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for workload in services(facts) {
        if let Some(value) = variable(workload, name) {
            values.entry(value).or_default().push(&workload.name);
        }
    }
    let told = |(value, names): (&&str, &Vec<&str>)| format!("{} in {}", value, names.join(", "));
    let evidence: Vec<String> = values.iter().map(told).collect();
    match values.len() {
        0 => {}
        1 => findings.pass(name, evidence.concat()),
        _ => {
            let cause = "services disagree, so each works on data that the others never see";
            let remedy = format!("set {name} once, in the ConfigMap that all services read");
            findings.error(name, Failure::new(cause, evidence.join("; "), remedy));
        }
    }
}

fn addresses(workload: &Workload, findings: &mut Findings) {
    if NEED_REDIS.contains(&workload.service.as_str()) && variable(workload, "REDIS_URL").is_none() {
        let cause = "the service looks for Redis in its own pod, where there is none";
        let failure = Failure::new(
            cause,
            "REDIS_URL is not set",
            "set REDIS_URL, in the ConfigMap that all services read",
        );
        findings.error(workload.subject(), failure);
    }
    for name in ADDRESSES {
        let Some(value) = variable(workload, name) else { continue };
        let host = value.split_once("://").map_or(value, |(_, rest)| rest);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| host.starts_with(loopback)) {
            let cause = "the address leads back into the pod itself";
            let remedy =
                format!("set {name} to the name of a Service, or to an address that nodes can reach");
            findings.error(workload.subject(), Failure::new(cause, format!("{name} is {value}"), remedy));
        }
    }
}

fn variable<'a>(workload: &'a Workload, name: &str) -> Option<&'a str> {
    let of = |container: &'a Container| container.environment.get(name).map(String::as_str);
    workload.containers.iter().find_map(of)
}

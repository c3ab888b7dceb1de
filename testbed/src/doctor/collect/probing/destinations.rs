//! What the pods connect to: what the manifests say that services need.

use super::place::Place;
use crate::doctor::facts::{Facts, Workload};
use node_facts::Target;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Variables with the address of something that all services connect to, what it is, and its port where the address has none.
const VARIABLES: [(&str, &str, u16); 2] =
    [("REDIS_URL", "redis", 6379), ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp", 4318)];

/// The service that has the metrics, where it is deployed, and its port.
const PROMETHEUS: (&str, u16) = ("prometheus", 9090);

/// Port of a registry that is named without one.
const HTTPS: u16 = 443;

/// In a namespace with policies only what services connect to: the registry is asked by kubelets, which no policy holds for,
/// and Prometheus by Grafana. In a temporary namespace only what is outside of the cluster.
pub(super) fn of_manifests(facts: &Facts, place: &Place) -> Vec<Target> {
    let workloads = facts.manifests.known().map_or(&[][..], |manifests| &manifests.workloads);
    let mut named: BTreeMap<String, &str> = BTreeMap::new();
    for (variable, name, port) in VARIABLES {
        let values = workloads.iter().filter_map(|workload| value(workload, variable));
        named.extend(values.filter_map(|url| Some((address(url, port)?, name))));
    }
    if !place.has_policies {
        let registry = facts.about.registry.as_deref();
        named.extend(registry.and_then(|registry| Some((address(registry, HTTPS)?, "registry"))));
        let (service, port) = PROMETHEUS;
        let prometheus = workloads.iter().find(|workload| workload.service == service);
        named.extend(prometheus.map(|workload| (format!("{}:{port}", workload.name), service)));
    }
    let is_tried = |address: &str| !place.is_temporary || is_outside(address);
    let targets = named.into_iter().filter(|(address, _)| is_tried(address));
    targets.map(|(address, name)| Target { name: name.to_owned(), address }).collect()
}

fn value<'a>(workload: &'a Workload, variable: &str) -> Option<&'a str> {
    workload.containers.iter().find_map(|container| container.environment.get(variable).map(String::as_str))
}

/// Host and port of an URL, or of `HOST:PORT`; none of what leads back into the pod, which another check tells.
fn address(url: &str, port: u16) -> Option<String> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or(authority);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host(authority);
    let is_loopback = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    if host.is_empty() || is_loopback {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { authority.to_owned() } else { format!("{authority}:{port}") })
}

/// Without port, and without the brackets of IPv6.
fn host(authority: &str) -> &str {
    if let Some((host, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Whether it can be reached from another namespace before the services of the cluster are there.
fn is_outside(address: &str) -> bool {
    let host = host(address);
    let is_of_cluster = !host.contains('.')
        || host.ends_with(".svc")
        || host.ends_with(".cluster.local")
        || host.ends_with(".testbed");
    host.parse::<IpAddr>().is_ok() || !is_of_cluster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_of_urls() {
        for (url, expected) in [
            ("redis://redis", "redis:6379"),
            ("rediss://***@192.168.0.35:6380/0", "192.168.0.35:6380"),
            ("redis://[fd00::1]:6379/1?protocol=resp3", "[fd00::1]:6379"),
            ("redis://[fd00::1]", "[fd00::1]:6379"),
            ("192.168.0.35:5000", "192.168.0.35:5000"),
        ] {
            assert_eq!(address(url, 6379).as_deref(), Some(expected), "{url}");
        }
        for url in ["redis://localhost:6379", "redis://127.0.0.1", "redis://[::1]:6379", "redis://"] {
            assert_eq!(address(url, 6379), None, "{url}");
        }
    }

    #[test]
    fn names_of_services_are_inside_of_the_cluster() {
        for inside in
            ["redis:6379", "redis.testbed:6379", "redis.testbed.svc:6379", "a.b.svc.cluster.local:1"]
        {
            assert!(!is_outside(inside), "{inside}");
        }
        for outside in ["192.168.0.35:6379", "[fd00::1]:6379", "redis.example.org:6379"] {
            assert!(is_outside(outside), "{outside}");
        }
    }
}

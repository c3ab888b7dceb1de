//! Connections: addresses in settings lead somewhere, and the network policies let through exactly what is needed.

use serde_json::Value;

use crate::objects::{Object, at, list, selects, text};
use crate::rendering::{ALL, Rendering};
use crate::settings::environment;

/// Whether the policies let `from` connect to a port of `to`, both workloads of the namespace.
fn is_allowed(rendering: &Rendering, from: &Object, to: &Object, port: u64) -> bool {
    one_way(rendering, "Egress", from, to, port) && one_way(rendering, "Ingress", to, from, port)
}

/// A pod that no policy selects may do anything; else one of its policies must name the other side and the port.
fn one_way(rendering: &Rendering, way: &str, own: &Object, other: &Object, port: u64) -> bool {
    let (rules, peers) = if way == "Egress" { ("/spec/egress", "/to") } else { ("/spec/ingress", "/from") };
    let is_of_own = |policy: &&Object| {
        let types = list(policy.at("/spec/policyTypes"));
        types.iter().any(|it| it == way) && selects(policy.at("/spec/podSelector"), own.labels())
    };
    let policies: Vec<&Object> = rendering.of_kind("NetworkPolicy").filter(is_of_own).collect();
    policies.is_empty()
        || policies.iter().flat_map(|policy| list(policy.at(rules))).any(|rule| {
            let ports = list(at(rule, "/ports"));
            let peers = list(at(rule, peers));
            let names_port = ports.is_empty() || ports.iter().any(|it| at(it, "/port") == port);
            let takes = |peer: &Value| {
                peer.get("namespaceSelector").is_none()
                    && peer.get("podSelector").is_some_and(|selector| selects(selector, other.labels()))
            };
            names_port && (peers.is_empty() || peers.iter().any(takes))
        })
}

/// Connections that settings name: of which workload, to which host and port.
fn connections(rendering: &Rendering) -> Vec<(&Object, String, u64)> {
    let mut found = Vec::new();
    for workload in rendering.workloads().filter(|workload| workload.is_own()) {
        for (key, value) in environment(rendering, workload) {
            let Some((_, rest)) = value.split_once("://") else { continue };
            let (host, port) = rest.split_once(':').unwrap_or_else(|| panic!("{key} = {value} has no port"));
            found.push((workload, host.to_owned(), port.parse().unwrap()));
        }
    }
    found
}

#[test]
fn addresses_in_settings_are_services_or_outside() {
    let mut count = 0;
    for rendering in ALL.iter() {
        for (workload, host, port) in connections(rendering) {
            if host.parse::<std::net::Ipv4Addr>().is_ok() {
                continue;
            }
            let service = rendering.find("Service", &host);
            let service = service.unwrap_or_else(|| panic!("{}: no service {host}", rendering.name));
            let has_port = list(service.at("/spec/ports")).iter().any(|it| at(it, "/port") == port);
            assert!(has_port, "{}: {} wants {host}:{port}", rendering.name, workload.name());
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn policies_let_through_what_settings_name() {
    let mut count = 0;
    for rendering in ALL.iter().filter(|rendering| rendering.has("network-policy")) {
        for (workload, host, port) in connections(rendering) {
            let Some(target) = rendering.find("Deployment", &host) else {
                assert!(is_let_out(rendering, workload, &host, port), "{}: {host}:{port}", rendering.name);
                continue;
            };
            let allowed = is_allowed(rendering, workload, target, port);
            assert!(allowed, "{}: {} cannot reach {host}:{port}", rendering.name, workload.name());
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// Whether an address outside of the cluster is named by an `ipBlock`.
fn is_let_out(rendering: &Rendering, workload: &Object, host: &str, port: u64) -> bool {
    let policies = rendering
        .of_kind("NetworkPolicy")
        .filter(|it| selects(it.at("/spec/podSelector"), workload.labels()));
    policies.flat_map(|policy| list(policy.at("/spec/egress"))).any(|rule| {
        let names_port = list(at(rule, "/ports")).iter().any(|it| at(it, "/port") == port);
        let block = format!("{host}/32");
        names_port && list(at(rule, "/to")).iter().any(|peer| at(peer, "/ipBlock/cidr") == block.as_str())
    })
}

#[test]
fn policies_let_through_what_the_observability_stack_needs_and_nothing_else() {
    let rendering =
        ALL.iter().find(|it| it.has("network-policy") && it.has("observability") && it.has("redis")).unwrap();
    let mut allowed = Vec::new();
    for from in rendering.workloads() {
        for to in rendering.workloads().filter(|to| to.name() != from.name()) {
            for port in to.ports().into_values().filter(|port| is_allowed(rendering, from, to, *port)) {
                allowed.push(format!("{} {} {port}", from.name(), to.name()));
            }
        }
    }
    allowed.sort_unstable();
    let mut wanted: Vec<String> = Vec::new();
    for program in ["ingest-api", "process-worker", "query-api", "simulator"] {
        let to = ["redis 6379", "otel-collector 4317", "otel-collector 4318"];
        wanted.extend(to.iter().map(|to| format!("{program} {to}")));
    }
    wanted.extend(
        [
            "simulator ingest-api 8080",
            "simulator query-api 8081",
            "prometheus otel-collector 8888",
            "prometheus otel-collector 8889",
            "otel-collector tempo 4317",
            "otel-collector loki 3100",
            "grafana prometheus 9090",
            "grafana tempo 3200",
            "grafana loki 3100",
        ]
        .map(str::to_owned),
    );
    wanted.sort_unstable();
    assert_eq!(allowed, wanted);
}

#[test]
fn policies_name_workloads_that_exist() {
    let rendering =
        ALL.iter().find(|it| it.has("network-policy") && it.has("observability") && it.has("redis")).unwrap();
    for policy in rendering.of_kind("NetworkPolicy") {
        let rules = list(policy.at("/spec/ingress")).iter().chain(list(policy.at("/spec/egress")));
        let peers = rules.flat_map(|rule| list(at(rule, "/from")).iter().chain(list(at(rule, "/to"))));
        let own =
            peers.filter(|peer| peer.get("namespaceSelector").is_none()).map(|peer| at(peer, "/podSelector"));
        for selector in own.chain([policy.at("/spec/podSelector")]) {
            let expressions = list(at(selector, "/matchExpressions")).iter();
            let named = expressions.flat_map(|it| list(at(it, "/values"))).map(text);
            let label = at(selector, "/matchLabels/app.kubernetes.io~1name");
            for name in named.chain(label.as_str().map(str::to_owned)) {
                let exists =
                    rendering.workloads().any(|workload| workload.labels()["app.kubernetes.io/name"] == name);
                assert!(exists, "{} names {name}", policy.name());
            }
        }
    }
}

#[test]
fn every_pod_may_ask_for_names() {
    for rendering in ALL.iter().filter(|rendering| rendering.has("network-policy")) {
        let dns = rendering.find("NetworkPolicy", "dns").unwrap();
        assert_eq!(dns.at("/spec/podSelector"), &serde_json::json!({}));
        let ports: Vec<String> = list(dns.at("/spec/egress/0/ports"))
            .iter()
            .map(|it| format!("{}{}", text(&it["protocol"]), it["port"]))
            .collect();
        assert_eq!(ports, ["UDP53", "TCP53"]);
        let deny = rendering.find("NetworkPolicy", "deny-by-default").unwrap();
        assert_eq!(deny.at("/spec/podSelector"), &serde_json::json!({}));
        assert!(deny.at("/spec/ingress").is_null() && deny.at("/spec/egress").is_null());
    }
}

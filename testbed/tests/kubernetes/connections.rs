//! Connections: addresses in settings lead somewhere, and the network policies let through exactly what is needed.

use serde_json::{Value, json};

use crate::objects::{Object, at, list, selects, text};
use crate::rendering::{ALL, Rendering};
use crate::settings::environment;

/// The namespace that the policies are for.
const OWN: &str = "testbed";

/// Whether the policies let `from` connect to a port of `to`, by what the API of Kubernetes says of NetworkPolicy.
fn is_allowed(rendering: &Rendering, from: &Object, to: &Object, port: u64) -> bool {
    one_way(rendering, "Egress", from, to, port) && one_way(rendering, "Ingress", to, from, port)
}

/// A pod that no policy selects may do anything; else one of its policies must name the other side and the port.
fn one_way(rendering: &Rendering, way: &str, own: &Object, other: &Object, port: u64) -> bool {
    let (rules, peers) = if way == "Egress" { ("/spec/egress", "/to") } else { ("/spec/ingress", "/from") };
    let is_of_own = |policy: &&Object| {
        let types = list(policy.at("/spec/policyTypes"));
        let selects = selects(policy.at("/spec/podSelector"), own.labels());
        namespace(own) == OWN && types.iter().any(|it| it == way) && selects
    };
    let policies: Vec<&Object> = rendering.of_kind("NetworkPolicy").filter(is_of_own).collect();
    policies.is_empty()
        || policies.iter().flat_map(|policy| list(policy.at(rules))).any(|rule| {
            let ports = list(at(rule, "/ports"));
            let peers = list(at(rule, peers));
            let names_port = ports.is_empty() || ports.iter().any(|it| at(it, "/port") == port);
            names_port && (peers.is_empty() || peers.iter().any(|peer| takes(peer, other)))
        })
}

/// Whether a peer of a rule is this pod. Addresses are those of machines outside.
fn takes(peer: &Value, pod: &Object) -> bool {
    let labels = json!({"kubernetes.io/metadata.name": namespace(pod)});
    let is_there = match peer.get("namespaceSelector") {
        Some(selector) => selects(selector, &labels),
        None => namespace(pod) == OWN,
    };
    let is_taken = peer.get("podSelector").is_none_or(|selector| selects(selector, pod.labels()));
    peer.get("ipBlock").is_none() && is_there && is_taken
}

fn namespace(object: &Object) -> &str {
    object.at("/metadata/namespace").as_str().unwrap()
}

/// A pod that none of the manifests makes.
fn stranger(namespace: &str, name: &str, labels: &Value, port: u64) -> Object {
    let container = json!({"name": name, "ports": [{"name": "a", "containerPort": port}]});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let metadata = json!({"name": name, "namespace": namespace});
    Object(json!({"kind": "Pod", "metadata": metadata, "spec": {"template": template}}))
}

/// Everything that the policies may meet.
fn strangers() -> [Object; 6] {
    let named = |name: &str| json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "testbed"});
    [
        stranger(OWN, "testbed-doctor", &named("testbed-doctor"), 1),
        stranger(OWN, "nobody", &json!({}), 1),
        stranger("kube-system", "kube-dns", &json!({"k8s-app": "kube-dns"}), 53),
        stranger("keda", "keda-operator", &json!({"app": "keda-operator"}), 1),
        // Of the right name, in another namespace.
        stranger("default", "ingest-api of others", &named("ingest-api"), 1),
        stranger("default", "redis of others", &named("redis"), 6379),
    ]
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
    let strangers = strangers();
    let pods: Vec<&Object> = rendering.workloads().chain(&strangers).collect();
    let mut allowed = Vec::new();
    for from in &pods {
        // What is not of this namespace is none of its policies' business.
        for to in pods
            .iter()
            .filter(|to| to.name() != from.name() && [namespace(from), namespace(to)].contains(&OWN))
        {
            for port in to.ports().into_values().filter(|port| is_allowed(rendering, from, to, *port)) {
                allowed.push(format!("{} {} {port}", from.name(), to.name()));
            }
        }
    }
    allowed.sort_unstable();
    let mut wanted: Vec<String> = Vec::new();
    for program in ["ingest-api", "process-worker", "query-api", "simulator", "testbed-doctor"] {
        let to = ["redis 6379", "otel-collector 4317", "otel-collector 4318"];
        wanted.extend(to.iter().map(|to| format!("{program} {to}")));
    }
    for pod in pods.iter().filter(|pod| namespace(pod) == OWN) {
        wanted.push(format!("{} kube-dns 53", pod.name()));
    }
    for from in ["kube-dns", "keda-operator", "ingest-api of others", "redis of others"] {
        wanted.extend(["ingest-api 8080", "query-api 8081"].map(|to| format!("{from} {to}")));
    }
    wanted.extend(
        [
            "keda-operator redis 6379",
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
                let mut pods = rendering.workloads();
                // Made by the command that it is called after.
                let exists = name == "testbed-doctor"
                    || pods.any(|workload| workload.labels()["app.kubernetes.io/name"] == name);
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

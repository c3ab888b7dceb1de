//! The compose file and the Kubernetes component: what they mount and set exists, and pods are restricted.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files::{COMPONENT, kustomize, list, path, read};

/// What the pod security standard `restricted` asks for, and what this project asks for on top.
const POD: [&str; 9] = [
    "runAsNonRoot: true",
    "type: RuntimeDefault",
    "allowPrivilegeEscalation: false",
    "readOnlyRootFilesystem: true",
    "- ALL",
    "readinessProbe:",
    "livenessProbe:",
    "limits:",
    "requests:",
];

/// Settings of programs that are not ours.
const FOREIGN_SETTINGS: [&str; 4] =
    ["GOMEMLIMIT", "TESTBED_COLLECTOR_HOST", "TESTBED_COLLECTOR_DIRECTORY", "TESTBED_NAMESPACE"];

/// The component in a kustomization of nothing else, as YAML documents.
fn rendered() -> Vec<String> {
    let overlay = tempfile::tempdir().unwrap();
    let from = overlay.path().canonicalize().unwrap();
    let up = "../".repeat(from.components().count() - 1);
    let component = path(COMPONENT).canonicalize().unwrap();
    let component = format!("{up}{}", component.display().to_string().trim_start_matches('/'));
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\ncomponents:\n  - {component}\n"
    );
    std::fs::write(from.join("kustomization.yaml"), kustomization).unwrap();
    let text = kustomize(&from);
    text.split("\n---\n").map(str::to_owned).collect()
}

fn is_kind(document: &str, kind: &str) -> bool {
    document.lines().any(|line| line == format!("kind: {kind}"))
}

/// Values of a key, on any level.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    lines.filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
}

#[test]
fn component_renders_into_the_namespace_with_restricted_pods_and_no_claims() {
    let documents = rendered();
    let deployments: Vec<&String> = documents.iter().filter(|it| is_kind(it, "Deployment")).collect();
    assert_eq!(deployments.len(), 5);
    for deployment in deployments {
        let name = values(deployment, "name").next().unwrap();
        for wanted in POD {
            assert!(deployment.contains(wanted), "{name} lacks {wanted}");
        }
        assert!(values(deployment, "runAsUser").all(|user| user.parse::<u32>().unwrap() > 0), "{name}");
        let empty = deployment.matches("emptyDir:").count();
        assert_eq!(values(deployment, "sizeLimit").count(), empty, "{name} has an emptyDir without a limit");
        assert!(!deployment.contains("emptyDir: {}") && !deployment.contains("hostPath:"), "{name}");
    }
    for document in &documents {
        assert!(!is_kind(document, "PersistentVolumeClaim"));
        let is_of_cluster = document.contains("kind: ClusterRole");
        assert!(is_of_cluster || document.contains("\n  namespace: testbed"), "{document}");
    }
}

/// A ConfigMap of more than this cannot be applied by kubectl: it stores a copy in an annotation of at most 256 KiB.
#[test]
fn config_maps_can_be_applied() {
    let documents = rendered();
    let maps: Vec<&String> = documents.iter().filter(|it| is_kind(it, "ConfigMap")).collect();
    assert!(maps.len() >= 8 + dashboards().len());
    for map in maps {
        let name = values(map, "name").last().unwrap();
        assert!(map.len() < 200 * 1024, "{name} has {} bytes", map.len());
    }
}

fn dashboards() -> Vec<String> {
    list(&format!("{COMPONENT}/dashboards"), ".json")
}

#[test]
fn every_dashboard_is_mounted_in_the_cluster() {
    let kustomization = read(&format!("{COMPONENT}/kustomization.yaml"));
    let grafana = read(&format!("{COMPONENT}/manifests/grafana.yaml"));
    for file in dashboards() {
        assert!(kustomization.contains(&format!("- dashboards/{file}")), "kustomization.yaml lacks {file}");
        let map = file.replace("testbed-", "dashboard-").replace(".json", "");
        assert!(grafana.contains(&format!("name: {map} ")), "grafana.yaml lacks {map}");
    }
}

#[test]
fn everything_that_compose_mounts_exists() {
    let compose = read("compose.yaml");
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next());
    let mounts: Vec<&str> = mounts.collect();
    assert!(mounts.len() > 5, "{mounts:?}");
    for mount in mounts {
        assert!(path(mount).exists(), "{mount}");
    }
    for file in compose.split_whitespace().filter_map(|word| word.split_once("/etc/otelcol/")) {
        let name = file.1.trim_end_matches([',', ']']);
        assert!(path(&format!("{COMPONENT}/collector/{name}")).exists(), "{name}");
    }
}

#[test]
fn compose_and_cluster_run_the_same_versions() {
    let compose = read("compose.yaml");
    let of_compose: BTreeSet<&str> = values(&compose, "image").collect();
    let documents = rendered().join("\n");
    let of_cluster: BTreeSet<&str> = values(&documents, "image").collect();
    assert_eq!(of_cluster.len(), 5);
    assert!(of_cluster.is_subset(&of_compose), "{of_cluster:?} in the cluster, {of_compose:?} in compose");
    for image in of_compose {
        let (_, version) = image.split_once(':').unwrap();
        assert!(version != "latest" && !version.is_empty(), "{image}");
    }
    let manifest = read(&format!("{COMPONENT}/collector/builder.yaml"));
    let version = values(&manifest, "version").next().unwrap();
    let collector = format!("otel/opentelemetry-collector-contrib:{version}");
    assert!(
        of_cluster.contains(collector.as_str()),
        "{collector} is what the configurations are tested with"
    );
}

#[test]
fn settings_in_compose_and_cluster_exist() {
    let mut known = BTreeSet::new();
    for directory in ["services", "shared"] {
        settings(&path(directory), &mut known);
    }
    let (cluster, compose) = (rendered().join("\n"), read("compose.yaml"));
    let of_cluster = values(&cluster, "name").filter(|name| name.chars().all(is_of_setting));
    let of_compose = compose.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once(':')?;
        (!value.is_empty() && key.len() > 1 && key.chars().all(is_of_setting)).then_some(key)
    });
    let used: BTreeSet<&str> = of_cluster.chain(of_compose).collect();
    assert!(used.len() > 8, "{used:?}");
    for setting in used {
        assert!(known.contains(setting) || FOREIGN_SETTINGS.contains(&setting), "no service reads {setting}");
    }
}

fn is_of_setting(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

/// Environment variables that the arguments of the services name.
fn settings(directory: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            settings(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let names = source.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
            into.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn dashboards_find_their_data_sources() {
    let provisioned = read(&format!("{COMPONENT}/grafana/provisioning/datasources/testbed.yaml"));
    let kinds: BTreeSet<&str> = values(&provisioned, "type").collect();
    assert_eq!(kinds, BTreeSet::from(["loki", "prometheus", "tempo"]));
    let uids: BTreeSet<&str> = values(&provisioned, "uid").collect();
    for reference in values(&provisioned, "datasourceUid") {
        assert!(uids.contains(reference), "{reference} is not provisioned");
    }
}

//! All of it: the repository's manifests with pinned images of a real registry, on a cluster where the testbed runs.

use crate::collecting::created;
use crate::elf::{AARCH64, X86_64};
use crate::image::{Image, dynamic_program};
use crate::layer::Layer;
use crate::program::{doctor, probed_line, text};
use crate::push::push;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::Api;
use kube::core::{Selector, SelectorExt as _};
use node_facts::{Frequency, ProbeFacts};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use test_cluster::{ADMIN, Behaviour, Cluster, Kubelet, Node, Script};
use test_support::registry::RegistryServer;
use tokio::net::TcpListener;
use tokio::process::Command;

const REVISION: &str = "0123456789ab";
const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// The image of a service.
fn image_of(service: &str) -> Image {
    let mut image = Image::healthy();
    for (child, machine) in image.children.iter_mut().zip([X86_64, AARCH64]) {
        let path = format!("/usr/local/bin/{service}");
        service.clone_into(&mut child.title);
        child.layers[1] = Layer::default().file(&path, 0o755, &dynamic_program(machine).write());
        child.entrypoint = vec![path];
    }
    image
}

/// A cluster, a registry with the images, and manifests with their pins.
struct Testbed {
    cluster: Cluster,
    kubelet: Kubelet,
    registry: RegistryServer,
    folder: TempDir,
}

impl Testbed {
    /// Nothing is deployed yet.
    async fn prepare() -> Self {
        let registry = RegistryServer::start().await;
        for service in SERVICES {
            push(&registry, &format!("testbed/{service}"), REVISION, &image_of(service)).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
        for part in ["base", "components"] {
            symlink(repository.join(part).canonicalize().unwrap(), folder.path().join(part)).unwrap();
        }
        let pins = folder.path().join("images").join(REVISION);
        let address = registry.address();
        let said = ["--registry", &address, "--revision", REVISION, "--output", text(&pins)];
        testbed(&[&["images", "pin"], &said[..]].concat()).await;
        let cluster = Cluster::start().await;
        let nodes = vec![Node::new("clus1", "amd64"), Node::new("r3-node", "arm64")];
        let kubelet = Kubelet::start(&cluster, nodes).await;
        Self { cluster, kubelet, registry, folder }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.cluster.kubeconfig(ADMIN)
    }

    async fn deploy(&self, arguments: &[&str]) {
        let (kubeconfig, kubernetes) = (self.kubeconfig(), self.folder.path());
        let common = ["--yes", "--kubeconfig", text(&kubeconfig), "--kubernetes", text(kubernetes)];
        testbed(&[&["deploy"], &common[..], arguments].concat()).await;
    }

    /// Has pods of the doctor print this.
    fn probes_print(&self, facts: &ProbeFacts) {
        let line = serde_json::to_string(facts).unwrap();
        let script = Script::new(Behaviour::Completes { after: Duration::ZERO }).logs(&[&line]);
        self.kubelet.script("", "probe", script);
    }

    /// The pods that the doctor starts.
    async fn pods_of(&self, arguments: &[&str]) -> Vec<Pod> {
        let client = self.cluster.client(ADMIN).await;
        let (_, mut pods) = created(&client, self.doctor(arguments)).await;
        pods.retain(|pod| pod.name_any().starts_with("testbed-doctor-"));
        pods
    }

    async fn doctor(&self, arguments: &[&str]) -> (Value, Option<i32>) {
        let kubeconfig = self.kubeconfig();
        let common = ["--kubeconfig", text(&kubeconfig), "--kubernetes", text(self.folder.path())];
        doctor(&[&common, arguments].concat()).await
    }
}

async fn testbed(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    let output = command.args(arguments).env_remove("KUBECONFIG").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the real program prints, on a machine without faults: this one may have some.
async fn without_faults() -> ProbeFacts {
    let redis = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = probed_line(&[&format!("redis={}", redis.local_addr().unwrap())]).await;
    let mut facts: ProbeFacts = serde_json::from_str(&line).unwrap();
    (facts.cgroup_version, facts.has_memory_cgroup) = (2, true);
    (facts.temperature_celsius, facts.firmware_throttled) = (Some(45.0), None);
    facts.modules = vec!["br_netfilter".to_owned(), "ip_set".to_owned()];
    let governor = "performance".to_owned();
    facts.frequencies = vec![Frequency { governor, current_khz: 1_800_000, max_khz: 1_800_000 }];
    facts
}

fn of<'a>(report: &'a Value, outcome: &str) -> Vec<&'a Value> {
    report["results"].as_array().unwrap().iter().filter(|result| result["outcome"] == outcome).collect()
}

#[tokio::test]
async fn a_testbed_that_runs_has_no_errors_and_neither_has_its_recording() {
    let testbed = Testbed::prepare().await;
    testbed.deploy(&[]).await;
    testbed.probes_print(&without_faults().await);
    let recording = testbed.folder.path().join("recording");
    let (report, code) = testbed.doctor(&["--record", text(&recording)]).await;
    let found = of(&report, "found");
    assert!(found.iter().all(|found| found["severity"] == "info"), "{found:#?}");
    assert_eq!(code, Some(0));
    // Only docker and the collector are not asked.
    for unchecked in of(&report, "unchecked") {
        let is_expected = ["builder", "tag-collision", "collector-configuration"]
            .iter()
            .any(|check| unchecked["check"] == *check);
        assert!(is_expected, "{unchecked:#}");
    }
    let passed = of(&report, "passed");
    for (check, subject, evidence) in [
        ("node-pulls", "node r3-node", "simulator"),
        ("dependencies", "node clus1", "redis at 127.0.0.1"),
        ("program-architecture", "ingest-api", "arm64"),
    ] {
        let is_it = |result: &&&Value| {
            let holds = |key: &str, text: &str| result[key].as_str().unwrap().contains(text);
            result["check"] == check && holds("subject", subject) && result.to_string().contains(evidence)
        };
        assert!(passed.iter().any(|result| is_it(&result)), "{check}: {report:#}");
    }
    assert_eq!(doctor(&["--from", text(&recording)]).await, (report, code));
}

#[tokio::test]
async fn pods_are_the_pinned_simulator_and_reach_what_the_manifests_name() {
    let testbed = Testbed::prepare().await;
    testbed.probes_print(&without_faults().await);
    // Nothing of the cluster before the first deployment, in which there are no services yet.
    let external = ["--component", "external-redis", "--component", "observability"];
    let pods = testbed.pods_of(&external).await;
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let container = &pod.spec.unwrap().containers[0];
        let image = container.image.clone().unwrap();
        let name = format!("{}/testbed/simulator@sha256:", testbed.registry.address());
        assert!(image.starts_with(&name), "{image}");
        assert_eq!(container.args.as_ref().unwrap(), &["probe", "--reach", "redis=192.168.0.35:6379"]);
    }

    let pods = testbed.pods_of(&["--only", "singletons", "--only", "volumes"]).await;
    assert!(pods.is_empty(), "these checks ask for nothing of pods: {pods:#?}");

    testbed.deploy(&["--no-wait"]).await;
    let reach = |pods: &[Pod]| pods[0].spec.clone().unwrap().containers[0].args.clone().unwrap();
    let observability = ["--component", "observability", "--reach", "other=192.0.2.1:80"];
    let pods = testbed.pods_of(&observability).await;
    let (collector, prometheus) = ("otlp=otel-collector:4318", "prometheus=prometheus:9090");
    let (redis, other) = ("redis=redis:6379", "other=192.0.2.1:80");
    let all = ["probe", "--reach", collector, "--reach", prometheus, "--reach", redis, "--reach", other];
    assert_eq!(reach(&pods), all);

    // Policies let services connect to nothing else, and hold for the pods as for services.
    testbed.deploy(&["--no-wait", "--component", "network-policy"]).await;
    let pods = testbed.pods_of(&observability).await;
    assert_eq!(reach(&pods), ["probe", "--reach", collector, "--reach", redis, "--reach", other]);
    let policies: Api<NetworkPolicy> = Api::namespaced(testbed.cluster.client(ADMIN).await, "testbed");
    let policy = policies.get("programs").await.unwrap().spec.unwrap();
    let selector = Selector::try_from(policy.pod_selector.unwrap()).unwrap();
    assert!(selector.matches(pods[0].metadata.labels.as_ref().unwrap()), "{selector:?}");
}

#[tokio::test]
async fn images_that_are_not_pinned_are_found_in_a_cluster_too() {
    let testbed = Testbed::prepare().await;
    std::fs::remove_dir_all(testbed.folder.path().join("images")).unwrap();
    let (report, code) = testbed.doctor(&[]).await;
    assert_eq!(code, Some(2));
    let found = of(&report, "found");
    assert!(found.iter().all(|found| found["check"] == "placeholder"), "{found:#?}");
    let unchecked = of(&report, "unchecked");
    let pulls = unchecked.iter().find(|result| result["check"] == "node-pulls").unwrap();
    assert!(pulls["reason"].as_str().unwrap().contains("no image of the simulator is pinned"), "{pulls:#}");

    // With registry and revision said, pods need no pins.
    testbed.probes_print(&without_faults().await);
    let address = testbed.registry.address();
    let (report, _) = testbed.doctor(&["--registry", &address, "--revision", REVISION]).await;
    let passed = of(&report, "passed");
    for check in ["image-exists", "node-pulls", "index-covers-nodes"] {
        assert!(passed.iter().any(|result| result["check"] == check), "{check}: {report:#}");
    }
}

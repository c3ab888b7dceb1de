//! A cluster of a test's own, a folder with manifests, and the program.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use test_cluster::{ADMIN, Behaviour, Cluster, Kubelet, Node, Script};
use test_support::eventually;
use testbed::images::pin::{Pin, Pins};

pub(crate) const NAMESPACE: &str = "testbed";

/// What is deployed: one service, with its settings.
const BASE: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: testbed}
---
apiVersion: v1
kind: Service
metadata: {name: query-api}
spec: {selector: {app.kubernetes.io/name: query-api}, ports: [{name: http, port: 8081, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: query-api}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: query-api}}
  template:
    metadata: {labels: {app.kubernetes.io/name: query-api, app.kubernetes.io/part-of: testbed}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}]}]
      containers:
        - name: query-api
          image: query-api
          envFrom: [{configMapRef: {name: query-api}}]
          ports: [{name: http, containerPort: 8081}]
          resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {memory: 128Mi}}
";

const ARM64: &str = "\
- op: replace
  path: /spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/0/values
  value: [arm64]
";

const COMPONENT: &str = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n";

pub(crate) struct Fixture {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) kubelet: Kubelet,
    pub(crate) manifests: TempDir,
}

impl Fixture {
    /// With a node of each architecture.
    pub(crate) async fn start() -> Self {
        Self::with_nodes(vec![Node::new("clus1", "amd64"), Node::new("r3-node", "arm64")]).await
    }

    /// With the repository's own manifests, whose images are pinned.
    pub(crate) async fn with_repository(nodes: Vec<Node>) -> Self {
        let fixture = Self::without_manifests(nodes).await;
        copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes")), fixture.manifests.path());
        let services = ["ingest-api", "process-worker", "query-api", "simulator"];
        let pin = |name: &str| Pin {
            name: name.into(),
            repository: format!("192.168.0.35:5000/testbed/{name}"),
            digest: format!("sha256:{}", "a".repeat(64)),
        };
        let pins = Pins { pins: services.map(pin).into() };
        pins.write(&fixture.manifests.path().join("images/abc"), "abc").unwrap();
        fixture
    }

    async fn without_manifests(nodes: Vec<Node>) -> Self {
        let cluster = Cluster::start().await;
        let client = cluster.client(ADMIN).await;
        let kubelet = Kubelet::start(&cluster, nodes).await;
        Self { cluster, client, kubelet, manifests: tempfile::tempdir().unwrap() }
    }

    pub(crate) async fn with_nodes(nodes: Vec<Node>) -> Self {
        let fixture = Self::without_manifests(nodes).await;
        fixture.write("base/all.yaml", BASE);
        fixture.configure(4);
        fixture.write(
            "components/redis/kustomization.yaml",
            &format!("{COMPONENT}commonAnnotations: {{redis: none}}\n"),
        );
        let arm64 = format!("{COMPONENT}patches: [{{path: arm64.yaml, target: {{kind: Deployment}}}}]\n");
        fixture.write("components/placement-arm64/arm64.yaml", ARM64);
        fixture.write("components/placement-arm64/kustomization.yaml", &arm64);
        let digest = "a".repeat(64);
        let images = format!(
            "{COMPONENT}images: [{{name: query-api, newName: '192.168.0.35:5000/testbed/query-api', digest: 'sha256:{digest}'}}]\n"
        );
        fixture.write("images/abc/kustomization.yaml", &images);
        fixture
    }

    /// Writes the base with this setting, which names its ConfigMap anew.
    pub(crate) fn configure(&self, readers: u32) {
        let kustomization = format!(
            "namespace: testbed\nresources: [all.yaml]\nconfigMapGenerator: [{{name: query-api, literals: [READERS={readers}]}}]\n"
        );
        self.write("base/kustomization.yaml", &kustomization);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.manifests.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn does(&self, behaviour: Behaviour) {
        self.kubelet.script(NAMESPACE, "query-api", Script::new(behaviour));
    }

    pub(crate) fn start_testbed(&self, arguments: &[&str]) -> Testbed {
        Testbed::start(arguments, &self.cluster.kubeconfig(ADMIN))
    }

    /// Exit code, and what it said on both streams.
    pub(crate) async fn testbed(&self, arguments: &[&str]) -> (i32, String) {
        self.start_testbed(arguments).run().await
    }

    /// Deploys with more arguments.
    pub(crate) async fn deploy(&self, arguments: &[&str]) -> (i32, String) {
        let folder = self.manifests.path().display().to_string();
        let all = [&["deploy", "--kubernetes", &folder], arguments].concat();
        self.testbed(&all).await
    }

    pub(crate) async fn deployed(&self) {
        let (code, said) = self.deploy(&["--yes"]).await;
        assert_eq!(code, 0, "{said}");
    }

    pub(crate) fn start_deploy(&self, arguments: &[&str]) -> Testbed {
        let folder = self.manifests.path().display().to_string();
        self.start_testbed(&[&["deploy", "--kubernetes", &folder], arguments].concat())
    }

    /// On a terminal, on which somebody answers.
    pub(crate) fn on_terminal(&self, arguments: &str, answer: &str) -> (i32, String) {
        let program = env!("CARGO_BIN_EXE_testbed");
        let folder = self.manifests.path().display();
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{program} {arguments} --kubernetes {folder}"))
            .arg("/dev/null")
            .env("KUBECONFIG", self.cluster.kubeconfig(ADMIN))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What its kubelet says of a node.
    pub(crate) async fn node_is_ready(&self, name: &str, is_ready: bool) {
        let status = if is_ready { "True" } else { "False" };
        let condition =
            json!({"type": "Ready", "status": status, "reason": "Kubelet", "message": "said by a test"});
        let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(self.client.clone());
        nodes.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The node of each pod, by the pod's service.
    pub(crate) async fn places(&self) -> BTreeSet<(String, String)> {
        let pods = self.api::<Pod>().list(&ListParams::default()).await.unwrap();
        let staying = pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let place = |pod: Pod| {
            let service = pod.metadata.labels.unwrap()["app.kubernetes.io/name"].clone();
            (service, pod.spec.unwrap().node_name.unwrap_or_default())
        };
        staying.map(place).collect()
    }

    /// A ConfigMap that the testbed has not made.
    pub(crate) async fn somebody_puts(&self, name: &str) {
        let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
        let object = ConfigMap { metadata, ..ConfigMap::default() };
        self.api::<ConfigMap>().create(&PostParams::default(), &object).await.unwrap();
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Names of what is there, but for what each namespace has.
    pub(crate) async fn names<K>(&self) -> Vec<String>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let listed = self.api::<K>().list(&ListParams::default()).await.unwrap();
        let names = listed.items.into_iter().filter_map(|object| object.meta().name.clone());
        names.filter(|name| name != "kube-root-ca.crt").collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        // Pins of somebody's own are not the test's.
        if entry.file_name() == "images" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A running `testbed`. Killed when it is dropped.
pub(crate) struct Testbed {
    child: Child,
    output: TempDir,
}

impl Testbed {
    pub(crate) fn start(arguments: &[&str], kubeconfig: &Path) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = File::create(output.path().join("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_testbed"))
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, output }
    }

    pub(crate) async fn run(mut self) -> (i32, String) {
        let status = self.end().await;
        (status.code().unwrap_or(-1), self.said())
    }

    /// SIGINT, as of Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.output.path().join("said")).unwrap()
    }

    pub(crate) async fn end(&mut self) -> ExitStatus {
        // Programs that end again and again are started after 10 and after 20 seconds.
        let ended = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ended).await.expect("testbed ends")
    }

    /// Waits until it has said something this often.
    pub(crate) async fn says(&self, text: &str, times: usize) {
        let said = async || (self.said().matches(text).count() >= times).then_some(());
        eventually(&format!("testbed says {text:?}"), said).await;
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("testbed said:\n{}", self.said());
        }
    }
}

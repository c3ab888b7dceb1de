//! A cluster of a test's own that executes what is deployed on it.

use experiment::cell::Cell;
use experiment::plan::Timing;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use test_cluster::{ADMIN, Behaviour, Cluster, Kubelet, Node, Script};
use testbed::audit::{Audit, AuditReport};
use testbed::cluster::connect::{ConnectionArgs, connect};
use testbed::experiment::run::settings::CellSettings;
use testbed::experiment::run::workload;
use testbed::experiment::target::cluster::{ClusterOptions, ClusterTarget, ClusterTestbed};
use testbed::experiment::target::{Load, Testbed as _};
use testbed::http_client::HttpClient;
use testbed::images::pin::{Pin, Pins};

pub(crate) const NAMESPACE: &str = "testbed";
pub(crate) const SERVICES: [&str; 3] = ["ingest-api", "process-worker", "query-api"];

pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) kubelet: Kubelet,
    pub(crate) cluster: Cluster,
    manifests: TempDir,
    pub(crate) directory: TempDir,
}

impl Fixture {
    /// With a node of each architecture, and the repository's own manifests.
    pub(crate) async fn start() -> Self {
        Self::with_nodes(vec![Node::new("clus1", "amd64"), Node::new("r3-node", "arm64")]).await
    }

    /// With two nodes of this machine's architecture, which the programs really have: clus1 and clus2.
    pub(crate) async fn of_this_architecture() -> Self {
        Self::with_nodes(["clus1", "clus2"].map(|name| Node::new(name, service::build::ARCH)).into()).await
    }

    async fn with_nodes(nodes: Vec<Node>) -> Self {
        let cluster = Cluster::start().await;
        let client = cluster.client(ADMIN).await;
        let kubelet = Kubelet::start(&cluster, nodes).await;
        for program in SERVICES.into_iter().chain(["simulator"]) {
            kubelet.script(NAMESPACE, program, Script::new(Behaviour::Executes(built(program))));
        }
        kubelet.script(NAMESPACE, "redis", Script::new(Behaviour::Executes("redis-server".into())));
        Self { client, kubelet, cluster, manifests: manifests(), directory: tempfile::tempdir().unwrap() }
    }

    /// The folder with the manifests.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.manifests.path().canonicalize().unwrap()
    }

    pub(crate) async fn target(&self) -> ClusterTarget {
        self.target_with(&["simulator=clus1", "redis=clus1"]).await
    }

    /// With redis and simulators kept on nodes.
    pub(crate) async fn target_with(&self, pins: &[&str]) -> ClusterTarget {
        let kubeconfig = Some(self.cluster.kubeconfig(ADMIN).into_os_string());
        let cluster = connect(&ConnectionArgs { kubeconfig, context: None }).await.unwrap();
        let options = ClusterOptions {
            components: Vec::new(),
            revision: None,
            kubernetes: Some(self.manifests()),
            nodes: pins.iter().map(|pin| pin.parse().unwrap()).collect(),
            shards: 2,
            simulator: built("simulator"),
            timeout: Duration::from_secs(60),
        };
        ClusterTarget::new(cluster, options)
    }

    pub(crate) async fn names<K>(&self) -> Vec<String>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), NAMESPACE);
        let listed = api.list(&ListParams::default()).await.unwrap();
        listed.items.into_iter().filter_map(|object| object.meta().name.clone()).collect()
    }

    /// Sends the load of a cell for some seconds; its results are then in the directory.
    pub(crate) async fn load(
        &self,
        testbed: &mut ClusterTestbed,
        cell: &Cell,
        run_id: &str,
        sample: &mut dyn FnMut(experiment::sample::Sample),
    ) -> anyhow::Result<()> {
        self.load_for(Duration::from_secs(4), testbed, cell, run_id, sample).await
    }

    pub(crate) async fn load_for(
        &self,
        measured: Duration,
        testbed: &mut ClusterTestbed,
        cell: &Cell,
        run_id: &str,
        sample: &mut dyn FnMut(experiment::sample::Sample),
    ) -> anyhow::Result<()> {
        let measure_s = measured.as_secs_f64();
        let timing =
            Timing { warm_up_s: 1.0, measure_s, cool_down_s: 0.0, overhead_s: 4.0, drain_timeout_s: 30.0 };
        let file = self.directory.path().join("workload.toml");
        std::fs::write(&file, workload::text(&CellSettings::of(cell).unwrap(), &timing, 7).unwrap()).unwrap();
        let load = Load { workload: &file, run_id, probes_per_s: 10.0 };
        testbed.load(&load, self.directory.path(), sample).await
    }

    pub(crate) async fn audit(&self, testbed: &ClusterTestbed, run_id: &str) -> AuditReport {
        let audit = Audit {
            run: Some(run_id.to_owned()),
            results: self.directory.path().to_owned(),
            query_url: testbed.query_url().to_owned(),
            client: HttpClient::new(None, Duration::from_secs(30)),
            redis: testbed.redis().clone(),
            drain_timeout: Duration::from_secs(30),
        };
        audit.carry_out().await.unwrap()
    }
}

pub(crate) fn cell(settings: &[(&str, Value)]) -> Cell {
    let settings = settings.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect();
    Cell { id: "a".into(), levels: BTreeMap::new(), settings, is_control: false }
}

/// A program of this build.
pub(crate) fn built(program: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_testbed")).parent().unwrap().join(program)
}

fn manifests() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let kubernetes = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes"));
    for part in ["base", "components"] {
        let copied = Command::new("cp").arg("-r").arg(kubernetes.join(part)).arg(folder.path()).status();
        assert!(copied.unwrap().success());
    }
    let pin = |name: &str| Pin {
        name: name.into(),
        repository: format!("192.168.0.35:5000/testbed/{name}"),
        digest: format!("sha256:{}", "a".repeat(64)),
    };
    let pins = ["ingest-api", "process-worker", "query-api", "simulator"].map(pin);
    Pins { pins: pins.into() }.write(&folder.path().join("images/abc"), "abc").unwrap();
    folder
}

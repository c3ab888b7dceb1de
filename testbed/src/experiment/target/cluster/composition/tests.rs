//! Of the repository's own manifests, with pins that are made up.

use super::*;
use crate::images::pin::{Pin as ImagePin, Pins};
use experiment::cell::Cell;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The manifests with pinned images, in a folder that goes away.
struct Manifests(tempfile::TempDir);

impl Manifests {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kubernetes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes").canonicalize().unwrap();
        for part in ["base", "components"] {
            let mut copy = std::process::Command::new("cp");
            copy.arg("-r").arg(kubernetes.join(part)).arg(folder.path());
            assert!(copy.status().unwrap().success());
        }
        let pin = |name: &str| ImagePin {
            name: name.into(),
            repository: format!("r:5000/testbed/{name}"),
            digest: format!("sha256:{}", "a".repeat(64)),
        };
        let pins = Pins { pins: ["ingest-api", "process-worker", "query-api", "simulator"].map(pin).into() };
        pins.write(&folder.path().join("images/abc"), "abc").unwrap();
        Self(folder)
    }

    async fn compose(&self, components: &[&str], settings: &[(&str, Value)]) -> anyhow::Result<CellObjects> {
        let options = ClusterOptions {
            components: components.iter().map(|&name| name.into()).collect(),
            revision: None,
            kubernetes: Some(self.0.path().canonicalize().unwrap()),
            nodes: vec!["simulator=clus1".parse().unwrap()],
            shards: 2,
            simulator: PathBuf::new(),
            timeout: Duration::ZERO,
        };
        let settings = settings.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect();
        let cell = Cell { id: "a".into(), levels: BTreeMap::new(), settings, is_control: false };
        compose(&options, &CellSettings::of(&cell)?, &nodes()).await
    }
}

fn nodes() -> Vec<Node> {
    let node = |name: &str, architecture: &str| {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": architecture}},
            "status": {"nodeInfo": {"architecture": architecture, "bootID": "", "containerRuntimeVersion": "",
                "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "",
                "operatingSystem": "linux", "osImage": "", "systemUUID": ""}},
        }))
        .unwrap()
    };
    vec![node("clus1", "amd64"), node("r3-node", "arm64")]
}

fn deployment<'a>(objects: &'a CellObjects, name: &str) -> &'a Value {
    let is_it = |object: &&Object| object.key.kind == "Deployment" && object.key.name == name;
    &objects.services.iter().find(is_it).unwrap().value
}

fn wanted(objects: &CellObjects, service: Service) -> Option<String> {
    wanted_architecture(&objects.services, service, &nodes())
}

#[tokio::test]
async fn each_setting_of_a_cell_gets_into_the_objects() {
    let settings = [
        ("workers", json!(3)),
        ("partitions", json!(4)),
        ("process-worker.WORK_AMOUNT", json!(50)),
        ("redis.appendonly", json!("no")),
        ("redis.io-threads", json!(2)),
        ("telemetry", json!("full")),
    ];
    let objects = Manifests::new().compose(&["external-collector"], &settings).await.unwrap();
    assert_eq!(deployment(&objects, "process-worker")["spec"]["replicas"], 3);
    let data = |name: &str| {
        let of = |object: &&Object| object.key.kind == "ConfigMap" && object.key.name.starts_with(name);
        objects.services.iter().find(of).unwrap().value["data"].clone()
    };
    assert_eq!(data("pipeline-")["PARTITIONS"], "4");
    assert_eq!(data("process-worker-")["WORK_AMOUNT"], "50");
    assert_eq!(data("testbed-")["TELEMETRY"], "full");
    let arguments = &deployment(&objects, "redis")["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments: Vec<&str> =
        arguments.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let place = arguments.iter().position(|argument| *argument == "--appendonly").unwrap();
    assert_eq!(arguments[place + 1], "no");
    assert_eq!(arguments[arguments.len() - 2..], ["--io-threads", "2"]);
    assert_eq!(arguments.iter().filter(|argument| **argument == "--appendonly").count(), 1);
    let kinds: Vec<&str> = objects.job.iter().map(|object| object.key.kind.as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "Job"]);
    assert_eq!(objects.revision, "abc");
}

#[tokio::test]
async fn placement_is_a_folder_a_node_or_a_table_of_services() {
    let manifests = Manifests::new();
    let arm64 = manifests.compose(&[], &[("placement", json!("arm64"))]).await.unwrap();
    assert!(Service::ALL.into_iter().all(|service| wanted(&arm64, service).as_deref() == Some("arm64")));
    let split = manifests.compose(&[], &[("placement", json!("split"))]).await.unwrap();
    assert_eq!(wanted(&split, Service::ProcessWorker).as_deref(), Some("arm64"));
    assert_eq!(wanted(&split, Service::QueryApi).as_deref(), Some("amd64"));
    let node = manifests.compose(&[], &[("placement", json!("r3-node"))]).await.unwrap();
    assert_eq!(wanted(&node, Service::IngestApi).as_deref(), Some("arm64"), "by the node that it names");
    let table = json!({"process-worker": "arm64", "query-api": "clus1"});
    let table = manifests.compose(&[], &[("placement", table)]).await.unwrap();
    let all = Service::ALL.map(|service| wanted(&table, service));
    assert_eq!(all, [None, Some("arm64".to_owned()), Some("amd64".to_owned())]);
}

#[tokio::test]
async fn what_a_cluster_cannot_have_is_refused_with_what_to_do() {
    let manifests = Manifests::new();
    let refusal = async |components: &[&str], key: &str, value: Value| {
        format!("{:#}", manifests.compose(components, &[(key, value)]).await.unwrap_err())
    };
    for (components, key, value, says) in [
        (vec![], "placement", json!("emulated-arm64"), "nothing is emulated on a cluster"),
        (vec![], "placement", json!("mips"), "there is no placement \"mips\""),
        (vec![], "placement", json!({"query-api": "clus9"}), "amd64, arm64 or a node: clus1, r3-node"),
        (vec![], "telemetry", json!("full"), "--component external-collector"),
        (vec!["autoscaling"], "workers", json!(2), "set workers"),
        (vec!["external-redis"], "workers", json!(2), "an empty Redis of its own"),
        (vec![], "query-api.REDIS_URL", json!("redis://a"), "leave it out"),
        (vec![], "load.replay", json!({"file": "a.csv"}), "--target local"),
    ] {
        let said = refusal(&components, key, value).await;
        assert!(said.contains(says), "{key}: {said}");
    }
}

#[tokio::test]
async fn collector_is_there_only_for_runs_with_telemetry() {
    let objects = Manifests::new().compose(&["observability"], &[("workers", json!(1))]).await.unwrap();
    assert!(objects.services.iter().all(|object| !object.key.name.contains("collector")));
}

#[tokio::test]
async fn plan_that_says_nothing_of_work_has_a_worker_without() {
    let objects = Manifests::new().compose(&[], &[("partitions", json!(2))]).await.unwrap();
    let settings = objects.settings_of(Service::ProcessWorker);
    let of = |name: &str| settings[name].as_str();
    assert_eq!((of("WORK_KIND"), of("PARTITIONS"), of("TELEMETRY")), ("none", "2", "off"));
    assert_eq!(of("RETENTION_BYTES_MAX"), "134217728", "as the manifests have it");
    assert!(!settings.contains_key("REDIS_URL"), "{settings:?}");
}

//! A run from its start to its end.

use crate::fixture::{Fixture, SERVICES, built, cell};
use clap::Parser;
use experiment::record::ServiceFacts;
use experiment::sample::Sample;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::Api;
use measurement::AuditOutcome;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use testbed::experiment::target::cluster::ClusterTestbed;
use testbed::experiment::target::local::LocalTarget;
use testbed::experiment::target::local::arguments::LocalArgs;
use testbed::experiment::target::{Target as _, Testbed as _};

#[tokio::test]
async fn run_goes_through_the_cluster_and_leaves_nothing_there() {
    let fixture = Fixture::start().await;
    let cell = cell(&[
        ("placement", json!("split")),
        ("workers", json!(2)),
        ("process-worker.WORK_AMOUNT", json!(3)),
        ("redis.appendonly", json!("no")),
        ("rate", json!(300)),
    ]);
    let mut target = fixture.target().await;
    target.check(std::slice::from_ref(&cell)).await.unwrap();
    let mut testbed = target.start(&cell, fixture.directory.path()).await.unwrap();

    let facts = testbed.services().await.unwrap();
    let names: Vec<&str> = facts.iter().map(|facts| facts.name.as_str()).collect();
    assert_eq!(names, ["ingest-api", "process-worker-1", "process-worker-2", "query-api", "redis"]);
    let worker = &facts[1];
    assert_eq!((worker.node.as_str(), worker.settings["WORK_AMOUNT"].as_str()), ("r3-node", "3"));
    assert!(worker.digest.as_ref().unwrap().starts_with("sha256:aaaa"), "{worker:?}");
    // Its node is made up, and its program says what it really is.
    assert_eq!(testbed.wanted_architecture(&worker.name), Some("arm64"));
    assert_eq!(worker.architecture, service::build::ARCH);
    let mut redis = testbed.redis().connect_once(std::time::Duration::from_secs(5)).await.unwrap();
    let directive: (String, String) =
        redis::cmd("CONFIG").arg("GET").arg("appendonly").query_async(&mut redis).await.unwrap();
    assert_eq!(directive.1, "no");
    drop(redis);

    let environments = testbed.environments().await.unwrap();
    let nodes: Vec<&str> = environments.iter().map(|environment| environment.node.as_str()).collect();
    assert_eq!(nodes, ["clus1", "r3-node"]);
    assert!(environments[1].architecture == "arm64" && environments[1].processor_time_s["idle"] > 0.0);
    for clock in testbed.clocks().await.unwrap() {
        assert!(clock.before.offset_us.abs() <= clock.before.uncertainty_us, "there is one clock: {clock:?}");
        assert!(clock.before.round_trips > 0 && clock.before.uncertainty_us < 10_000.0, "{clock:?}");
    }

    let clock = testbed.load_clock().await.unwrap();
    assert!(
        clock.offset_us.abs() <= clock.uncertainty_us && clock.uncertainty_us < 1e6,
        "one clock: {clock:?}"
    );

    let mut samples: Vec<Sample> = Vec::new();
    fixture.load(&mut testbed, &cell, "night-7", &mut |sample| samples.push(sample)).await.unwrap();
    let last = samples.last().unwrap();
    assert!(
        last.accepted.unwrap() > 1000 && last.services["redis"].network_bytes.unwrap() > 100_000,
        "{last:?}"
    );
    assert!(SERVICES.iter().all(|service| last.services[*service].cpu_s.is_some()), "{last:?}");
    let cpu = |sample: &Sample| Some((sample.services.get("ingest-api")?.cpu_s? * 1000.0) as u64);
    let readings: BTreeSet<u64> = samples.iter().filter_map(cpu).collect();
    assert!(readings.len() > 3, "processor time is known by the second: {readings:?} of {}", samples.len());
    for file in ["result.json", "ledger.json"] {
        assert!(fixture.directory.path().join(file).is_file(), "{file}");
    }
    let result = std::fs::read(fixture.directory.path().join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    // Ten a second for four seconds, of both simulators together.
    let probes = result["probes"]["probes"].as_u64().unwrap();
    assert!((30..=50).contains(&probes), "{probes}");
    let report = fixture.audit(&testbed, "night-7").await;
    assert_eq!(report.verdict.outcome, AuditOutcome::Pass, "{report}");
    assert_eq!(testbed.deaths(), Vec::<String>::new());

    testbed.stop().await.unwrap();
    assert!(fixture.names::<Pod>().await.is_empty() && fixture.names::<Deployment>().await.is_empty());
    assert!(fixture.names::<Job>().await.is_empty());
    let left: Vec<String> = fixture.names::<ConfigMap>().await;
    assert_eq!(left, ["kube-root-ca.crt", "testbed-inventory"]);
    let logs = std::fs::read_dir(fixture.directory.path().join("logs")).unwrap();
    let logs: Vec<String> = logs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for part in ["ingest-api-", "process-worker-", "query-api-", "redis-", "simulator-"] {
        assert!(logs.iter().any(|name| name.starts_with(part)), "{part} {logs:?}");
    }
}

#[tokio::test]
async fn nodes_where_simulators_happen_to_be_are_looked_at_after_the_load() {
    let fixture = Fixture::of_this_architecture().await;
    let cell = cell(&[("placement", json!("clus2")), ("rate", json!(200))]);
    let mut target = fixture.target_with(&["redis=clus2"]).await;
    let mut testbed = target.start(&cell, fixture.directory.path()).await.unwrap();
    let nodes = async |testbed: &ClusterTestbed| -> (Vec<String>, Vec<String>) {
        let clocks = testbed.clocks().await.unwrap().into_iter().map(|clock| clock.node);
        let environments = testbed.environments().await.unwrap().into_iter().map(|looked| looked.node);
        (clocks.collect(), environments.collect())
    };
    let alone = vec!["clus2".to_owned()];
    assert_eq!(nodes(&testbed).await, (alone.clone(), alone));
    // Nothing else may be placed there now.
    let nodes_of_cluster: Api<Node> = Api::all(fixture.client.clone());
    nodes_of_cluster.cordon("clus2").await.unwrap();
    fixture.load(&mut testbed, &cell, "night-8", &mut |_| {}).await.unwrap();
    let both = vec!["clus1".to_owned(), "clus2".to_owned()];
    assert_eq!(nodes(&testbed).await, (both.clone(), both));
    testbed.stop().await.unwrap();
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    local: LocalArgs,
}

#[tokio::test]
async fn services_are_told_by_the_same_names_and_settings_as_in_a_local_run() {
    let fixture = Fixture::of_this_architecture().await;
    let cell = cell(&[("process-worker.WORK_KIND", json!("hash")), ("redis.appendonly", json!("no"))]);
    let own = built("testbed");
    let programs = own.parent().unwrap().display().to_string();
    let arguments = Arguments::parse_from(["test", "--programs", &programs]);
    let mut local = LocalTarget::new(arguments.local.options().unwrap().guarded_by(&own)).unwrap();
    let here = local.start(&cell, &fixture.directory.path().join("local")).await.unwrap();
    let there = fixture.target().await.start(&cell, fixture.directory.path()).await.unwrap();
    let by_name = |facts: Vec<ServiceFacts>| -> BTreeMap<String, ServiceFacts> {
        facts.into_iter().map(|facts| (facts.name.clone(), facts)).collect()
    };
    let (local, cluster) =
        (by_name(here.services().await.unwrap()), by_name(there.services().await.unwrap()));
    assert_eq!(local.keys().collect::<Vec<_>>(), cluster.keys().collect::<Vec<_>>());
    for (name, local) in local {
        let cluster = &cluster[&name];
        assert_eq!(
            (&local.version, &local.architecture),
            (&cluster.version, &cluster.architecture),
            "{name}"
        );
        let names = |facts: &ServiceFacts| facts.settings.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&local), names(cluster), "{name}");
        let differ: Vec<&String> = local
            .settings
            .iter()
            .filter(|(name, value)| cluster.settings[*name] != **value)
            .map(|(name, _)| name)
            .collect();
        // What the manifests bound, and how long a pod serves that is being taken out of its Service.
        let by_manifests: &[&str] = match name.as_str() {
            "process-worker" => &["RETENTION_BYTES_MAX"],
            "redis" => &["maxmemory"],
            _ => &["DRAIN_DELAY_MS"],
        };
        assert_eq!(differ, by_manifests, "{name}");
    }
    here.stop().await.unwrap();
    there.stop().await.unwrap();
}

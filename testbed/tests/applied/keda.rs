//! KEDA's own definition of a ScaledObject, and what its source says that its scaler of Redis streams reads.
//!
//! Needs what `scripts/lib/keda` gets.

use std::fs;
use std::path::{Path, PathBuf};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use crate::fixture::Fixture;

fn of_keda(name: &str) -> PathBuf {
    let versions = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/keda"));
    let newest = fs::read_dir(versions).into_iter().flatten().map(|folder| folder.unwrap().path()).max();
    newest.expect("target/keda is there: run scripts/lib/keda").join(name)
}

/// Names of what the scaler reads of a trigger's metadata: `keda:"name=a;b, order=triggerMetadata;authParams, …"` of its fields.
fn fields() -> Vec<String> {
    let sources =
        ["redis_streams_scaler.go", "redis_scaler.go"].map(|name| fs::read_to_string(of_keda(name)).unwrap());
    // Of the other file, only what both scalers connect with.
    let (_, connection) = sources[1].split_once("type redisConnectionInfo struct {").unwrap();
    let (connection, _) = connection.split_once("\n}").unwrap();
    let tags = sources[0].split("`keda:\"").skip(1).chain(connection.split("`keda:\"").skip(1));
    let names = |tag: &str| {
        let (tag, _) = tag.split_once('"').unwrap();
        let parts: Vec<&str> = tag.split(',').map(str::trim).collect();
        let is_of_trigger =
            parts.iter().any(|part| part.starts_with("order=") && part.contains("triggerMetadata"));
        let names = parts.iter().filter(|_| is_of_trigger).find_map(|part| part.strip_prefix("name="));
        names.into_iter().flat_map(|names| names.split(';')).map(str::to_owned).collect::<Vec<_>>()
    };
    tags.flat_map(names).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_object_is_one_that_keda_takes_and_reads() {
    let fixture = Fixture::start().await;
    fixture.kubectl(&["create", "-f"], &of_keda("keda.sh_scaledobjects.yaml"));
    let definition = "customresourcedefinition/scaledobjects.keda.sh";
    fixture.kubectl(&["wait", "--for=condition=Established", "--timeout=30s"], Path::new(definition));

    fixture.apply(&fixture.repository.combine(&["redis", "autoscaling-keda"]));

    fixture.settled("autoscaling-keda").await;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"));
    let objects: Api<DynamicObject> = Api::namespaced_with(fixture.client.clone(), "testbed", &kind);
    let object = objects.get("process-worker").await.unwrap();
    let triggers = object.data["spec"]["triggers"].as_array().unwrap();
    assert!(!triggers.is_empty());
    let fields = fields();
    for trigger in triggers {
        assert_eq!(trigger["type"], "redis-streams");
        for (name, value) in trigger["metadata"].as_object().unwrap() {
            assert!(fields.contains(name), "the scaler reads no {name}, but {fields:?}");
            assert!(!name.ends_with("Count") || is_number(value), "{name} is {value}");
        }
        // It scales by one of them alone, and takes lagCount before the others.
        let factors = ["lagCount", "pendingEntriesCount", "streamLength"];
        let count = factors.iter().filter(|factor| trigger["metadata"].get(factor).is_some()).count();
        assert_eq!(count, 1, "{trigger}");
    }
}

fn is_number(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<u32>().is_ok())
}

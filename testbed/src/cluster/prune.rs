//! Deletes what the inventory names, and nothing else.

use super::NAMESPACE;
use super::connect::Cluster;
use super::kinds::Kinds;
use super::leaving::Leaving;
use super::objects::{ObjectKey, is_owned};
use super::words::explain;
use crate::console::say;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Preconditions};
use kube::discovery::{Discovery, Scope, verbs};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longer than the longest termination grace period of the testbed, and the garbage collector's turn after it.
const GONE_TIMEOUT: Duration = Duration::from_secs(180);

/// How often to look whether an object is gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// What to do about pods that cannot end because their node does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Say so, and give up after a while.
    Tell,
    /// Delete them from the API server, though they may still run there.
    Force,
}

/// What became of an object that was to be deleted.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Deleted,
    /// It was not there any more.
    Absent,
    /// It lost the testbed's label, so it is somebody else's now.
    NotOurs,
}

/// Deletes objects, last applied first, and waits until they are gone. Says which it leaves alone, and what it waits for.
///
/// # Errors
/// Where the cluster refuses, or an object does not go.
pub async fn delete(
    cluster: &Cluster,
    kinds: &Kinds,
    keys: &[ObjectKey],
    stuck: Stuck,
) -> anyhow::Result<()> {
    let mut leaving = Leaving::new(stuck);
    let mut deleted = Vec::new();
    for key in keys.iter().rev() {
        match delete_one(cluster, kinds, key).await? {
            Outcome::Deleted => deleted.push(key),
            Outcome::Absent => {}
            Outcome::NotOurs => say(&format!("{key} has lost the testbed's label, and is left alone")),
        }
    }
    for key in deleted {
        wait_until_gone(cluster, &kinds.api(cluster, key)?, key, &mut leaving).await?;
    }
    Ok(())
}

async fn delete_one(cluster: &Cluster, kinds: &Kinds, key: &ObjectKey) -> anyhow::Result<Outcome> {
    // What made the kind known is gone, and its objects with it.
    if !kinds.knows(key) {
        return Ok(Outcome::Absent);
    }
    let Some(live) = kinds.live(cluster, key).await? else { return Ok(Outcome::Absent) };
    if !is_owned(&live) {
        return Ok(Outcome::NotOurs);
    }
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    // Foreground: it is gone when its pods are. The uid: one that was made anew meanwhile is another's.
    let how = DeleteParams::foreground().preconditions(Preconditions { uid, resource_version: None });
    match kinds.api(cluster, key)?.delete(&key.name, &how).await {
        Ok(_) => Ok(Outcome::Deleted),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Outcome::Absent),
        Err(error) => anyhow::bail!("cannot delete {key}: {}", explain(&error, &cluster.server)),
    }
}

async fn wait_until_gone(
    cluster: &Cluster,
    api: &Api<DynamicObject>,
    key: &ObjectKey,
    leaving: &mut Leaving,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + GONE_TIMEOUT;
    loop {
        let found = api.get_metadata_opt(&key.name).await;
        let found = found
            .map_err(|error| anyhow::anyhow!("cannot read {key}: {}", explain(&error, &cluster.server)))?;
        // One with its name that is not about to go has been made meanwhile.
        let Some(going) = found.filter(|object| object.metadata.deletion_timestamp.is_some()) else {
            return Ok(());
        };
        let finalizers = going.metadata.finalizers.unwrap_or_default();
        leaving.look(cluster, key, &finalizers).await?;
        anyhow::ensure!(
            Instant::now() < deadline,
            "{key} does not go within {} s; its finalizers are {}: see whether its pods end, and its node is there",
            GONE_TIMEOUT.as_secs(),
            finalizers.join(", ")
        );
        sleep(LOOK_INTERVAL).await;
    }
}

/// Deletes a namespace, and waits until it is gone.
///
/// # Errors
/// Where the cluster refuses, or it does not go.
pub async fn delete_namespace(cluster: &Cluster, name: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let failed = |error: &kube::Error| {
        anyhow::anyhow!("cannot delete the namespace {name}: {}", explain(error, &cluster.server))
    };
    match namespaces.delete(name, &DeleteParams::default()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(failed(&error)),
    }
    let deadline = Instant::now() + GONE_TIMEOUT;
    while namespaces.get_opt(name).await.map_err(|error| failed(&error))?.is_some() {
        anyhow::ensure!(
            Instant::now() < deadline,
            "the namespace {name} does not go within {} s: `kubectl describe namespace {name}` says what is left in it",
            GONE_TIMEOUT.as_secs()
        );
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// Everything in the namespace that somebody else has put there: neither the testbed's, nor made by the cluster itself.
///
/// # Errors
/// Where it cannot be listed: then nobody knows.
pub async fn others_in_namespace(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let failed = |error: &kube::Error| {
        anyhow::anyhow!(
            "cannot list what is in the namespace {NAMESPACE}: {}",
            explain(error, &cluster.server)
        )
    };
    let discovery = Discovery::new(cluster.client.clone()).run().await.map_err(|error| failed(&error))?;
    let kinds = discovery.groups().flat_map(|group| group.recommended_resources());
    let listable = kinds.filter(|(resource, capabilities)| {
        capabilities.scope == Scope::Namespaced
            && capabilities.supports_operation(verbs::LIST)
            && capabilities.supports_operation(verbs::DELETE)
            && !matches!(
                resource.kind.as_str(),
                "Event" | "Endpoints" | "EndpointSlice" | "Lease" | "PodMetrics"
            )
    });
    let asked = listable.map(|(resource, _)| {
        let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), NAMESPACE, &resource);
        async move {
            let listed = api.list_metadata(&ListParams::default()).await?;
            let names = listed.items.into_iter().filter(|object| {
                is_of_others(&resource.kind, &serde_json::to_value(&object.metadata).unwrap_or_default())
            });
            let names =
                names.map(|object| format!("{}/{}", resource.kind, object.metadata.name.unwrap_or_default()));
            Ok::<_, kube::Error>(names.collect::<Vec<String>>())
        }
    });
    let asked: Vec<_> = asked.collect();
    let answers: Vec<_> = futures_util::stream::iter(asked).buffered(4).collect().await;
    let mut others = Vec::new();
    for answer in answers {
        match answer {
            Ok(names) => others.extend(names),
            // Kinds that an extension names and does not serve.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405 | 503) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    others.sort();
    others.dedup();
    Ok(others)
}

/// Whether an object with this metadata is neither ours nor the cluster's own.
fn is_of_others(kind: &str, metadata: &Value) -> bool {
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
    let is_of_cluster =
        matches!((kind, name), ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default"));
    let has_owner =
        metadata.get("ownerReferences").and_then(Value::as_array).is_some_and(|owners| !owners.is_empty());
    let is_ours = is_owned(&serde_json::json!({ "metadata": metadata }));
    !is_of_cluster && !has_owner && !is_ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_cluster_makes_in_every_namespace_is_nobodys() {
        assert!(!is_of_others("ConfigMap", &json!({"name": "kube-root-ca.crt"})));
        assert!(!is_of_others("ServiceAccount", &json!({"name": "default"})));
        assert!(!is_of_others("Pod", &json!({"name": "a", "ownerReferences": [{"kind": "ReplicaSet"}]})));
    }

    #[test]
    fn what_lacks_our_label_is_of_others() {
        assert!(is_of_others("ConfigMap", &json!({"name": "notes"})));
        assert!(is_of_others(
            "ConfigMap",
            &json!({"name": "a", "labels": {"app.kubernetes.io/managed-by": "Helm"}})
        ));
        assert!(!is_of_others(
            "ConfigMap",
            &json!({"name": "a", "labels": {"app.kubernetes.io/managed-by": "testbed"}})
        ));
    }
}

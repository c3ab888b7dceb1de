//! Which kinds of objects the cluster knows, and how each is reached.

use super::NAMESPACE;
use super::connect::Cluster;
use super::objects::ObjectKey;
use super::words::explain;
use anyhow::Context as _;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, Scope, pinned_kind};
use serde_json::Value;
use std::collections::BTreeMap;

/// What brings the kinds that no cluster has by itself, by the group of their API.
const ADDONS: [(&str, &str); 2] = [
    ("keda.sh", "install KEDA (https://keda.sh)"),
    ("monitoring.coreos.com", "install the Prometheus operator"),
];

/// The kinds of some objects, as the cluster names them.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    known: BTreeMap<(String, String), (ApiResource, Scope)>,
}

impl Kinds {
    /// Asks for the kinds of `keys`, and gives those too that the cluster does not know.
    ///
    /// # Errors
    /// Where the API server cannot be asked.
    pub async fn discover(cluster: &Cluster, keys: &[&ObjectKey]) -> anyhow::Result<(Self, Vec<ObjectKey>)> {
        let mut kinds = Self::default();
        let mut unknown: Vec<ObjectKey> = Vec::new();
        for key in keys {
            if kinds.known.contains_key(&identity(key))
                || unknown.iter().any(|other| identity(other) == identity(key))
            {
                continue;
            }
            let version = key.api_version.rsplit('/').next().unwrap_or_default();
            let kind = GroupVersionKind::gvk(key.group(), version, &key.kind);
            match pinned_kind(&cluster.client, &kind).await {
                Ok((resource, capabilities)) => {
                    kinds.known.insert(identity(key), (resource, capabilities.scope));
                }
                Err(kube::Error::Discovery(_)) => unknown.push((*key).clone()),
                Err(kube::Error::Api(status)) if status.code == 404 => unknown.push((*key).clone()),
                Err(error) => {
                    anyhow::bail!("cannot ask which kinds there are: {}", explain(&error, &cluster.server))
                }
            }
        }
        Ok((kinds, unknown))
    }

    /// Asks for the kinds of `keys`.
    ///
    /// # Errors
    /// Where the cluster does not know one of them.
    pub async fn require(cluster: &Cluster, keys: &[&ObjectKey]) -> anyhow::Result<Self> {
        let (kinds, unknown) = Self::discover(cluster, keys).await?;
        match unknown.first() {
            None => Ok(kinds),
            Some(key) => anyhow::bail!("{}", unknown_kind(key, &cluster.version)),
        }
    }

    /// Refuses objects of another namespace than the testbed's.
    ///
    /// # Errors
    /// The first of them.
    pub fn require_in_namespace(&self, keys: &[&ObjectKey]) -> anyhow::Result<()> {
        let is_elsewhere = |key: &&&ObjectKey| {
            let scope = self.known.get(&identity(key)).map(|(_, scope)| scope);
            scope == Some(&Scope::Namespaced) && key.namespace.as_deref() != Some(NAMESPACE)
        };
        match keys.iter().find(is_elsewhere) {
            None => Ok(()),
            Some(key) => anyhow::bail!(
                "{}/{} is not in the namespace {NAMESPACE}: put `namespace: {NAMESPACE}` into its kustomization",
                key.kind,
                key.name
            ),
        }
    }

    /// Whether the cluster knows the kind of an object.
    #[must_use]
    pub fn knows(&self, key: &ObjectKey) -> bool {
        self.known.contains_key(&identity(key))
    }

    /// How the API names the kind of an object, if the cluster knows it.
    #[must_use]
    pub fn resource(&self, key: &ObjectKey) -> Option<&ApiResource> {
        self.known.get(&identity(key)).map(|(resource, _)| resource)
    }

    /// The calls for an object.
    ///
    /// # Errors
    /// Where the cluster does not know its kind.
    pub fn api(&self, cluster: &Cluster, key: &ObjectKey) -> anyhow::Result<Api<DynamicObject>> {
        let (resource, scope) =
            self.known.get(&identity(key)).with_context(|| unknown_kind(key, &cluster.version))?;
        Ok(match (scope, &key.namespace) {
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(cluster.client.clone(), namespace, resource)
            }
            (Scope::Namespaced, None) => Api::default_namespaced_with(cluster.client.clone(), resource),
            (Scope::Cluster, _) => Api::all_with(cluster.client.clone(), resource),
        })
    }

    /// An object as it is, or nothing where it is not.
    ///
    /// # Errors
    /// Where the API server cannot be asked, or refuses.
    pub async fn live(&self, cluster: &Cluster, key: &ObjectKey) -> anyhow::Result<Option<Value>> {
        let found = self.api(cluster, key)?.get_opt(&key.name).await;
        let found = found
            .map_err(|error| anyhow::anyhow!("cannot read {key}: {}", explain(&error, &cluster.server)))?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }
}

fn identity(key: &ObjectKey) -> (String, String) {
    (key.api_version.clone(), key.kind.clone())
}

fn unknown_kind(key: &ObjectKey, version: &str) -> String {
    let remedy = ADDONS.iter().find(|(group, _)| *group == key.group()).map_or_else(
        || format!("this Kubernetes is {version}"),
        |(_, remedy)| format!("{remedy}, or leave its component out"),
    );
    format!("the cluster does not know {} of {} (for {key}): {remedy}", key.kind, key.api_version)
}

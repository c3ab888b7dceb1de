//! What the testbed has put into a cluster, kept there in a ConfigMap: nothing else is ever deleted.

use super::connect::Cluster;
use super::objects::{ObjectKey, is_owned};
use super::words::explain;
use super::{MANAGED_BY, MANAGER, NAMESPACE, PART_OF};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Its name in the namespace.
pub const NAME: &str = "testbed-inventory";

/// Its only member.
const MEMBER: &str = "inventory.json";

/// What was put there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// Every object that an apply has created or may have created.
    pub objects: Vec<ObjectKey>,
    /// The images, in words.
    #[serde(default)]
    pub revision: String,
    /// Whether a run of an experiment has put it there, and nobody misses it: the next one takes it away.
    #[serde(default)]
    pub is_of_experiment: bool,
}

impl Inventory {
    /// These objects, and those of `other` that are not among them.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.objects.extend(other.missing_in(&self.objects).cloned());
        all
    }

    /// Whether the namespace was not there before.
    #[must_use]
    pub fn has_namespace(&self) -> bool {
        self.objects.iter().any(ObjectKey::is_own_namespace)
    }

    /// Those that are not in `objects`.
    pub fn missing_in<'a>(&'a self, objects: &'a [ObjectKey]) -> impl Iterator<Item = &'a ObjectKey> {
        self.objects.iter().filter(|key| !objects.iter().any(|other| other.is_same(key)))
    }
}

/// Reads the inventory; none where nothing was deployed.
///
/// # Errors
/// Where it cannot be read, or something else has its name.
pub async fn read(cluster: &Cluster) -> anyhow::Result<Option<Inventory>> {
    let found = api(cluster).get_opt(NAME).await.map_err(|error| {
        anyhow::anyhow!("cannot read the inventory {NAMESPACE}/{NAME}: {}", explain(&error, &cluster.server))
    })?;
    let Some(found) = found else { return Ok(None) };
    anyhow::ensure!(
        is_owned(&serde_json::to_value(&found)?),
        "there is a ConfigMap {NAMESPACE}/{NAME} that the testbed has not made: rename or delete it"
    );
    let text = found.data.as_ref().and_then(|data| data.get(MEMBER)).map(String::as_str).unwrap_or_default();
    let inventory = serde_json::from_str(text).map_err(|error| {
        anyhow::anyhow!(
            "the ConfigMap {NAMESPACE}/{NAME} holds no inventory ({error}): what was deployed is not known; delete what has \
             the label {MANAGED_BY}={MANAGER} by hand, and then this ConfigMap"
        )
    })?;
    Ok(Some(inventory))
}

/// Writes the inventory.
///
/// # Errors
/// Where the cluster refuses.
pub async fn write(cluster: &Cluster, inventory: &Inventory) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {MANAGED_BY: MANAGER, PART_OF: "testbed"}},
        "data": {MEMBER: serde_json::to_string_pretty(inventory)?},
    });
    // By force: it is ours alone, whoever has edited it.
    let how = PatchParams::apply(MANAGER).force();
    api(cluster).patch(NAME, &how, &Patch::Apply(&object)).await.map_err(|error| {
        anyhow::anyhow!("cannot write the inventory {NAMESPACE}/{NAME}: {}", explain(&error, &cluster.server))
    })?;
    Ok(())
}

/// Deletes the inventory, if there is one.
///
/// # Errors
/// Where the cluster refuses.
pub async fn delete(cluster: &Cluster) -> anyhow::Result<()> {
    match api(cluster).delete(NAME, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => anyhow::bail!("cannot delete the inventory: {}", explain(&error, &cluster.server)),
    }
}

fn api(cluster: &Cluster) -> Api<ConfigMap> {
    Api::namespaced(cluster.client.clone(), NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(api_version: &str, name: &str) -> ObjectKey {
        ObjectKey {
            api_version: api_version.into(),
            kind: "HorizontalPodAutoscaler".into(),
            namespace: Some(NAMESPACE.into()),
            name: name.into(),
        }
    }

    #[test]
    fn object_that_is_no_longer_wanted_is_missing() {
        let old = Inventory {
            objects: vec![key("autoscaling/v1", "a"), key("autoscaling/v1", "b")],
            ..Inventory::default()
        };
        let wanted = [key("autoscaling/v2", "a")];
        assert_eq!(old.missing_in(&wanted).collect::<Vec<_>>(), [&key("autoscaling/v1", "b")]);
    }

    #[test]
    fn union_holds_each_object_once() {
        let of = |names: &[&str]| Inventory {
            objects: names.iter().map(|name| key("autoscaling/v2", name)).collect(),
            ..Inventory::default()
        };
        assert_eq!(of(&["a", "b"]).with(&of(&["b", "c"])), of(&["a", "b", "c"]));
    }

    #[test]
    fn inventory_survives_being_written() {
        let inventory = Inventory {
            objects: vec![key("autoscaling/v2", "a")],
            revision: "abc".into(),
            is_of_experiment: true,
        };
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
    }
}

//! Puts objects into a cluster and takes them out again; nothing here writes to a terminal, but for what takes long.

use super::NAMESPACE;
use super::apply::{self, How, Plan};
use super::connect::Cluster;
use super::inventory::{self, Inventory};
use super::kinds::Kinds;
use super::objects::{Object, ObjectKey};
use super::prune;
use super::rights::{self, Right};
use std::collections::BTreeSet;

/// What became of the namespace at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceEnd {
    Gone,
    /// Why: `was there before, and stays`.
    Stays(String),
}

/// What an apply will do, and what it needs for that.
#[derive(Debug)]
pub struct Deployment {
    pub kinds: Kinds,
    pub plan: Plan,
    /// What was deployed before.
    pub earlier: Option<Inventory>,
    how: How,
}

/// The kinds of objects that are to be applied, known to this cluster, and the rights to apply them and to watch what becomes of
/// them.
///
/// # Errors
/// Kinds that the cluster does not have, rights that are missing, or an object outside of the namespace.
pub async fn require(cluster: &Cluster, objects: &[Object]) -> anyhow::Result<Kinds> {
    let keys: Vec<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
    let kinds = Kinds::require(cluster, &keys).await?;
    rights::require(cluster, needed(&kinds, &keys)).await?;
    kinds.require_in_namespace(&keys)?;
    Ok(kinds)
}

fn needed(kinds: &Kinds, keys: &[&ObjectKey]) -> BTreeSet<Right> {
    let mut needed = rights::on_objects(kinds, keys, &["get", "create", "patch"]);
    for verb in ["get", "create", "patch"] {
        needed.insert(Right::new(verb, "", "configmaps", Some(NAMESPACE)));
    }
    needed.extend(rights::to_watch(NAMESPACE));
    needed
}

impl Deployment {
    /// Finds out what applying `objects` would do, after [`require`] has given `kinds`.
    ///
    /// # Errors
    /// As [`apply::plan`], and where the user may not delete what has to go.
    pub async fn plan(
        cluster: &Cluster,
        mut kinds: Kinds,
        objects: Vec<Object>,
        how: How,
    ) -> anyhow::Result<Self> {
        let earlier = inventory::read(cluster).await?;
        let plan = apply::plan(cluster, &kinds, objects, earlier.as_ref(), how).await?;
        if !plan.pruned.is_empty() {
            let applied = plan.changes.iter().map(|(object, _)| &object.key);
            let all: Vec<&ObjectKey> = applied.chain(&plan.pruned).collect();
            (kinds, _) = Kinds::discover(cluster, &all).await?;
        }
        let deleted: Vec<&ObjectKey> = plan.deleted().collect();
        rights::require(cluster, rights::on_objects(&kinds, &deleted, &["get", "delete"])).await?;
        Ok(Self { kinds, plan, earlier, how })
    }

    /// Applies, but deletes nothing that is no longer wanted: [`Self::finish`] does.
    ///
    /// # Errors
    /// As [`apply::apply`].
    pub async fn apply(&self, cluster: &Cluster, revision: &str) -> anyhow::Result<()> {
        apply::apply(cluster, &self.kinds, &self.plan, self.earlier.as_ref(), revision, self.how).await
    }

    /// What has pods that can be waited for.
    #[must_use]
    pub fn workloads(&self) -> Vec<ObjectKey> {
        let is_workload = |object: &Object| object.pod_template().is_some() && object.key.kind != "CronJob";
        let workloads = self.plan.changes.iter().filter(|(object, _)| is_workload(object));
        workloads.map(|(object, _)| object.key.clone()).collect()
    }

    /// Deletes what is no longer wanted, and writes down what is left. Settings that pods of the version before may still read
    /// (`is_read`) wait for a deployment that saw them go.
    ///
    /// # Errors
    /// Where the cluster refuses, or an object does not go.
    pub async fn finish(&self, cluster: &Cluster, revision: &str, is_read: bool) -> anyhow::Result<()> {
        let is_kept = |key: &&ObjectKey| is_read && matches!(key.kind.as_str(), "ConfigMap" | "Secret");
        let (kept, pruned): (Vec<&ObjectKey>, Vec<&ObjectKey>) = self.plan.pruned.iter().partition(is_kept);
        let pruned: Vec<ObjectKey> = pruned.into_iter().cloned().collect();
        prune::delete(cluster, &self.kinds, &pruned, prune::Stuck::Tell).await?;
        let mut inventory = self.plan.inventory(self.earlier.as_ref(), revision);
        inventory.objects.extend(kept.into_iter().cloned());
        if self.earlier.as_ref() != Some(&inventory) {
            inventory::write(cluster, &inventory).await?;
        }
        Ok(())
    }
}

/// Deletes everything that the inventory names but the namespace, which takes a cluster long to make anew, and waits until it is
/// gone, pods included.
///
/// # Errors
/// Where rights are missing, the cluster refuses, or an object does not go.
pub async fn clear(cluster: &Cluster) -> anyhow::Result<()> {
    let Some(inventory) = inventory::read(cluster).await? else { return Ok(()) };
    let (kept, gone): (Vec<ObjectKey>, Vec<ObjectKey>) =
        inventory.objects.iter().cloned().partition(ObjectKey::is_own_namespace);
    if gone.is_empty() {
        return Ok(());
    }
    let keys: Vec<&ObjectKey> = gone.iter().collect();
    let (kinds, _) = Kinds::discover(cluster, &keys).await?;
    rights::require(cluster, rights::on_objects(&kinds, &keys, &["get", "delete"])).await?;
    prune::delete(cluster, &kinds, &gone, prune::Stuck::Tell).await?;
    inventory::write(cluster, &Inventory { objects: kept, ..inventory }).await
}

/// Deletes the namespace where the testbed has made it and nothing of others is in it, else only the inventory; after everything
/// else that the inventory names is gone.
///
/// # Errors
/// Where the cluster refuses, or the namespace does not go.
pub async fn leave_namespace(cluster: &Cluster, inventory: &Inventory) -> anyhow::Result<NamespaceEnd> {
    if let Some(why) = why_namespace_stays(cluster, inventory).await {
        inventory::delete(cluster).await?;
        return Ok(NamespaceEnd::Stays(why));
    }
    // The inventory goes with it: as long as the namespace is there, it can be tried again.
    prune::delete_namespace(cluster, NAMESPACE).await?;
    Ok(NamespaceEnd::Gone)
}

async fn why_namespace_stays(cluster: &Cluster, inventory: &Inventory) -> Option<String> {
    if !inventory.has_namespace() {
        return Some("was there before, and stays".to_owned());
    }
    match prune::others_in_namespace(cluster).await {
        Ok(others) if others.is_empty() => None,
        Ok(others) => Some(format!("stays, others have put something there: {}", others.join(", "))),
        Err(error) => Some(format!("stays, as nobody knows whether it is empty: {error}")),
    }
}

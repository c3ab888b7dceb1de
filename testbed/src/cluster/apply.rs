//! Server-side apply: what it would change, and the change itself.

use super::connect::Cluster;
use super::diff::{FieldChange, compare};
use super::inventory::{self, Inventory};
use super::kinds::Kinds;
use super::objects::{Object, ObjectKey, is_owned};
use super::words::{explain, is_malformed, namespace_goes, of_status};
use super::{MANAGER, NAMESPACE, prune};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::Value;

/// A namespace that every cluster has: there the server checks the form of what goes into one that is still to be created.
const ANY_NAMESPACE: &str = "default";

/// What an apply does to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not there yet.
    Added,
    /// It is ours, and these fields change.
    Changed(Vec<FieldChange>),
    /// It is ours, and as it is to be.
    Unchanged,
    /// It is ours, but the server takes no change of it: it is deleted and made anew.
    Replaced(String),
    /// It was there before, and stays as it is: a namespace that somebody else made.
    LeftAlone,
}

/// What an apply would do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they are applied.
    pub changes: Vec<(Object, Change)>,
    /// What an earlier apply has created and this one does not have.
    pub pruned: Vec<ObjectKey>,
    /// Whether the namespace is still to be created, so that the server cannot check what goes into it.
    pub is_new_namespace: bool,
    /// Whether the next run of an experiment may take it away.
    pub is_of_experiment: bool,
}

impl Plan {
    /// Whether everything is as it is to be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_nothing = |change: &Change| matches!(change, Change::Unchanged | Change::LeftAlone);
        self.pruned.is_empty() && self.changes.iter().all(|(_, change)| is_nothing(change))
    }

    /// The objects that are the testbed's when it is carried out.
    #[must_use]
    pub fn owned(&self) -> Vec<ObjectKey> {
        let owned = self.changes.iter().filter(|(_, change)| *change != Change::LeftAlone);
        owned.map(|(object, _)| object.key.clone()).collect()
    }

    /// Those that go: for good, or to be made anew.
    pub fn deleted(&self) -> impl Iterator<Item = &ObjectKey> {
        let replaced = self.changes.iter().filter(|(_, change)| matches!(change, Change::Replaced(_)));
        replaced.map(|(object, _)| &object.key).chain(&self.pruned)
    }

    /// The inventory of what is there when it is carried out, after `earlier`.
    #[must_use]
    pub fn inventory(&self, earlier: Option<&Inventory>, revision: &str) -> Inventory {
        let mut objects = self.owned();
        let namespace = earlier.iter().flat_map(|earlier| &earlier.objects);
        let namespace = namespace.filter(|key| key.is_own_namespace() && !objects.contains(key)).cloned();
        objects.extend(namespace.collect::<Vec<_>>());
        Inventory { objects, revision: revision.to_owned(), is_of_experiment: self.is_of_experiment }
    }
}

/// How to apply.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Whether to take over fields that somebody else has changed.
    pub is_overwriting: bool,
}

impl How {
    fn parameters(self) -> PatchParams {
        let parameters = PatchParams::apply(MANAGER).validation_strict();
        if self.is_overwriting { parameters.force() } else { parameters }
    }
}

/// Finds out what applying `objects` would do, without doing anything.
///
/// # Errors
/// Where an object is there that the testbed has not made, somebody else holds fields, or the server refuses an
/// object: all of them, one a line.
pub async fn plan(
    cluster: &Cluster,
    kinds: &Kinds,
    objects: Vec<Object>,
    earlier: Option<&Inventory>,
    how: How,
) -> anyhow::Result<Plan> {
    let mut plan =
        Plan { is_new_namespace: is_namespace_absent(cluster, &objects).await?, ..Plan::default() };
    let mut refused: Vec<String> = Vec::new();
    for object in objects {
        match change(cluster, kinds, &object, plan.is_new_namespace, how).await? {
            Ok(change) => plan.changes.push((object, change)),
            Err(reason) => refused.push(format!("\n  {}: {reason}", object.key)),
        }
    }
    anyhow::ensure!(refused.is_empty(), "nothing was applied, the cluster would refuse:{}", refused.concat());
    let owned = plan.owned();
    let missing = earlier.iter().flat_map(|earlier| earlier.missing_in(&owned));
    // Everything would go with the namespace: that is for undeploying.
    plan.pruned = missing.filter(|key| !key.is_own_namespace()).cloned().collect();
    Ok(plan)
}

async fn is_namespace_absent(cluster: &Cluster, objects: &[Object]) -> anyhow::Result<bool> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let found = match namespaces.get_metadata_opt(NAMESPACE).await {
        // Who may not look has one that an administrator made.
        Err(kube::Error::Api(status)) if status.code == 403 => return Ok(false),
        Err(error) => {
            anyhow::bail!("cannot read the namespace {NAMESPACE}: {}", explain(&error, &cluster.server))
        }
        Ok(found) => found,
    };
    let Some(found) = found else {
        anyhow::ensure!(
            objects.iter().any(|object| object.key.is_own_namespace()),
            "there is no namespace {NAMESPACE}, and these manifests do not make it: create it, or take it from kubernetes/base"
        );
        return Ok(true);
    };
    anyhow::ensure!(found.metadata.deletion_timestamp.is_none(), namespace_goes(NAMESPACE));
    Ok(false)
}

/// What happens to one object, or why the cluster would refuse it.
async fn change(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    is_new_namespace: bool,
    how: How,
) -> anyhow::Result<Result<Change, String>> {
    if is_new_namespace && object.key.namespace.is_some() {
        return Ok(form(cluster, kinds, object).await?.map(|()| Change::Added));
    }
    let live = kinds.live(cluster, &object.key).await?;
    if let Some(live) = live.as_ref().filter(|live| !is_owned(live)) {
        return Ok(if object.key.kind == "Namespace" {
            Ok(Change::LeftAlone)
        } else {
            Err(format!(
                "is there already, and the testbed has not made it ({}): delete or rename it",
                who_made(live)
            ))
        });
    }
    let api = kinds.api(cluster, &object.key)?;
    let dry_run = how.parameters().dry_run();
    let applied = match api.patch(&object.key.name, &dry_run, &Patch::Apply(&object.value)).await {
        Ok(applied) => serde_json::to_value(applied)?,
        Err(kube::Error::Api(status)) if is_immutable(&object.key, &status) => {
            let active = live.as_ref().and_then(|live| live.pointer("/status/active")?.as_i64());
            let run = if active.unwrap_or(0) > 0 { ", and the run that is under way is ended" } else { "" };
            return Ok(Ok(Change::Replaced(format!("as its template cannot be changed{run}"))));
        }
        Err(kube::Error::Api(status)) => return Ok(Err(of_status(&status))),
        Err(error) => anyhow::bail!("cannot check {}: {}", object.key, explain(&error, &cluster.server)),
    };
    let Some(live) = live else { return Ok(Ok(Change::Added)) };
    let changes = compare(&live, &applied);
    Ok(Ok(if changes.is_empty() { Change::Unchanged } else { Change::Changed(changes) }))
}

/// What is wrong with the form of an object whose namespace is not there yet, if there is anything. What the namespace itself
/// will refuse is seen when it is there.
async fn form(cluster: &Cluster, kinds: &Kinds, object: &Object) -> anyhow::Result<Result<(), String>> {
    let mut moved = object.clone();
    moved.key.namespace = Some(ANY_NAMESPACE.to_owned());
    moved.value["metadata"]["namespace"] = ANY_NAMESPACE.into();
    let dry_run = How { is_overwriting: true }.parameters().dry_run();
    let api = kinds.api(cluster, &moved.key)?;
    Ok(match api.patch(&moved.key.name, &dry_run, &Patch::Apply(&moved.value)).await {
        Err(kube::Error::Api(status)) if is_about_form(&status) => Err(of_status(&status)),
        Ok(_) | Err(kube::Error::Api(_)) => Ok(()),
        Err(error) => anyhow::bail!("cannot check {}: {}", object.key, explain(&error, &cluster.server)),
    })
}

/// Malformed, or with values that its kind does not take; but for what an object of that name cannot change.
fn is_about_form(status: &kube::core::Status) -> bool {
    is_malformed(status) || matches!(status.code, 400 | 422) && !status.message.contains("immutable")
}

/// A job's template never changes: another run is another job.
fn is_immutable(key: &ObjectKey, status: &kube::core::Status) -> bool {
    key.kind == "Job" && status.code == 422 && status.message.contains("field is immutable")
}

/// Who has made an object, as far as it says so.
fn who_made(live: &Value) -> String {
    let label = live.pointer("/metadata/labels/app.kubernetes.io~1managed-by").and_then(Value::as_str);
    let manager = live.pointer("/metadata/managedFields/0/manager").and_then(Value::as_str);
    label.or(manager).map_or_else(|| "it does not say who has".to_owned(), |name| format!("{name} has"))
}

/// Carries a plan out, but for its pruning. The inventory names each object before it is created, so that an
/// interrupted apply leaves nothing that nobody knows of.
///
/// # Errors
/// Where the cluster refuses. A namespace that this has created is deleted again, if nothing was put into it.
pub async fn apply(
    cluster: &Cluster,
    kinds: &Kinds,
    plan: &Plan,
    earlier: Option<&Inventory>,
    revision: &str,
    how: How,
) -> anyhow::Result<()> {
    let (namespaces, rest): (Vec<_>, Vec<_>) =
        plan.changes.iter().partition(|(object, _)| object.key.kind == "Namespace");
    for (object, change) in namespaces {
        apply_object(cluster, kinds, object, change, how).await?;
    }
    if plan.is_new_namespace {
        check_in_new_namespace(cluster, kinds, &rest, how).await?;
    }
    let new = plan.inventory(earlier, revision);
    inventory::write(cluster, &earlier.map_or_else(|| new.clone(), |earlier| new.with(earlier))).await?;
    for (object, change) in rest {
        apply_object(cluster, kinds, object, change, how).await?;
    }
    Ok(())
}

/// The server can check objects only when their namespace is there.
async fn check_in_new_namespace(
    cluster: &Cluster,
    kinds: &Kinds,
    rest: &[&(Object, Change)],
    how: How,
) -> anyhow::Result<()> {
    let objects = rest.iter().map(|(object, _)| object.clone()).collect();
    let Err(refused) = plan(cluster, kinds, objects, None, how).await else { return Ok(()) };
    prune::delete_namespace(cluster, NAMESPACE).await?;
    Err(refused)
}

async fn apply_object(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    change: &Change,
    how: How,
) -> anyhow::Result<()> {
    let api = kinds.api(cluster, &object.key)?;
    match change {
        Change::LeftAlone | Change::Unchanged => return Ok(()),
        Change::Added | Change::Changed(_) => {}
        Change::Replaced(_) => {
            prune::delete(cluster, kinds, std::slice::from_ref(&object.key), prune::Stuck::Tell).await?;
        }
    }
    let applied = api.patch(&object.key.name, &how.parameters(), &Patch::Apply(&object.value)).await;
    applied
        .map(|_| ())
        .map_err(|error| anyhow::anyhow!("cannot apply {}: {}", object.key, explain(&error, &cluster.server)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str) -> Object {
        let key =
            ObjectKey { api_version: "v1".into(), kind: kind.into(), namespace: None, name: "a".into() };
        Object { key, value: json!({}) }
    }

    #[test]
    fn namespace_of_somebody_else_is_not_owned() {
        let plan = Plan {
            changes: vec![(object("Namespace"), Change::LeftAlone), (object("Service"), Change::Unchanged)],
            ..Plan::default()
        };
        assert_eq!(plan.owned(), [object("Service").key]);
        assert!(plan.is_empty());
    }

    #[test]
    fn plan_that_only_deletes_is_not_empty() {
        assert!(!Plan { pruned: vec![object("Service").key], ..Plan::default() }.is_empty());
    }

    #[test]
    fn what_is_made_anew_is_deleted_like_what_is_pruned() {
        let plan = Plan {
            changes: vec![
                (object("Job"), Change::Replaced(String::new())),
                (object("Service"), Change::Added),
            ],
            pruned: vec![object("Secret").key],
            ..Plan::default()
        };
        let kinds: Vec<&str> = plan.deleted().map(|key| key.kind.as_str()).collect();
        assert_eq!(kinds, ["Job", "Secret"]);
    }

    #[test]
    fn maker_is_told_by_label_or_manager() {
        let helm = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "managedFields": [{"manager": "helm"}]}});
        assert_eq!(who_made(&helm), "Helm has");
        assert_eq!(
            who_made(&json!({"metadata": {"managedFields": [{"manager": "kubectl-create"}]}})),
            "kubectl-create has"
        );
    }
}

//! The objects that kustomize renders: read, named, labelled, and put into the order in which they are applied.

use super::{MANAGED_BY, MANAGER, NAMESPACE, PART_OF};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What is built here.
const SERVICES: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];

/// What an object is, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectKey {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// None for what belongs to the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectKey {
    /// Group of its API, empty for the core.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is the namespace that everything of the testbed is in.
    #[must_use]
    pub fn is_own_namespace(&self) -> bool {
        self.kind == "Namespace" && self.name == NAMESPACE
    }

    /// The same object, whatever version of its API names it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let identity =
            |key: &Self| (key.group().to_owned(), key.kind.clone(), key.namespace.clone(), key.name.clone());
        identity(self) == identity(other)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.name)?;
        match &self.namespace {
            Some(namespace) if namespace != NAMESPACE => write!(formatter, " in {namespace}"),
            _ => Ok(()),
        }
    }
}

/// An object to apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub key: ObjectKey,
    /// All of it.
    pub value: Value,
}

impl Object {
    /// The template of its pods, for a workload.
    #[must_use]
    pub fn pod_template(&self) -> Option<&Value> {
        match self.key.kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => self.value.pointer("/spec/template"),
            "CronJob" => self.value.pointer("/spec/jobTemplate/spec/template"),
            _ => None,
        }
    }

    /// The images of its containers, the initial ones included.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let containers = ["/spec/initContainers", "/spec/containers"].into_iter();
        let lists = containers.filter_map(|path| self.pod_template()?.pointer(path)?.as_array());
        lists.flatten().filter_map(|container| container.get("image")?.as_str())
    }
}

/// Reads rendered manifests: labelled as made by the testbed, in the order in which they are applied.
///
/// # Errors
/// Where it is no YAML, or an object lacks what names it.
pub fn parse(yaml: &str) -> anyhow::Result<Vec<Object>> {
    // Go's YAML writes file modes as 0444.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(yaml, options)
        .map_err(|error| anyhow::anyhow!("the rendered manifests cannot be read: {error}"))?;
    let objects = documents.into_iter().filter(|document| !document.is_null()).flat_map(items).map(object);
    let mut objects: Vec<Object> = objects.collect::<anyhow::Result<_>>()?;
    // Stable: within a rank the order of kustomize stays.
    objects.sort_by_key(|object| rank(&object.key.kind));
    Ok(objects)
}

/// The members of a list, or the object itself.
fn items(mut document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str) == Some("List");
    match document.get_mut("items").filter(|_| is_list).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![document],
    }
}

fn object(mut value: Value) -> anyhow::Result<Object> {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let kind = text("/kind").context("a rendered object has no kind")?;
    let name = text("/metadata/name").with_context(|| format!("a rendered {kind} has no metadata.name"))?;
    let api_version = text("/apiVersion").with_context(|| format!("{kind}/{name} has no apiVersion"))?;
    let namespace = text("/metadata/namespace");
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        own(metadata);
    }
    Ok(Object { key: ObjectKey { api_version, kind, namespace, name }, value })
}

/// Adds the labels of ownership. Pods get none: a label of theirs is part of what selectors and rollouts look at.
fn own(metadata: &mut Map<String, Value>) {
    let labels = metadata.entry("labels").or_insert_with(|| Value::Object(Map::new()));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(MANAGED_BY.to_owned(), MANAGER.into());
        labels.entry(PART_OF).or_insert_with(|| "testbed".into());
    }
}

/// What has to be there before what: a pod that starts finds its namespace, account, configuration and services.
fn rank(kind: &str) -> usize {
    const ORDER: [&[&str]; 6] = [
        &["Namespace"],
        &["ResourceQuota", "LimitRange", "PriorityClass", "NetworkPolicy"],
        &["ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
        &["ConfigMap", "Secret"],
        &["Service", "PodDisruptionBudget"],
        &["StatefulSet", "DaemonSet", "Deployment"],
    ];
    ORDER.iter().position(|kinds| kinds.contains(&kind)).unwrap_or(ORDER.len())
}

/// Whether an image is one of the testbed's own, by the last part of its name.
#[must_use]
pub fn is_built_here(image: &str) -> bool {
    let name = image.split('@').next().and_then(|name| name.rsplit('/').next());
    name.and_then(|name| name.split(':').next()).is_some_and(|name| SERVICES.contains(&name))
}

/// Whether the labels of a live object say that the testbed made it.
#[must_use]
pub fn is_owned(live: &Value) -> bool {
    let label = |name: &str| live.get("metadata")?.get("labels")?.get(name)?.as_str();
    label(MANAGED_BY) == Some(MANAGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: query-api, namespace: testbed}
spec:
  template:
    spec:
      containers: [{name: query-api, image: "r:5000/testbed/query-api@sha256:aa"}]
      volumes: [{name: config, configMap: {name: c, defaultMode: 0444}}]
---
apiVersion: v1
kind: Service
metadata: {name: query-api, namespace: testbed, labels: {app.kubernetes.io/managed-by: kustomize}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker, namespace: testbed}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: testbed}
data: {ON: "on", NUMBER: "0444"}
---
apiVersion: v1
kind: Namespace
metadata: {name: testbed}
"#;

    #[test]
    fn objects_are_applied_after_what_they_need() {
        let kinds: Vec<String> = parse(RENDERED).unwrap().into_iter().map(|object| object.key.kind).collect();
        assert_eq!(kinds, ["Namespace", "ConfigMap", "Service", "Deployment", "ScaledObject"]);
    }

    #[test]
    fn every_object_is_labelled_as_ours_and_no_pod_is() {
        let objects = parse(RENDERED).unwrap();
        assert!(objects.iter().all(|object| is_owned(&object.value)));
        assert!(
            objects
                .iter()
                .all(|object| object.pod_template().is_none_or(|pod| pod.get("metadata").is_none()))
        );
    }

    #[test]
    fn file_modes_are_octal_and_texts_stay_texts() {
        let objects = parse(RENDERED).unwrap();
        let mode = objects[3].value.pointer("/spec/template/spec/volumes/0/configMap/defaultMode");
        assert_eq!(mode, Some(&Value::from(0o444)));
        assert_eq!(objects[1].value["data"], serde_json::json!({"ON": "on", "NUMBER": "0444"}));
    }

    #[test]
    fn images_are_those_of_the_containers() {
        let objects = parse(RENDERED).unwrap();
        let images: Vec<&str> = objects.iter().flat_map(Object::images).collect();
        assert_eq!(images, ["r:5000/testbed/query-api@sha256:aa"]);
    }

    #[test]
    fn object_without_a_name_is_refused() {
        let error = parse("apiVersion: v1\nkind: Service\nmetadata: {}\n").unwrap_err().to_string();
        assert_eq!(error, "a rendered Service has no metadata.name");
    }

    #[test]
    fn same_object_has_another_version_of_its_api() {
        let key = |api_version: &str| ObjectKey {
            api_version: api_version.into(),
            kind: "HorizontalPodAutoscaler".into(),
            namespace: None,
            name: "worker".into(),
        };
        assert!(key("autoscaling/v1").is_same(&key("autoscaling/v2")));
        assert!(!key("autoscaling/v1").is_same(&key("keda.sh/v1")));
    }
}

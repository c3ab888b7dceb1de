//! What is said instead of being written into the manifests: settings, and nodes of single workloads.

use super::ComposeError;
use crate::cluster::objects::Object;
use experiment::known::check_variable;
use experiment::plan::Service;
use serde_json::{Value, json};
use std::str::FromStr;

/// Characters of the hash that kustomize puts behind the name of a ConfigMap, with its hyphen.
const HASH_LENGTH: usize = 11;

/// The ConfigMap of the simulator's job, and its setting that the job itself must follow.
const SHARDS: (&str, &str) = ("simulator-job", "SHARDS");

/// Kinds that have pods of their own, and that a node can be said for.
const WORKLOADS: [&str; 2] = ["Deployment", "Job"];

/// A setting of a ConfigMap, written `CONFIGMAP.KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub config_map: String,
    pub key: String,
    pub value: String,
}

/// The node of a workload, written `WORKLOAD=NODE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    pub workload: String,
    /// Its label kubernetes.io/hostname.
    pub node: String,
}

/// Text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {form}")]
pub struct ChangeError {
    text: String,
    form: &'static str,
}

impl FromStr for Setting {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        match parts {
            Some(((config_map, key), value)) if !config_map.is_empty() && !key.is_empty() => {
                Ok(Self { config_map: config_map.into(), key: key.into(), value: value.into() })
            }
            _ => Err(ChangeError {
                text: text.to_owned(),
                form: "CONFIGMAP.KEY=VALUE, such as process-worker.WORK_AMOUNT=50",
            }),
        }
    }
}

impl FromStr for Pin {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((workload, node)) if !workload.is_empty() && !node.is_empty() => {
                Ok(Self { workload: workload.into(), node: node.into() })
            }
            _ => {
                Err(ChangeError { text: text.to_owned(), form: "WORKLOAD=NODE, such as process-worker=NODE" })
            }
        }
    }
}

/// What follows the components in a kustomization.
///
/// # Errors
/// Where `objects`, rendered without it, have nothing that a change is about.
pub(super) fn to_yaml(
    settings: &[Setting],
    pins: &[Pin],
    objects: &[Object],
) -> Result<String, ComposeError> {
    let mut patches = Vec::new();
    for pin in pins {
        let kind = kind_of(&pin.workload, objects)?;
        patches.push(json!({
            "target": {"kind": kind, "name": pin.workload},
            "patch": json!([{"op": "add", "path": "/spec/template/spec/affinity/nodeAffinity", "value": on_node(&pin.node)}])
                .to_string(),
        }));
    }
    let mut generated = Vec::new();
    for setting in settings {
        require_config_map(&setting.config_map, objects)?;
        require_key(setting)?;
        if (setting.config_map.as_str(), setting.key.as_str()) == SHARDS {
            patches.push(of_shards(&setting.value)?);
        }
        generated.push(json!({
            "name": setting.config_map,
            "namespace": crate::cluster::NAMESPACE,
            "behavior": "merge",
            "literals": [format!("{}={}", setting.key, setting.value)],
        }));
    }
    // JSON is YAML.
    Ok(format!("configMapGenerator: {}\npatches: {}\n", Value::from(generated), Value::from(patches)))
}

/// Of both architectures, as everywhere: by the scheduler, never by nodeName.
fn on_node(node: &str) -> Value {
    json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
        {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
    ]}]}})
}

fn of_shards(value: &str) -> Result<Value, ComposeError> {
    let unusable = || ComposeError::Unusable { name: SHARDS.1.to_owned(), value: value.to_owned() };
    let shards: u32 = value.parse().map_err(|_| unusable())?;
    let replace = |path: &str| json!({"op": "replace", "path": path, "value": shards});
    Ok(json!({
        "target": {"kind": "Job", "name": "simulator"},
        "patch": json!([replace("/spec/completions"), replace("/spec/parallelism")]).to_string(),
    }))
}

fn kind_of<'a>(workload: &str, objects: &'a [Object]) -> Result<&'a str, ComposeError> {
    let mut all = objects.iter().filter(|object| WORKLOADS.contains(&object.key.kind.as_str()));
    let found = all.clone().find(|object| object.key.name == workload);
    found.map(|object| object.key.kind.as_str()).ok_or_else(|| ComposeError::NothingToChange {
        what: "workload",
        wanted: workload.to_owned(),
        known: all.by_ref().map(|object| object.key.name.clone()).collect(),
    })
}

fn require_config_map(name: &str, objects: &[Object]) -> Result<(), ComposeError> {
    let config_maps = objects.iter().filter(|object| object.key.kind == "ConfigMap");
    let known: Vec<String> = config_maps
        .filter_map(|object| object.key.name.get(..object.key.name.len().checked_sub(HASH_LENGTH)?))
        .map(str::to_owned)
        .collect();
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(ComposeError::NothingToChange { what: "ConfigMap", wanted: name.to_owned(), known })
}

/// A key that no program reads would change nothing, in silence. Of a ConfigMap that several programs read, or that is somebody's
/// own, nobody knows the keys.
fn require_key(setting: &Setting) -> Result<(), ComposeError> {
    let Setting { config_map, key, value } = setting;
    let service = Service::ALL.into_iter().find(|service| service.name() == config_map);
    let checked = service.map_or(Ok(()), |service| check_variable(service, key, value));
    checked.map_err(|reason| ComposeError::Key { name: format!("{config_map}.{key}"), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::objects::parse;

    fn objects() -> Vec<Object> {
        parse(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: testbed-8k6kbkcgbm}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: query-api}\nspec: {template: {spec: {}}}\n",
        )
        .unwrap()
    }

    #[test]
    fn value_may_hold_dots_and_equals_signs() {
        let setting: Setting = "testbed.REDIS_URL=redis://a.b:1?x=y".parse().unwrap();
        assert_eq!(setting.config_map, "testbed");
        assert_eq!((setting.key.as_str(), setting.value.as_str()), ("REDIS_URL", "redis://a.b:1?x=y"));
        for text in ["testbed.REDIS_URL", "REDIS_URL=a", ".A=b", "testbed.=b"] {
            let error = text.parse::<Setting>().unwrap_err().to_string();
            assert!(error.contains("CONFIGMAP.KEY=VALUE"), "{error}");
        }
        assert!("query-api".parse::<Pin>().unwrap_err().to_string().contains("WORKLOAD=NODE"));
    }

    #[test]
    fn what_is_not_there_cannot_be_changed() {
        let settings = ["testbd.A=b".parse().unwrap()];
        let error = to_yaml(&settings, &[], &objects()).unwrap_err().to_string();
        assert_eq!(error, "there is no ConfigMap \"testbd\" to change: there are testbed");
        let pins = ["query=clus1".parse().unwrap()];
        let error = to_yaml(&[], &pins, &objects()).unwrap_err().to_string();
        assert_eq!(error, "there is no workload \"query\" to change: there are query-api");
    }

    #[test]
    fn key_that_no_service_reads_is_refused_with_the_nearest() {
        let objects = parse(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: query-api-8k6kbkcgbm}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {name: testbed-8k6kbkcgbm}\n",
        )
        .unwrap();
        let refusal = |text: &str| to_yaml(&[text.parse().unwrap()], &[], &objects).unwrap_err();
        let error = refusal("query-api.READRES=2");
        assert_eq!(
            error.to_string(),
            "query-api.READRES cannot be set: query-api does not know READRES: did you mean \"READERS\"?"
        );
        assert!(error.is_bad_argument());
        assert!(refusal("query-api.READERS=few").to_string().contains("a whole number"));
        for text in ["query-api.READERS=2", "testbed.ANYTHING=2"] {
            to_yaml(&[text.parse().unwrap()], &[], &objects).unwrap();
        }
    }

    #[test]
    fn shards_are_a_number() {
        let error = of_shards("two").unwrap_err().to_string();
        assert!(error.contains("SHARDS") && error.contains("\"two\""), "{error}");
    }
}

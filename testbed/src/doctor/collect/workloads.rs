//! What makes pods, out of its manifest.

use super::objects::{at, list, text, texts};
use crate::cluster::quantity::{thousandths, whole};
use crate::doctor::facts::{
    Container, NodeTerm, Requirement, Resources, Toleration, Volume, VolumeSource, Workload, redact,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Those that checks read; others may be anything.
const VARIABLES: [&str; 7] = [
    "REDIS_URL",
    "PARTITIONS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "TARGET_URL",
    "QUERY_URL",
    "CACHE_PATH",
    "GOMEMLIMIT",
];

/// A Deployment, StatefulSet, DaemonSet, Job or CronJob; `objects` holds the ConfigMaps that its containers read.
pub(super) fn workload(object: &Value, objects: &[Value]) -> Option<Workload> {
    let kind = text(object, "kind")?;
    let template = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "spec.template",
        "CronJob" => "spec.jobTemplate.spec.template",
        _ => return None,
    };
    let pod = at(object, template)?;
    let name = text(object, "metadata.name")?;
    let labels: BTreeMap<String, String> = texts(pod, "metadata.labels").collect();
    let replicas = ["spec.replicas", "spec.parallelism", "spec.jobTemplate.spec.parallelism"];
    let replicas = replicas.iter().find_map(|path| at(object, path)?.as_u64());
    let spec = pod.get("spec")?;
    Some(Workload {
        kind: kind.to_owned(),
        name: name.to_owned(),
        service: labels.get("app.kubernetes.io/name").map_or(name, String::as_str).to_owned(),
        replicas: replicas.map_or(1, |replicas| u32::try_from(replicas).unwrap_or(u32::MAX)),
        // Allow is the default.
        may_overlap: kind == "CronJob"
            && text(object, "spec.concurrencyPolicy").is_none_or(|policy| policy == "Allow"),
        run_as_user: at(spec, "securityContext.runAsUser").and_then(Value::as_u64),
        run_as_non_root: is_non_root(spec),
        node_selector: texts(spec, "nodeSelector").collect(),
        node_terms: node_terms(spec),
        tolerations: list(spec, "tolerations").map(toleration).collect(),
        containers: list(spec, "containers").map(|container| self::container(container, objects)).collect(),
        volumes: list(spec, "volumes").map(volume).collect(),
    })
}

/// Of the pod, or of all of its containers.
fn is_non_root(spec: &Value) -> bool {
    let is_set = |of: &Value| at(of, "securityContext.runAsNonRoot").and_then(Value::as_bool);
    let of_pod = is_set(spec).unwrap_or(false);
    list(spec, "containers").all(|container| is_set(container).unwrap_or(of_pod))
}

fn node_terms(spec: &Value) -> Vec<NodeTerm> {
    let path = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    let term = |term: &Value| list(term, "matchExpressions").filter_map(requirement).collect();
    list(spec, path).map(term).collect()
}

fn requirement(expression: &Value) -> Option<Requirement> {
    Some(Requirement {
        key: text(expression, "key")?.to_owned(),
        operator: text(expression, "operator")?.to_owned(),
        values: list(expression, "values").filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

fn toleration(toleration: &Value) -> Toleration {
    let of = |key: &str| text(toleration, key).filter(|value| !value.is_empty()).map(str::to_owned);
    Toleration { key: of("key"), value: of("value"), effect: of("effect") }
}

fn container(container: &Value, objects: &[Value]) -> Container {
    let of = |key: &str| text(container, key).unwrap_or_default().to_owned();
    Container {
        name: of("name"),
        image: redact(&of("image")),
        run_as_user: at(container, "securityContext.runAsUser").and_then(Value::as_u64),
        requests: resources(container, "resources.requests"),
        limits: resources(container, "resources.limits"),
        environment: environment(container, objects),
    }
}

fn resources(container: &Value, path: &str) -> Resources {
    let quantity = |name: &str| match at(container, path)?.get(name)? {
        Value::String(text) => Some(text.clone()),
        number => Some(number.to_string()),
    };
    Resources {
        cpu_millicores: quantity("cpu").and_then(|text| thousandths(&text)),
        memory_bytes: quantity("memory").and_then(|text| whole(&text)),
    }
}

/// Of ConfigMaps in their order, then of the container itself, as the kubelet does it.
fn environment(container: &Value, objects: &[Value]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for source in list(container, "envFrom") {
        if let Some(map) = text(source, "configMapRef.name") {
            let prefix = text(source, "prefix").unwrap_or_default();
            all.extend(config_map(objects, map).map(|(key, value)| (format!("{prefix}{key}"), value)));
        }
    }
    for variable in list(container, "env") {
        let Some(name) = text(variable, "name") else { continue };
        let reference = "valueFrom.configMapKeyRef";
        let value = text(variable, "value").map(str::to_owned).or_else(|| {
            let (map, key) =
                (text(variable, &format!("{reference}.name"))?, text(variable, &format!("{reference}.key"))?);
            config_map(objects, map).find(|(other, _)| other == key).map(|(_, value)| value)
        });
        all.extend(value.map(|value| (name.to_owned(), value)));
    }
    all.retain(|name, _| VARIABLES.contains(&name.as_str()));
    all.values_mut().for_each(|value| *value = redact(value));
    all
}

fn config_map<'a>(objects: &'a [Value], name: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let is_it = move |object: &&Value| {
        text(object, "kind") == Some("ConfigMap") && text(object, "metadata.name") == Some(name)
    };
    objects.iter().filter(is_it).flat_map(|object| texts(object, "data"))
}

fn volume(volume: &Value) -> Volume {
    let source = if let Some(directory) = volume.get("emptyDir") {
        VolumeSource::EmptyDir {
            is_memory: text(directory, "medium") == Some("Memory"),
            size_limit_bytes: text(directory, "sizeLimit").and_then(whole),
        }
    } else if let Some(claim) = text(volume, "persistentVolumeClaim.claimName") {
        VolumeSource::Claim(claim.to_owned())
    } else if let Some(path) = text(volume, "hostPath.path") {
        VolumeSource::HostPath(path.to_owned())
    } else {
        VolumeSource::Other
    };
    Volume { name: text(volume, "name").unwrap_or_default().to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::ManifestFacts;
    use serde_json::json;

    #[test]
    fn a_cron_job_may_overlap_unless_it_says_otherwise() {
        for (policy, may_overlap) in
            [(None, true), (Some("Allow"), true), (Some("Forbid"), false), (Some("Replace"), false)]
        {
            let job = json!({
                "kind": "CronJob",
                "metadata": {"name": "cleaner"},
                "spec": {
                    "concurrencyPolicy": policy,
                    "jobTemplate": {"spec": {"parallelism": 3, "template": {"spec": {"containers": []}}}},
                },
            });
            let workload = workload(&job, &[]).unwrap();
            assert_eq!((workload.may_overlap, workload.replicas), (may_overlap, 3));
        }
    }

    #[test]
    fn placements_are_read_with_the_labels_that_they_depend_on() {
        let requirement = json!({"key": "example.org/role", "operator": "In", "values": ["worker"]});
        let terms = json!([{"matchExpressions": [requirement]}]);
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
        let deployment = json!({
            "kind": "Deployment",
            "metadata": {"name": "query-api"},
            "spec": {"template": {"spec": {"nodeSelector": {"disk": "fast"}, "affinity": affinity, "containers": []}}},
        });
        let facts = ManifestFacts {
            overlay: String::new(),
            namespace: String::new(),
            unresolved: Vec::new(),
            workloads: workload(&deployment, &[]).into_iter().collect(),
            autoscalers: Vec::new(),
        };
        assert_eq!(facts.node_labels().into_iter().collect::<Vec<_>>(), ["disk", "example.org/role"]);
    }
}

//! Takes out of rendered manifests what checks look at.

use super::objects::{at, list, name, text};
use super::workloads::workload;
use crate::doctor::facts::{AutoscalerFacts, ManifestFacts, Unresolved, redact};
use serde_json::Value;

/// What somebody or something should have replaced. `$(` and `<` mean something in arguments and scripts, so they count in
/// names of images only.
const PLACEHOLDERS: [&str; 4] = ["PLACEHOLDER", "CHANGEME", "${", "{{"];
const PLACEHOLDERS_OF_IMAGES: [&str; 2] = ["$(", "<"];

/// Files in ConfigMaps have a syntax of their own, in which `${` and `{{` mean something.
const FILE_LINES_MIN: usize = 2;

/// What is known of the objects.
pub(super) fn facts(title: &str, objects: &[Value]) -> ManifestFacts {
    let namespaces = objects.iter().filter(|object| text(object, "kind") == Some("Namespace"));
    let namespace = namespaces.filter_map(|object| text(object, "metadata.name")).next();
    let namespace =
        namespace.or_else(|| objects.iter().find_map(|object| text(object, "metadata.namespace")));
    ManifestFacts {
        overlay: title.to_owned(),
        namespace: namespace.unwrap_or("default").to_owned(),
        unresolved: objects.iter().flat_map(unresolved).collect(),
        workloads: objects.iter().filter_map(|object| workload(object, objects)).collect(),
        autoscalers: objects.iter().filter_map(autoscaler).collect(),
    }
}

/// A HorizontalPodAutoscaler, or a ScaledObject of KEDA.
fn autoscaler(object: &Value) -> Option<AutoscalerFacts> {
    let (target, maximum) = match text(object, "kind")? {
        "HorizontalPodAutoscaler" => ("spec.scaleTargetRef.name", "spec.maxReplicas"),
        "ScaledObject" => ("spec.scaleTargetRef.name", "spec.maxReplicaCount"),
        _ => return None,
    };
    // KEDA's default.
    let maximum = at(object, maximum).and_then(Value::as_u64).unwrap_or(100);
    Some(AutoscalerFacts {
        name: text(object, "metadata.name")?.to_owned(),
        target: text(object, target)?.to_owned(),
        replicas_max: u32::try_from(maximum).unwrap_or(u32::MAX),
    })
}

/// The placeholders of an object, but for those of Secrets, whose values are nobody's business.
fn unresolved(object: &Value) -> Vec<Unresolved> {
    let mut found = Vec::new();
    if text(object, "kind") != Some("Secret") {
        search(&name(object), "", object, &mut found);
    }
    // A name without a registry is what a pin was to replace.
    for template in ["spec.template.spec", "spec.jobTemplate.spec.template.spec"] {
        for container in list(object, &format!("{template}.containers")) {
            let image = text(container, "image").unwrap_or_default();
            if !image.is_empty() && !image.contains(['/', ':', '@']) {
                let field = format!("{template}.containers.image");
                found.push(Unresolved { object: name(object), field, text: image.to_owned() });
            }
        }
    }
    found
}

fn search(object: &str, path: &str, value: &Value, found: &mut Vec<Unresolved>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                search(object, &path, value, found);
            }
        }
        Value::Array(members) => {
            for (index, value) in members.iter().enumerate() {
                search(object, &format!("{path}[{index}]"), value, found);
            }
        }
        Value::String(text) if is_placeholder(path, text) => {
            found.push(Unresolved { object: object.to_owned(), field: path.to_owned(), text: redact(text) });
        }
        _ => {}
    }
}

fn is_placeholder(path: &str, text: &str) -> bool {
    let is_image = path.ends_with(".image");
    // Variables of the collector and templates of Grafana stand in files; annotations are for people.
    if text.lines().count() >= FILE_LINES_MIN || path.contains("annotations") {
        return false;
    }
    let upper = text.to_uppercase();
    PLACEHOLDERS.iter().any(|placeholder| upper.contains(placeholder))
        || is_image && PLACEHOLDERS_OF_IMAGES.iter().any(|placeholder| text.contains(placeholder))
}

#[cfg(test)]
mod tests;

//! Objects of Kubernetes as they are rendered, and ways into them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::repository::PROGRAMS;

/// One object.
#[derive(Clone)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    pub(crate) fn kind(&self) -> &str {
        self.at("/kind").as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.at("/metadata/name").as_str().unwrap_or_default()
    }

    /// What stands at a JSON pointer, or null.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        at(&self.0, pointer)
    }

    /// Where it describes pods, their metadata and specification.
    pub(crate) fn pod(&self) -> Option<&Value> {
        let template = self.at("/spec/template");
        template.is_object().then_some(template)
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = &Value> {
        let pod = self.at("/spec/template/spec");
        list(at(pod, "/initContainers")).iter().chain(list(at(pod, "/containers")))
    }

    /// Runs one of the programs that are built here.
    pub(crate) fn is_own(&self) -> bool {
        PROGRAMS.contains(&self.name())
    }

    /// Labels of its pods.
    pub(crate) fn labels(&self) -> &Value {
        self.at("/spec/template/metadata/labels")
    }

    /// Of its containers, by name.
    pub(crate) fn ports(&self) -> BTreeMap<String, u64> {
        let ports = self.containers().flat_map(|container| list(at(container, "/ports")));
        ports.map(|port| (text(at(port, "/name")), at(port, "/containerPort").as_u64().unwrap())).collect()
    }
}

/// What stands at a JSON pointer, or null.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The elements, of which null has none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string, or how anything else is written.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a label selector (`matchLabels`, and `matchExpressions` with the operator In) takes these labels.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = at(selector, "/matchLabels").as_object().into_iter().flatten();
    let mut expressions = list(at(selector, "/matchExpressions")).iter();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|expression| {
            assert_eq!(at(expression, "/operator"), "In", "{expression}");
            let label = labels.get(text(at(expression, "/key")));
            label.is_some_and(|label| list(at(expression, "/values")).contains(label))
        })
}

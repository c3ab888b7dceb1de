//! What an apply would change in an object, field by field.

use serde_json::Value;
use std::fmt;

/// Stands for a value that must not be shown.
const HIDDEN: &str = "(hidden)";

/// Longest value that is shown whole, in characters.
const VALUE_LENGTH_MAX: usize = 80;

/// A field that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Such as `spec.template.spec.containers[ingest-api].image`.
    pub path: String,
    /// None where the field is not there yet.
    pub old: Option<String>,
    /// None where the field goes.
    pub new: Option<String>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(formatter, "{}: {old} → {new}", self.path),
            (None, Some(new)) => write!(formatter, "{}: + {new}", self.path),
            (Some(old), None) => write!(formatter, "{}: - {old}", self.path),
            (None, None) => write!(formatter, "{}", self.path),
        }
    }
}

/// Compares an object as it is with what the server says that it would become.
#[must_use]
pub fn compare(live: &Value, applied: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk(&mut Vec::new(), Some(live), Some(applied), &mut changes);
    if live.get("kind").and_then(Value::as_str) == Some("Secret") {
        for change in &mut changes {
            hide(change);
        }
    }
    changes
}

/// Values of a Secret are not shown; that they change is.
fn hide(change: &mut FieldChange) {
    if change.path.starts_with("data") || change.path.starts_with("stringData") {
        for value in [&mut change.old, &mut change.new].into_iter().flatten() {
            HIDDEN.clone_into(value);
        }
    }
}

/// What the server keeps for itself.
fn is_bookkeeping(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        names[..],
        ["status"]
            | ["metadata", "managedFields" | "resourceVersion" | "generation" | "uid" | "creationTimestamp"]
    )
}

fn walk(path: &mut Vec<String>, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<FieldChange>) {
    if old == new || is_bookkeeping(path) {
        return;
    }
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                descend(path, name.clone(), old.get(name), new.get(name), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => walk_lists(path, old, new, changes),
        (old, new) => {
            let change = FieldChange { path: written(path), old: old.map(shown), new: new.map(shown) };
            changes.push(change);
        }
    }
}

fn descend(
    path: &mut Vec<String>,
    name: String,
    old: Option<&Value>,
    new: Option<&Value>,
    changes: &mut Vec<FieldChange>,
) {
    path.push(name);
    walk(path, old, new, changes);
    path.pop();
}

/// Members with names are compared by them, so that one more in front is one more and not a change of all.
fn walk_lists(path: &mut Vec<String>, old: &[Value], new: &[Value], changes: &mut Vec<FieldChange>) {
    let Some((old_names, new_names)) = names(old).zip(names(new)) else {
        for index in 0..old.len().max(new.len()) {
            descend(path, format!("[{index}]"), old.get(index), new.get(index), changes);
        }
        return;
    };
    let find = |names: &[String], name: &str| names.iter().position(|known| known == name);
    for (name, value) in old_names.iter().zip(old) {
        let counterpart = find(&new_names, name).and_then(|index| new.get(index));
        descend(path, format!("[{name}]"), Some(value), counterpart, changes);
    }
    for (name, value) in new_names.iter().zip(new) {
        if find(&old_names, name).is_none() {
            descend(path, format!("[{name}]"), None, Some(value), changes);
        }
    }
}

/// The names of the members, if each has one and no two have the same.
fn names(members: &[Value]) -> Option<Vec<String>> {
    let name = |member: &Value| member.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<String> = members.iter().map(name).collect::<Option<_>>()?;
    let is_repeated = |(index, name): (usize, &String)| names[..index].contains(name);
    if names.iter().enumerate().any(is_repeated) { None } else { Some(names) }
}

fn written(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}

/// A value in one line.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line_count = text.lines().count();
    if line_count > 1 {
        return format!("({line_count} lines)");
    }
    if text.chars().count() <= VALUE_LENGTH_MAX {
        return text;
    }
    let start: String = text.chars().take(VALUE_LENGTH_MAX).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(live: &Value, applied: &Value) -> Vec<String> {
        compare(live, applied).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_have_paths_and_both_values() {
        let container =
            |image: &str| json!({"spec": {"containers": [{"name": "ingest-api", "image": image}]}});
        assert_eq!(lines(&container("a"), &container("b")), ["spec.containers[ingest-api].image: a → b"]);
    }

    #[test]
    fn one_more_member_is_one_change() {
        let members = |names: &[&str]| {
            let members: Vec<Value> = names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
            json!({ "env": members })
        };
        assert_eq!(lines(&members(&["B"]), &members(&["A", "B"])), [r#"env[A]: + {"name":"A","value":"1"}"#]);
        assert_eq!(lines(&members(&["A", "B"]), &members(&["A"])), [r#"env[B]: - {"name":"B","value":"1"}"#]);
    }

    #[test]
    fn members_without_names_are_compared_by_place() {
        assert_eq!(lines(&json!({"args": ["a", "b"]}), &json!({"args": ["a", "c"]})), ["args[1]: b → c"]);
        let ports = |port: u16| json!({"ports": [{"name": "x", "port": 1}, {"name": "x", "port": port}]});
        assert_eq!(lines(&ports(2), &ports(3)), ["ports[1].port: 2 → 3"]);
    }

    #[test]
    fn what_the_server_keeps_for_itself_is_no_change() {
        let object = |version: &str| {
            json!({"metadata": {"name": "a", "resourceVersion": version, "generation": version.len(), "managedFields": [version]},
                "status": {"replicas": version}})
        };
        assert_eq!(compare(&object("1"), &object("22")), []);
    }

    #[test]
    fn secrets_are_never_shown() {
        let secret = |value: &str| json!({"kind": "Secret", "metadata": {"labels": {"a": value}}, "data": {"password": value}});
        let lines = lines(&secret("b2xk"), &secret("bmV3"));
        assert!(lines.contains(&"data.password: (hidden) → (hidden)".to_owned()), "{lines:?}");
        assert!(lines.contains(&"metadata.labels.a: b2xk → bmV3".to_owned()), "{lines:?}");
    }

    #[test]
    fn secret_that_gets_its_first_data_is_not_shown_either() {
        let lines =
            lines(&json!({"kind": "Secret"}), &json!({"kind": "Secret", "data": {"password": "bmV3"}}));
        assert_eq!(lines, ["data: + (hidden)"]);
    }

    #[test]
    fn long_values_are_cut() {
        let lines = lines(&json!({"a": "x".repeat(200), "b": "1\n2"}), &json!({"a": "y", "b": "1\n2\n3"}));
        assert_eq!(lines[0].chars().count(), "a: … → y".chars().count() + VALUE_LENGTH_MAX);
        assert_eq!(lines[1], "b: (2 lines) → (3 lines)");
    }
}

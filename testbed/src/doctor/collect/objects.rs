//! Rendered objects as JSON, and what is looked up in them.

use serde_json::Value;

/// A text at a path such as `metadata.name`.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> Option<&'a str> {
    at(object, path)?.as_str()
}

/// A value at a path of keys.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, key| value.get(key))
}

/// The members of a list at a path; none where there is no list.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    at(object, path).and_then(Value::as_array).into_iter().flatten()
}

/// The members of a map whose values are text.
pub(super) fn texts(object: &Value, path: &str) -> impl Iterator<Item = (String, String)> {
    let members = at(object, path).and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
}

/// `Deployment ingest-api`
pub(super) fn name(object: &Value) -> String {
    let kind = text(object, "kind").unwrap_or("object");
    format!("{kind} {}", text(object, "metadata.name").unwrap_or("without a name"))
}

//! Branches and allocation: parses the event into a tree and folds it.

use serde_json::Value;

use super::WorkError;
use super::hash::fnv1a;

/// Parses the event `amount` times.
pub(super) fn parses(event: &str, amount: u32) -> Result<u64, WorkError> {
    (0..amount).try_fold(0xcbf2_9ce4_8422_2325, |state, _| {
        let tree: Value = serde_json::from_str(event).map_err(|error| WorkError::Json(error.to_string()))?;
        Ok(fold(&tree, state))
    })
}

fn fold(value: &Value, state: u64) -> u64 {
    match value {
        Value::Null => fnv1a(b"n", state),
        Value::Bool(flag) => fnv1a(&[u8::from(*flag)], state),
        Value::Number(number) => fnv1a(number.to_string().as_bytes(), state),
        Value::String(text) => fnv1a(text.as_bytes(), state),
        Value::Array(values) => values.iter().fold(state, |state, value| fold(value, state)),
        Value::Object(members) => {
            members.iter().fold(state, |state, (name, value)| fold(value, fnv1a(name.as_bytes(), state)))
        }
    }
}

//! Quantities of resources.

use serde_json::Value;

/// Bytes of a quantity such as `128Mi`, 0 where there is none.
pub(crate) fn bytes(value: &Value) -> u64 {
    let Some(text) = value.as_str() else { return 0 };
    let digits = text.trim_end_matches(char::is_alphabetic);
    let factor = match &text[digits.len()..] {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        unit => panic!("{text}: write bytes in Ki, Mi or Gi, not {unit:?}"),
    };
    digits.parse::<u64>().unwrap_or_else(|error| panic!("{text}: {error}")) * factor
}

/// Thousandths of a processor.
pub(crate) fn millicpus(value: &Value) -> u64 {
    match (value.as_str(), value.as_u64()) {
        (Some(text), _) => match text.strip_suffix('m') {
            Some(digits) => digits.parse().unwrap(),
            None => text.parse::<u64>().unwrap() * 1000,
        },
        (None, Some(whole)) => whole * 1000,
        (None, None) => 0,
    }
}

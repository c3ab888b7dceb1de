//! Names of runs.

use events::rfc3339_from_unix_us;
use rand::RngExt as _;
use service::clock::unix_us;

const RUN_ID_BYTES_MAX: usize = 64;

/// Ids become directory names and stand in JSON as they are.
pub(super) fn is_run_id(text: &str) -> bool {
    (1..=RUN_ID_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Sorts by time and tells runs of the same second apart.
pub(super) fn generated_run_id() -> String {
    let seconds: String = rfc3339_from_unix_us(unix_us())
        .chars()
        .take(19)
        .filter(|character| !"-:".contains(*character))
        .collect();
    format!("run-{seconds}-{:04x}", rand::rng().random::<u16>())
}

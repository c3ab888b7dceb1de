//! What the registry holds.

use crate::images::check::CheckResult;
use serde::{Deserialize, Serialize};

/// What `testbed images verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The digests that references resolve to now, by reference.
    pub digests: std::collections::BTreeMap<String, String>,
    /// Every check of every image.
    pub results: Vec<CheckResult>,
}

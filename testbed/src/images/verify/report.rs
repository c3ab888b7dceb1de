//! What a verification found, as it is printed as JSON.

use crate::images::check::{CheckResult, Outcome};
use serde::Serialize;

/// Version of the JSON of a [`Report`].
pub const REPORT_VERSION: u32 = 1;

/// A verification, as `testbed images verify --json` prints it:
///
/// ```json
/// {
///   "version": 1,
///   "images": [{
///     "reference": "192.168.0.35:5000/testbed/ingest-api:0123456789ab",
///     "digest": "sha256:…",
///     "children": [{"platform": "linux/arm64", "digest": "sha256:…", "compressed_bytes": 6912345}]
///   }],
///   "results": [
///     {"check": "tag", "image": "192.168.0.35:5000/…", "outcome": "passed", "evidence": "…"},
///     {"check": "machine", "image": "192.168.0.35:5000/…", "platform": "linux/arm64",
///      "outcome": "failed", "cause": "…", "evidence": "…", "remedy": "…"},
///     {"check": "libraries", "image": "192.168.0.35:5000/…", "platform": "linux/arm64",
///      "outcome": "skipped", "reason": "…"}
///   ]
/// }
/// ```
///
/// Every check of every image stands in `results`, by image, then by check, then by platform. Names of checks are those
/// of [`Check::name`](crate::images::check::Check::name).
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// In the order in which they were given.
    pub images: Vec<ImageSummary>,
    pub results: Vec<CheckResult>,
}

/// What an image is, as far as it could be had.
#[derive(Debug, Clone, Serialize)]
pub struct ImageSummary {
    /// As it was given.
    pub reference: String,
    /// What it resolves to now; none where it does not.
    pub digest: Option<String>,
    /// One for each platform that was asked for and is there.
    pub children: Vec<ChildSummary>,
}

/// The image of one platform.
#[derive(Debug, Clone, Serialize)]
pub struct ChildSummary {
    /// As `linux/arm64`.
    pub platform: String,
    /// Of its manifest.
    pub digest: String,
    /// Its layers and its configuration as they are pulled.
    pub compressed_bytes: u64,
}

impl Report {
    /// 0 where nothing failed, 2 where something did.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.failures().next().is_some() { 2 } else { 0 }
    }

    /// The results that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| matches!(result.outcome, Outcome::Failed(_)))
    }
}

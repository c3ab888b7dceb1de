//! What is built, by what, and what the collector is told.

use crate::images::platform::Platform;
use serde::{Deserialize, Serialize};

/// What `docker buildx bake --print` is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFacts {
    pub targets: Vec<BakeTarget>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BakeTarget {
    pub name: String,
    pub tags: Vec<String>,
    /// Empty where the builder chooses its own.
    pub platforms: Vec<Platform>,
}

/// Status of a builder that does not exist.
pub const MISSING: &str = "missing";

/// The builder of docker buildx, as `docker buildx inspect` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderFacts {
    pub name: String,
    /// `docker-container`, `docker`, …
    pub driver: String,
    /// `running`; `inactive` before it is first used, `stopped` after; [`MISSING`] where there is no such builder.
    pub status: String,
    /// Why docker cannot tell more, such as that its engine does not run.
    #[serde(default)]
    pub error: Option<String>,
    /// Whether an engine whose own builder this is (driver `docker`) keeps images in containerd, and so holds indexes.
    #[serde(default)]
    pub has_containerd_store: bool,
    /// What it can run or emulate; cross-compilation needs its own platform only.
    pub platforms: Vec<Platform>,
    /// Registries that its configuration names as ones of plain http.
    pub plain_http: Vec<String>,
    /// Whether the registry of the images speaks plain http; none where it was not asked.
    pub registry_is_plain_http: Option<bool>,
}

/// What is known of the collector's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorFacts {
    /// Its image, with the version as its tag.
    pub image: String,
    /// What it is configured to use: `exporters/otlp_grpc`, `processors/memory_limiter`, without the name behind a slash.
    pub components: Vec<String>,
    /// What pipelines name without it being configured: `traces: exporters/tempo`.
    pub undefined: Vec<String>,
    /// Variables that it reads without a default, and that its container is not given.
    #[serde(default)]
    pub unset: Vec<String>,
    /// What `otelcol validate` said; none where there is no such program.
    pub validation: Option<Validation>,
}

/// The answer of `otelcol validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Of the program.
    pub version: String,
    /// None where the configuration is accepted.
    pub error: Option<String>,
}

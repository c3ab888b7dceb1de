//! Indexes, manifests and configurations, by the OCI image specification 1.1 and Docker's schema 2.

pub mod media_type;
mod parse;

use super::platform::Platform;
pub(super) use parse::{parse, parse_config};

/// Points at content by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// What a reference resolves to.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Of the bytes, computed here.
    pub digest: String,
    pub content: Content,
}

/// An index of several manifests, or one manifest that is run without a look at its platform.
#[derive(Debug, Clone)]
pub enum Content {
    Index(Index),
    Manifest(Manifest),
}

#[derive(Debug, Clone)]
pub struct Index {
    pub children: Vec<Child>,
}

/// An entry of an index.
#[derive(Debug, Clone)]
pub struct Child {
    pub descriptor: Descriptor,
    /// None where the index does not say.
    pub platform: Option<Platform>,
    /// Provenance or SBOM, not an image: `vnd.docker.reference.type` is `attestation-manifest`.
    pub is_attestation: bool,
}

#[derive(Debug, Clone)]
pub struct Manifest {
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Descriptor>,
}

/// The configuration of an image, as far as it matters here.
#[derive(Debug, Clone)]
pub struct ImageConfig {
    pub platform: Platform,
    /// As written: `65532:65532`, `app`; empty is root.
    pub user: String,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    /// `NAME=value`
    pub environment: Vec<String>,
    pub working_directory: String,
    pub labels: std::collections::BTreeMap<String, String>,
}

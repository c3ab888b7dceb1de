//! What is known of a deployment, and the folder that it is recorded in.
//!
//! Only what a check needs is kept, field by field, so that a recording can be sent to somebody: no Secrets, no tokens, no
//! certificates, no annotations, and of the environment only the names that checks read, without passwords.

mod build;
mod cluster;
mod folder;
mod image;
mod manifests;
mod node;
mod redact;

pub use build::{BakeTarget, BuildFacts, BuilderFacts, CollectorFacts, MISSING, Validation};
pub use cluster::{
    AutoscalerFacts, ClaimFacts, ClusterFacts, ContainerFacts, NodeTerm, PodFacts, QuotaFacts, RefusalFacts,
    Requirement, VolumeFacts, term_allows,
};
pub use folder::{FACTS_VERSION, FactsError};
pub use image::ImageFacts;
pub use manifests::{
    Container, ManifestFacts, Resources, Toleration, Unresolved, Volume, VolumeSource, Workload,
};
pub use node::{Condition, NodeFacts, PullFacts, Taint};
pub use redact::redact;

use serde::{Deserialize, Serialize};

/// What was collected, or why it could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collected<T> {
    /// It is known.
    Known(T),
    /// It is not; the reason, as a sentence without a full stop.
    Missing(String),
}

impl<T> Collected<T> {
    /// What is known.
    ///
    /// # Errors
    /// The reason why it is not.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Missing(reason) => Err(reason),
        }
    }
}

impl<T> From<anyhow::Result<T>> for Collected<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(error) => Self::Missing(redact(&format!("{error:#}"))),
        }
    }
}

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// [`FACTS_VERSION`].
    pub version: u32,
    /// The program that recorded it.
    pub testbed: String,
    pub recorded_at: jiff::Timestamp,
    /// The registry that the services' images are in, `192.168.0.35:5000`.
    pub registry: Option<String>,
}

/// All facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub about: About,
    pub manifests: Collected<ManifestFacts>,
    pub images: Collected<ImageFacts>,
    pub build: Collected<BuildFacts>,
    pub builder: Collected<BuilderFacts>,
    pub collector: Collected<CollectorFacts>,
    pub cluster: Collected<ClusterFacts>,
    /// By name; empty where the cluster is not known.
    pub nodes: Vec<NodeFacts>,
}

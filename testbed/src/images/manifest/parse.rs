//! Reads indexes, manifests and configurations from JSON.

use super::media_type::{DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1_PREFIX, OCI_INDEX, OCI_MANIFEST};
use super::{Child, Content, Descriptor, ImageConfig, Index, Manifest};
use crate::images::platform::Platform;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;

/// How buildx marks provenance and SBOM in an index (BuildKit, "Image attestation storage").
const ATTESTATION: (&str, &str) = ("vnd.docker.reference.type", "attestation-manifest");

/// Why a document is not what was asked for: the end of a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::images) enum ManifestError {
    #[error("is no JSON: {0}")]
    NoJson(String),
    #[error("is of Docker's schema 1, which runtimes no longer run: build and push the image again")]
    Schema1,
    #[error("is of the media type {0}, neither an index nor the manifest of an image")]
    MediaType(String),
    #[error("is an index and a manifest at once, which runtimes refuse")]
    Ambiguous,
    #[error("is malformed: {0}")]
    Malformed(String),
}

/// A document of any of the four media types. Fields that do not matter here are ignored, as the specification wants.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<Vec<RawDescriptor>>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    /// Of schema 1.
    fs_layers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<RawPlatform>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct RawConfig {
    #[serde(flatten)]
    platform: RawPlatform,
    config: Option<RawExecution>,
}

/// As docker and BuildKit write it, with `null` for what is empty.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawExecution {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

/// Whether it is an index or a manifest is decided by the body: its `mediaType`, which is covered by the digest, else its
/// fields. `content_type` is only the word of the registry, and tells what a body is that is neither.
pub(in crate::images) fn parse(body: &[u8], content_type: Option<&str>) -> Result<Content, ManifestError> {
    let document: Document = from_json(body)?;
    let content_type = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let is_schema1 = |media_type: &str| media_type.starts_with(DOCKER_SCHEMA1_PREFIX);
    if document.schema_version == Some(1)
        || document.fs_layers.is_some()
        || document.media_type.as_deref().is_some_and(is_schema1)
    {
        return Err(ManifestError::Schema1);
    }
    // Both at once would be read as one by one runtime and as the other by another: CVE-2021-41190.
    if document.manifests.is_some() && (document.config.is_some() || document.layers.is_some()) {
        return Err(ManifestError::Ambiguous);
    }
    let is_index = match document.media_type.as_deref() {
        Some(OCI_INDEX | DOCKER_LIST) => true,
        Some(OCI_MANIFEST | DOCKER_MANIFEST) => false,
        Some(other) => return Err(ManifestError::MediaType(other.to_owned())),
        None if document.manifests.is_some() => true,
        None if document.config.is_some() => false,
        None => return Err(ManifestError::MediaType(content_type.unwrap_or("unknown").to_owned())),
    };
    if let Some(version) = document.schema_version.filter(|version| *version != 2) {
        return Err(ManifestError::Malformed(format!("its schemaVersion is {version}, not 2")));
    }
    if is_index { index(document).map(Content::Index) } else { manifest(document).map(Content::Manifest) }
}

/// The configuration of an image, OCI's or Docker's, which have the same fields.
pub(in crate::images) fn parse_config(body: &[u8]) -> Result<ImageConfig, ManifestError> {
    let document: RawConfig = from_json(body)?;
    let platform = document.platform.known();
    let platform = platform.ok_or_else(|| ManifestError::Malformed("it names no platform".to_owned()))?;
    let execution = document.config.unwrap_or_default();
    Ok(ImageConfig {
        platform,
        user: execution.user.unwrap_or_default(),
        entrypoint: execution.entrypoint.unwrap_or_default(),
        command: execution.cmd.unwrap_or_default(),
        environment: execution.env.unwrap_or_default(),
        working_directory: execution.working_dir.unwrap_or_default(),
        labels: execution.labels.unwrap_or_default(),
    })
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ManifestError> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => ManifestError::Malformed(error.to_string()),
        _ => ManifestError::NoJson(error.to_string()),
    })
}

fn index(document: Document) -> Result<Index, ManifestError> {
    let manifests =
        document.manifests.ok_or_else(|| ManifestError::Malformed("it has no manifests".to_owned()))?;
    Ok(Index { children: manifests.into_iter().map(child).collect::<Result<_, _>>()? })
}

fn child(mut raw: RawDescriptor) -> Result<Child, ManifestError> {
    let platform = raw.platform.take().and_then(RawPlatform::known);
    let annotations = raw.annotations.take().unwrap_or_default();
    let is_annotated = annotations.get(ATTESTATION.0).is_some_and(|kind| kind == ATTESTATION.1);
    // Tools that copy images may drop annotations, but nothing runs on an unknown platform.
    let is_unknown = platform.as_ref().is_some_and(|is| is.os == "unknown" && is.architecture == "unknown");
    Ok(Child { descriptor: descriptor(raw)?, platform, is_attestation: is_annotated || is_unknown })
}

fn manifest(document: Document) -> Result<Manifest, ManifestError> {
    let config = document.config.ok_or_else(|| ManifestError::Malformed("it has no config".to_owned()))?;
    let layers = document.layers.unwrap_or_default();
    Ok(Manifest {
        config: descriptor(config)?,
        layers: layers.into_iter().map(descriptor).collect::<Result<_, _>>()?,
    })
}

/// The digest goes into the path of a request: nothing but a digest may stand there.
fn descriptor(raw: RawDescriptor) -> Result<Descriptor, ManifestError> {
    let digits = match raw.digest.split_once(':') {
        Some(("sha256", digits)) if digits.len() == 64 => Some(digits),
        Some(("sha512", digits)) if digits.len() == 128 => Some(digits),
        _ => None,
    };
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits.is_some_and(is_hexadecimal) {
        return Err(ManifestError::Malformed(format!("{:?} is no digest of sha256 or sha512", raw.digest)));
    }
    Ok(Descriptor { media_type: raw.media_type, digest: raw.digest, size: raw.size })
}

impl RawPlatform {
    /// None where it says nothing.
    fn known(self) -> Option<Platform> {
        let is_said = !self.os.is_empty() && !self.architecture.is_empty();
        let variant = self.variant.filter(|variant| !variant.is_empty());
        is_said.then_some(Platform { os: self.os, architecture: self.architecture, variant })
    }
}

#[cfg(test)]
mod tests;

//! Finds the digest that an image is pinned to.

use super::Pin;
use crate::images::manifest::{Content, Resolved};
use crate::images::name;
use crate::images::registry::{Registry, RegistryError};
use oci_spec::distribution::{ParseError, Reference};

/// An image that is to be pinned.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `192.168.0.35:5000/testbed/ingest-api:0123456789ab`, with a digest or without.
    pub reference: String,
    /// What it must resolve to, where that is known.
    pub digest: Option<String>,
    /// A tag to look for the index under, where the reference is a digest alone.
    pub tag: Option<String>,
}

/// Why an image is not pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("{reference:?} is no reference of an image: {source}")]
    Reference { reference: String, source: ParseError },
    #[error("{reference} cannot be resolved: {source}{}", hint(source))]
    Registry { reference: String, source: RegistryError },
    #[error(
        "{reference} cannot be pinned to {digest}: that is a manifest of one architecture, which every node would run, without \
         a look at its own; {}",
        where_to(index.as_deref())
    )]
    NoIndex { reference: String, digest: String, index: Option<String> },
    #[error(
        "{reference} resolves to {now}, and {expected} was to be pinned: somebody pushed in between, or one of them is old; \
         build and push again"
    )]
    Moved { reference: String, now: String, expected: String },
}

fn hint(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Absent { .. } => "; build and push it with scripts/build-images",
        _ => "",
    }
}

fn where_to(index: Option<&str>) -> String {
    match index {
        Some(index) => format!("pin its index {index}"),
        None => "build all platforms as one target of docker-bake.hcl, and pin the index".to_owned(),
    }
}

/// Resolves an image and gives its pin.
///
/// # Errors
/// Where it is absent, no index, or not what was expected.
pub async fn pin(wanted: &Wanted, registry: &Registry) -> Result<Pin, PinError> {
    let text = &wanted.reference;
    let reference: Reference =
        text.parse().map_err(|source| PinError::Reference { reference: text.clone(), source })?;
    let failed = |source| PinError::Registry { reference: text.clone(), source };
    let resolved = registry.resolve(&reference).await.map_err(failed)?;
    let index = index_beside(&reference, wanted, registry).await;
    checked(wanted, &resolved, index.as_ref())?;
    let repository = name::repository(&reference);
    Ok(Pin { name: name::short(&repository).to_owned(), repository, digest: resolved.digest })
}

/// What the tag leads to, where the reference goes by its digest.
async fn index_beside(reference: &Reference, wanted: &Wanted, registry: &Registry) -> Option<Resolved> {
    reference.digest()?;
    let tag = reference.tag().or(wanted.tag.as_deref())?;
    let tagged = Reference::with_tag(
        reference.registry().to_owned(),
        reference.repository().to_owned(),
        tag.to_owned(),
    );
    registry.resolve(&tagged).await.ok()
}

/// Refuses what must not be pinned. `tagged` is what the tag beside the digest leads to.
fn checked(wanted: &Wanted, resolved: &Resolved, tagged: Option<&Resolved>) -> Result<(), PinError> {
    let reference = wanted.reference.clone();
    if matches!(resolved.content, Content::Manifest(_)) {
        let index =
            tagged.filter(|tagged| has_child(tagged, &resolved.digest)).map(|tagged| tagged.digest.clone());
        return Err(PinError::NoIndex { reference, digest: resolved.digest.clone(), index });
    }
    let Some(expected) = wanted.digest.as_ref().filter(|expected| **expected != resolved.digest) else {
        return Ok(());
    };
    if has_child(resolved, expected) {
        let index = Some(resolved.digest.clone());
        return Err(PinError::NoIndex { reference, digest: expected.clone(), index });
    }
    Err(PinError::Moved { reference, now: resolved.digest.clone(), expected: expected.clone() })
}

fn has_child(resolved: &Resolved, digest: &str) -> bool {
    match &resolved.content {
        Content::Index(index) => index.children.iter().any(|child| child.descriptor.digest == digest),
        Content::Manifest(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::manifest::{Child, Descriptor, Index, Manifest};
    use crate::images::platform::Platform;

    fn descriptor(digest: &str) -> Descriptor {
        Descriptor { media_type: String::new(), digest: digest.to_owned(), size: 1 }
    }

    fn index() -> Resolved {
        let child = |architecture: &str| Child {
            descriptor: descriptor(&format!("sha256:{architecture}")),
            platform: Some(Platform::linux(architecture)),
            is_attestation: false,
        };
        let children = ["amd64", "arm64"].map(child).into();
        Resolved { digest: "sha256:index".to_owned(), content: Content::Index(Index { children }) }
    }

    fn manifest(digest: &str) -> Resolved {
        let manifest = Manifest { config: descriptor("sha256:config"), layers: Vec::new() };
        Resolved { digest: digest.to_owned(), content: Content::Manifest(manifest) }
    }

    fn wanted(digest: Option<&str>) -> Wanted {
        Wanted { reference: "h:5000/a:1".to_owned(), digest: digest.map(str::to_owned), tag: None }
    }

    #[test]
    fn an_index_is_pinned() {
        assert!(checked(&wanted(None), &index(), None).is_ok());
        assert!(checked(&wanted(Some("sha256:index")), &index(), None).is_ok());
    }

    #[test]
    fn a_manifest_is_refused_with_the_index_that_its_tag_leads_to() {
        let text = checked(&wanted(None), &manifest("sha256:arm64"), Some(&index())).unwrap_err().to_string();
        assert!(text.contains("to sha256:arm64: that is a manifest of one architecture"), "{text}");
        assert!(text.ends_with("pin its index sha256:index"), "{text}");
    }

    #[test]
    fn a_manifest_of_another_index_is_not_led_astray() {
        let text = checked(&wanted(None), &manifest("sha256:else"), Some(&index())).unwrap_err().to_string();
        assert!(!text.contains("sha256:index") && text.contains("as one target"), "{text}");
    }

    #[test]
    fn metadata_with_the_digest_of_a_child_is_refused() {
        let text = checked(&wanted(Some("sha256:amd64")), &index(), None).unwrap_err().to_string();
        assert!(text.contains("to sha256:amd64:") && text.ends_with("pin its index sha256:index"), "{text}");
    }

    #[test]
    fn a_tag_that_was_pushed_in_between_is_refused() {
        let error = checked(&wanted(Some("sha256:before")), &index(), None).unwrap_err();
        assert!(matches!(&error, PinError::Moved { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("sha256:index") && text.contains("sha256:before"), "{text}");
    }
}

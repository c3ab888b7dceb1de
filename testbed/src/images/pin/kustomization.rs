//! The component of kustomize that holds pins: written whole, and read again.

use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What kustomize looks for in a folder.
pub const KUSTOMIZATION_FILE: &str = "kustomization.yaml";

/// An image and the digest that it is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What manifests call it: `ingest-api`.
    pub name: String,
    /// Registry and repository: `192.168.0.35:5000/testbed/ingest-api`.
    pub repository: String,
    /// Of its index: `sha256:…`.
    pub digest: String,
}

/// The pins of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    pub pins: Vec<Pin>,
}

/// The file, as far as kustomize's `Component` is used here (kustomize.config.k8s.io/v1alpha1).
#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    images: Vec<ComponentImage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ComponentImage {
    name: String,
    new_name: Option<String>,
    new_tag: Option<String>,
    digest: Option<String>,
}

impl Pins {
    /// Reads the file in `folder`.
    ///
    /// # Errors
    /// Where there is none, or where it leaves an image to a tag.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(KUSTOMIZATION_FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}: say the folder that `testbed images pin` wrote", path.display())
        })?;
        Self::parse(&text).with_context(|| format!("{} holds no pins", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let component: Component =
            serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        anyhow::ensure!(!component.images.is_empty(), "it names no images");
        let pins = component.images.into_iter().map(ComponentImage::pin).collect::<anyhow::Result<_>>()?;
        Ok(Self { pins })
    }

    /// These, and those in `folder` of other names: one service that is built again must not unpin the rest.
    #[must_use]
    pub fn beside_those_in(mut self, folder: &Path) -> Self {
        // A folder without pins, or with a file that is none, has nothing to keep.
        let kept = Self::read(folder).map_or_else(|_| Vec::new(), |kept| kept.pins);
        let is_new = |pin: &Pin| self.pins.iter().all(|own| own.name != pin.name);
        let kept: Vec<Pin> = kept.into_iter().filter(is_new).collect();
        self.pins.extend(kept);
        self.pins.sort_by(|one, other| one.name.cmp(&other.name));
        self
    }

    /// The file that pins all of them.
    #[must_use]
    pub fn to_yaml(&self, revision: &str) -> String {
        let mut yaml = format!(
            "# The images of revision {revision}, pinned by the digests of their indexes, so that each node takes the child of its\n\
             # own architecture and every node the same build. Name this folder last under `components`: it changes what stands\n\
             # before it. Made by `testbed images pin`; make it again instead of editing it.\n\
             apiVersion: kustomize.config.k8s.io/v1alpha1\n\
             kind: Component\n\
             \n\
             images:\n"
        );
        for Pin { name, repository, digest } in &self.pins {
            // Writing to a String cannot fail.
            writeln!(yaml, "  - name: {name}\n    newName: {repository}\n    digest: {digest}")
                .unwrap_or_default();
        }
        yaml
    }

    /// Writes the file into `folder`, whole or not at all, and gives its path.
    ///
    /// # Errors
    /// Where the folder or the file cannot be written.
    pub fn write(&self, folder: &Path, revision: &str) -> anyhow::Result<PathBuf> {
        let path = folder.join(KUSTOMIZATION_FILE);
        let write = || -> anyhow::Result<()> {
            std::fs::create_dir_all(folder)?;
            let readable = Permissions::from_mode(0o644);
            let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
            file.write_all(self.to_yaml(revision).as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The images as they are pinned: `192.168.0.35:5000/testbed/ingest-api@sha256:…`.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        self.pins.iter().map(|pin| format!("{}@{}", pin.repository, pin.digest)).collect()
    }

    /// Digests by repository.
    #[must_use]
    pub fn into_digests(self) -> BTreeMap<String, String> {
        self.pins.into_iter().map(|pin| (pin.repository, pin.digest)).collect()
    }
}

impl ComponentImage {
    fn pin(self) -> anyhow::Result<Pin> {
        let Some(digest) = self.digest else {
            let tag = self.new_tag.unwrap_or_default();
            anyhow::bail!(
                "{} has no digest but the tag {tag:?}: pin it with `testbed images pin`",
                self.name
            );
        };
        Ok(Pin { repository: self.new_name.unwrap_or_else(|| self.name.clone()), name: self.name, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> Pins {
        let pin = |name: &str, digit: &str| Pin {
            name: name.to_owned(),
            repository: format!("192.168.0.35:5000/testbed/{name}"),
            digest: format!("sha256:{}", digit.repeat(64)),
        };
        Pins { pins: vec![pin("ingest-api", "1"), pin("simulator", "2")] }
    }

    #[test]
    fn pins_are_a_component() {
        insta::assert_snapshot!(pins().to_yaml("0123456789ab"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("images/0123456789ab");
        let path = pins().write(&inner, "0123456789ab").unwrap();
        assert_eq!(Pins::read(&inner).unwrap(), pins());
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o444, 0o444);
    }

    #[test]
    fn an_older_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(KUSTOMIZATION_FILE), "old").unwrap();
        pins().write(folder.path(), "0123456789ab").unwrap();
        assert_eq!(Pins::read(folder.path()).unwrap(), pins());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_service_that_is_pinned_again_leaves_the_others_pinned() {
        let folder = tempfile::tempdir().unwrap();
        pins().write(folder.path(), "0123456789ab").unwrap();
        let again = Pin { digest: format!("sha256:{}", "3".repeat(64)), ..pins().pins[1].clone() };
        let merged = Pins { pins: vec![again.clone()] }.beside_those_in(folder.path());
        assert_eq!(merged.pins, [pins().pins[0].clone(), again]);
    }

    #[test]
    fn a_tag_is_no_pin() {
        let error = Pins::parse("images: [{name: ingest-api, newTag: '1'}]").unwrap_err();
        assert!(error.to_string().contains("ingest-api has no digest but the tag \"1\""), "{error}");
    }

    #[test]
    fn a_file_without_images_holds_no_pins() {
        assert!(Pins::parse("kind: Component").is_err());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = format!("{:#}", Pins::read(Path::new("/nowhere/images")).unwrap_err());
        assert!(error.contains("/nowhere/images/kustomization.yaml"), "{error}");
    }
}

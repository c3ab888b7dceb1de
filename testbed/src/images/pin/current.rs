//! The link to the newest pins. Overlays are in the repository and revisions are not, so they name the link.

use super::Pins;
use anyhow::Context as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Where the pins of all revisions are, from the repository's root.
pub const FOLDER: &str = "kubernetes/images";

/// Name of the link, beside the folders of revisions: what `kubernetes/placements` take their images from.
pub const CURRENT: &str = "current";

/// What became of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// It points at the new pins.
    Moved,
    /// It points at older pins, which hold these images that the new ones lack.
    Kept { lacking: Vec<String> },
    /// These pins are not where overlays look for them.
    Elsewhere,
}

/// Points the link at the pins that were written into `folder`, where that is a folder of `kubernetes/images`. Pins of some
/// services never replace those of more: the rest would be deployed without a digest, from wherever their bare names lead.
///
/// # Errors
/// Where something that is no link has its name, or where it cannot be made.
pub fn point_current_at(folder: &Path, pins: &Pins) -> anyhow::Result<Current> {
    let (Some(parent), Some(revision)) = (folder.parent(), folder.file_name()) else {
        return Ok(Current::Elsewhere);
    };
    if !parent.ends_with(FOLDER) {
        return Ok(Current::Elsewhere);
    }
    let link = parent.join(CURRENT);
    if link.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
        anyhow::bail!(
            "{} is no link, so that it does not follow the newest pins: remove it, then pin again",
            link.display()
        );
    }
    // A link to nothing holds nothing.
    let before = Pins::read(&link).map_or_else(|_| Vec::new(), |pins| pins.pins);
    let lacking: Vec<String> = before
        .into_iter()
        .map(|pin| pin.name)
        .filter(|name| pins.pins.iter().all(|pin| pin.name != *name))
        .collect();
    if !lacking.is_empty() {
        return Ok(Current::Kept { lacking });
    }
    let replace = || -> anyhow::Result<()> {
        // Renamed over the old one, so that there is a link at any time.
        let work = tempfile::Builder::new().prefix(".current").tempdir_in(parent)?;
        let new = work.path().join(CURRENT);
        symlink(revision, &new)?;
        Ok(fs::rename(&new, &link)?)
    };
    replace().with_context(|| format!("cannot point {} at {}", link.display(), folder.display()))?;
    Ok(Current::Moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::pin::Pin;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn pins(names: &[&str]) -> Pins {
        let pin = |name: &&str| Pin {
            name: (*name).to_owned(),
            repository: format!("192.168.0.35:5000/testbed/{name}"),
            digest: format!("sha256:{}", "1".repeat(64)),
        };
        Pins { pins: names.iter().map(pin).collect() }
    }

    /// Writes pins as `testbed images pin` does, and points the link at them.
    fn pin(root: &TempDir, revision: &str, names: &[&str]) -> anyhow::Result<Current> {
        let folder = root.path().join(FOLDER).join(revision);
        pins(names).write(&folder, revision)?;
        point_current_at(&folder, &pins(names))
    }

    fn link(root: &TempDir) -> PathBuf {
        root.path().join(FOLDER).join(CURRENT)
    }

    #[test]
    fn link_follows_the_newest_pins() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(pin(&root, "aaaaaaaaaaaa", &["ingest-api"]).unwrap(), Current::Moved);
        assert_eq!(pin(&root, "bbbbbbbbbbbb", &["ingest-api", "query-api"]).unwrap(), Current::Moved);
        // Relative, so that the repository can be moved.
        assert_eq!(fs::read_link(link(&root)).unwrap(), Path::new("bbbbbbbbbbbb"));
        assert_eq!(Pins::read(&link(&root)).unwrap(), pins(&["ingest-api", "query-api"]));
        assert_eq!(fs::read_dir(root.path().join(FOLDER)).unwrap().count(), 3);
    }

    #[test]
    fn pins_of_fewer_images_do_not_replace_those_of_more() {
        let root = tempfile::tempdir().unwrap();
        pin(&root, "aaaaaaaaaaaa", &["ingest-api", "query-api"]).unwrap();
        let kept = Current::Kept { lacking: vec!["query-api".to_owned()] };
        assert_eq!(pin(&root, "bbbbbbbbbbbb", &["ingest-api"]).unwrap(), kept);
        assert_eq!(fs::read_link(link(&root)).unwrap(), Path::new("aaaaaaaaaaaa"));
    }

    #[test]
    fn link_to_pins_that_were_removed_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        pin(&root, "aaaaaaaaaaaa", &["ingest-api", "query-api"]).unwrap();
        fs::remove_dir_all(root.path().join(FOLDER).join("aaaaaaaaaaaa")).unwrap();
        assert_eq!(pin(&root, "bbbbbbbbbbbb", &["ingest-api"]).unwrap(), Current::Moved);
    }

    #[test]
    fn folder_in_place_of_the_link_is_refused_and_kept() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(link(&root)).unwrap();
        let error = pin(&root, "aaaaaaaaaaaa", &["ingest-api"]).unwrap_err().to_string();
        assert!(error.contains("kubernetes/images/current is no link"), "{error}");
        assert!(link(&root).is_dir());
    }

    #[test]
    fn pins_elsewhere_make_no_link() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("pins/aaaaaaaaaaaa");
        pins(&["ingest-api"]).write(&folder, "aaaaaaaaaaaa").unwrap();
        assert_eq!(point_current_at(&folder, &pins(&["ingest-api"])).unwrap(), Current::Elsewhere);
        assert_eq!(fs::read_dir(root.path().join("pins")).unwrap().count(), 1);
    }
}

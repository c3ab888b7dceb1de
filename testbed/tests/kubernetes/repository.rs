//! A copy of `kubernetes/`, so that pins can be written beside it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testbed::images::pin::{Current, FOLDER, Pin, Pins, point_current_at};

/// The images that are built here.
pub(crate) const PROGRAMS: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];
pub(crate) const PLACEMENTS: [&str; 6] = ["any", "amd64", "arm64", "split", "by-label", "pinned"];
pub(crate) const REGISTRY: &str = "192.168.0.35:5000";
/// Where [`Repository::write`] writes to.
pub(crate) const COMBINED: &str = "kubernetes/local/combined";

pub(crate) struct Repository {
    directory: TempDir,
}

impl Repository {
    pub(crate) fn without_pins() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes"));
        for folder in ["base", "components", "placements"] {
            copy(&from.join(folder), &directory.path().join("kubernetes").join(folder));
        }
        Self { directory }
    }

    /// As after `testbed images pin`.
    pub(crate) fn with_pins() -> Self {
        let repository = Self::without_pins();
        let pin = |name: &str| Pin {
            name: name.to_owned(),
            repository: format!("{REGISTRY}/testbed/{name}"),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
        };
        let pins = Pins { pins: PROGRAMS.into_iter().map(pin).collect() };
        let folder = repository.directory.path().join(FOLDER).join("0123456789ab");
        pins.write(&folder, "0123456789ab").unwrap();
        assert_eq!(point_current_at(&folder, &pins).unwrap(), Current::Moved);
        repository
    }

    /// What holds `kubernetes/`.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a kustomization where people have theirs.
    pub(crate) fn write(&self, kustomization: &str) -> PathBuf {
        let folder = self.directory.path().join(COMBINED);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
        folder
    }

    /// Writes a kustomization of the base with these components and the pins.
    pub(crate) fn combine(&self, components: &[&str]) -> PathBuf {
        let lines: Vec<String> =
            components.iter().map(|component| format!("  - ../../components/{component}\n")).collect();
        let lines = lines.concat();
        self.write(&format!("resources:\n  - ../../base\ncomponents:\n{lines}  - ../../images/current\n"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

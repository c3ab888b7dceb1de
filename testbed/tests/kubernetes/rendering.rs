//! What kustomize makes of the placements, and of components in many combinations, with pins that the real code wrote.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;
use testbed::images::pin::{Current, FOLDER, Pin, Pins, point_current_at};

use crate::objects::Object;

/// The images that are built here.
pub(crate) const PROGRAMS: [&str; 4] = ["ingest-api", "process-worker", "query-api", "simulator"];
pub(crate) const SERVICES: [&str; 3] = ["ingest-api", "process-worker", "query-api"];
pub(crate) const PLACEMENTS: [&str; 6] = ["any", "amd64", "arm64", "split", "by-label", "pinned"];
pub(crate) const REGISTRY: &str = "192.168.0.35:5000";

/// Components that can stand beside any others, in their order.
const OPTIONS: [&str; 5] =
    ["autoscaling", "autoscaling-keda", "network-policy", "caches-in-memory", "guaranteed-qos"];

/// The objects of one kustomization.
#[derive(Clone)]
pub(crate) struct Rendering {
    pub(crate) name: String,
    /// Names of its components.
    pub(crate) components: Vec<String>,
    pub(crate) objects: Vec<Object>,
}

impl Rendering {
    pub(crate) fn has(&self, component: &str) -> bool {
        self.components.iter().any(|own| own == component)
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind() == kind && object.name() == name)
    }

    /// What makes pods.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.pod().is_some())
    }
}

/// The placements as they stand in the repository.
pub(crate) static PLACED: LazyLock<Vec<Rendering>> = LazyLock::new(|| {
    let repository = Repository::with_pins();
    let render = |placement: &&str| {
        let objects = repository.render(&format!("kubernetes/placements/{placement}"));
        Rendering { name: format!("placements/{placement}"), components: vec!["redis".to_owned()], objects }
    };
    PLACEMENTS.iter().map(render).collect()
});

/// The placements, each placement with each Redis and collector and with all options, and each option alone.
pub(crate) static ALL: LazyLock<Vec<Rendering>> = LazyLock::new(|| {
    let repository = Repository::with_pins();
    let mut renderings = PLACED.clone();
    let stores: [&[&str]; 3] =
        [&["redis"], &["external-redis"], &["external-redis", "external-redis-password"]];
    let collectors: [&[&str]; 3] = [&[], &["observability"], &["external-collector"]];
    for (index, placement) in PLACEMENTS.iter().enumerate() {
        // Every pair of a Redis and a collector; over all placements each of them meets each.
        for (number, store) in stores.iter().enumerate() {
            let collector = collectors[(index + number) % collectors.len()];
            let external: &[&str] = if number > 0 || collector == ["external-collector"] {
                &["network-policy-external"]
            } else {
                &[]
            };
            let mut components = [&["simulator-job"], *store, collector, &OPTIONS, external].concat();
            let placed = format!("placement-{placement}");
            if *placement != "any" {
                components.push(&placed);
            }
            renderings.push(repository.combine(&components));
        }
    }
    for option in OPTIONS {
        renderings.push(repository.combine(&["redis", option]));
    }
    // Whatever is named first.
    renderings.push(repository.combine(&["simulator-job", "observability", "redis", "network-policy"]));
    renderings
});

/// A copy of `kubernetes/`, so that pins can be written beside it.
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

    /// Runs kustomize: by itself, or else kubectl, which contains it.
    pub(crate) fn kustomize(&self, folder: &str) -> Output {
        let is_alone = Command::new("kustomize").arg("version").output().is_ok();
        let (program, verb) = if is_alone { ("kustomize", "build") } else { ("kubectl", "kustomize") };
        let output = Command::new(program).args([verb, folder]).current_dir(self.directory.path()).output();
        output.unwrap_or_else(|error| {
            panic!("{program} does not start ({error}); put kustomize on the PATH: PATH=$PATH:$(scripts/lib/kustomize)")
        })
    }

    fn render(&self, folder: &str) -> Vec<Object> {
        let output = self.kustomize(folder);
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        objects.into_iter().map(Object).collect()
    }

    /// What a kustomization in a folder of `kubernetes/` gives.
    pub(crate) fn render_text(&self, kustomization: &str) -> Vec<Object> {
        let folder = self.directory.path().join("kubernetes/combined");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
        self.render("kubernetes/combined")
    }

    /// The base with these components and the pins.
    fn combine(&self, components: &[&str]) -> Rendering {
        let lines: Vec<String> =
            components.iter().map(|component| format!("  - ../components/{component}\n")).collect();
        let lines = lines.concat();
        let objects = self
            .render_text(&format!("resources:\n  - ../base\ncomponents:\n{lines}  - ../images/current\n"));
        let names = components.iter().map(|&component| component.to_owned()).collect();
        Rendering { name: components.join(" + "), components: names, objects }
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

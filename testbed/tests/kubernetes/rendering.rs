//! What kustomize makes of the placements, and of components in many combinations, with pins that the real code wrote.

use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

use crate::objects::Object;
use crate::repository::{COMBINED, PLACEMENTS, Repository};

pub(crate) const SERVICES: [&str; 3] = ["ingest-api", "process-worker", "query-api"];

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
        let objects = render(&repository, &format!("kubernetes/placements/{placement}"));
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
            renderings.push(combine(&repository, &components));
        }
    }
    for option in OPTIONS {
        renderings.push(combine(&repository, &["redis", option]));
    }
    // Whatever is named first.
    renderings.push(combine(&repository, &["simulator-job", "observability", "redis", "network-policy"]));
    renderings
});

/// Runs kustomize: by itself, or else kubectl, which contains it.
pub(crate) fn kustomize(repository: &Repository, folder: &str) -> Output {
    let is_alone = Command::new("kustomize").arg("version").output().is_ok();
    let (program, verb) = if is_alone { ("kustomize", "build") } else { ("kubectl", "kustomize") };
    let output = Command::new(program).args([verb, folder]).current_dir(repository.path()).output();
    output.unwrap_or_else(|error| {
        panic!("{program} does not start ({error}); put kustomize on the PATH: PATH=$PATH:$(scripts/lib/kustomize)")
    })
}

pub(crate) fn render(repository: &Repository, folder: &str) -> Vec<Object> {
    let output = kustomize(repository, folder);
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    objects.into_iter().map(Object).collect()
}

/// What a kustomization of somebody's own gives.
pub(crate) fn render_text(repository: &Repository, kustomization: &str) -> Vec<Object> {
    repository.write(kustomization);
    render(repository, COMBINED)
}

/// The base with these components and the pins.
fn combine(repository: &Repository, components: &[&str]) -> Rendering {
    repository.combine(components);
    let names = components.iter().map(|&component| component.to_owned()).collect();
    let objects = render(repository, COMBINED);
    Rendering { name: components.join(" + "), components: names, objects }
}

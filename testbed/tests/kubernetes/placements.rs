//! Pods go where their placement says, and nowhere else.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::objects::{Object, at, list, text};
use crate::rendering::{ALL, PLACED, Rendering, render};
use crate::repository::Repository;

const BOTH: &[&str] = &["amd64", "arm64"];

/// Labels of nodes that a pod of this name asks for: key, and the values it may have.
fn wanted(placement: &str, name: &str) -> Vec<(&'static str, &'static [&'static str])> {
    let architecture: &[&str] = match (placement, name) {
        ("amd64", _) => &["amd64"],
        ("arm64", _) | ("split", "process-worker") => &["arm64"],
        ("split", _) => &["amd64"],
        _ => BOTH,
    };
    let mut labels = vec![("kubernetes.io/arch", architecture)];
    match (placement, name) {
        ("by-label", _) => labels.push(("nodetype", &["vm"])),
        ("pinned", "process-worker") => labels.push(("kubernetes.io/hostname", &["node-2"])),
        ("pinned", _) => labels.push(("kubernetes.io/hostname", &["node-1"])),
        _ => {}
    }
    labels
}

/// What a pod requires of a node.
fn required(workload: &Object) -> Vec<(String, Vec<String>)> {
    let affinity = workload.at(
        "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    let [term] = list(affinity) else { panic!("{} has other terms: {affinity}", workload.name()) };
    let expression = |it: &Value| {
        assert_eq!(at(it, "/operator"), "In", "{it}");
        (text(at(it, "/key")), list(at(it, "/values")).iter().map(text).collect())
    };
    list(at(term, "/matchExpressions")).iter().map(expression).collect()
}

fn assert_placed(rendering: &Rendering, placement: &str) {
    let placed = ["ingest-api", "process-worker", "query-api", "redis"];
    for name in placed.iter().filter_map(|name| rendering.find("Deployment", name)) {
        let wanted = wanted(placement, name.name());
        let wanted: Vec<(String, Vec<String>)> = wanted
            .into_iter()
            .map(|(key, values)| (key.to_owned(), values.iter().map(|&value| value.to_owned()).collect()))
            .collect();
        assert_eq!(required(name), wanted, "{}: {}", rendering.name, name.name());
    }
}

#[test]
fn pods_require_what_their_placement_says() {
    for rendering in PLACED.iter() {
        assert_placed(rendering, rendering.name.strip_prefix("placements/").unwrap());
    }
}

#[test]
fn placements_hold_beside_all_other_components() {
    let mut count = 0;
    for rendering in ALL.iter() {
        let placement =
            rendering.components.iter().find_map(|component| component.strip_prefix("placement-"));
        if let Some(placement) = placement {
            assert_placed(rendering, placement);
            count += 1;
        }
    }
    assert_eq!(count, 15);
}

/// The load comes from any node of either architecture, never from one that the image is not built for.
#[test]
fn simulators_run_on_both_architectures() {
    for job in ALL.iter().filter_map(|rendering| rendering.find("Job", "simulator")) {
        assert_eq!(
            required(job),
            [("kubernetes.io/arch".to_owned(), vec!["amd64".to_owned(), "arm64".to_owned()])]
        );
    }
}

/// What the base's comment says to do, up to what needs a cluster.
fn recipe(repository: &Repository) -> Vec<String> {
    let base = fs::read_to_string(repository.path().join("kubernetes/base/kustomization.yaml")).unwrap();
    let lines = base.lines().filter_map(|line| line.strip_prefix("#   "));
    let commands = lines.filter(|line| ["mkdir ", "cp ", "sed "].iter().any(|verb| line.starts_with(verb)));
    commands.map(str::to_owned).collect()
}

#[test]
fn placements_are_changed_in_copies_that_git_ignores() {
    let repository = Repository::with_pins();
    let commands = recipe(&repository);
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let status = Command::new("sh").args(["-c", &command]).current_dir(repository.path()).status();
        assert!(status.unwrap().success(), "{command}");
    }
    let component = repository.path().join("kubernetes/local/components/placement-pinned/kustomization.yaml");
    let own = fs::read_to_string(&component).unwrap().replace("node-1", "clus1");
    fs::write(&component, own).unwrap();

    let objects = render(&repository, "kubernetes/local/pinned");

    for (name, node) in [("ingest-api", "clus1"), ("redis", "clus1"), ("process-worker", "node-2")] {
        let workload = objects.iter().find(|it| it.kind() == "Deployment" && it.name() == name).unwrap();
        let (key, values) = required(workload).pop().unwrap();
        assert_eq!((key.as_str(), values), ("kubernetes.io/hostname", vec![node.to_owned()]), "{name}");
    }
    let ignored = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.gitignore"));
    assert!(fs::read_to_string(ignored).unwrap().lines().any(|line| line == "/kubernetes/local"));
}
